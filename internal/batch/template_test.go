package batch_test

import (
	"bytes"
	"compress/flate"
	"testing"

	"c10klab/internal/batch"
)

func must(t testing.TB) func(*batch.Template, error) *batch.Template {
	return func(tmpl *batch.Template, err error) *batch.Template {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return tmpl
	}
}

func TestStampSetsDueTimesTimestampsAndCRC(t *testing.T) {
	tmpl := must(t)(batch.NewTemplate(200, 100, 1))
	b := tmpl.AppendTo(nil)
	tmpl.Stamp(b, 123456789, 1700000000000)
	h, err := batch.Check(b)
	if err != nil {
		t.Fatal(err)
	}
	if h.BaseTimestampMs != 1700000000000 || h.MaxTimestampMs != h.BaseTimestampMs || h.ProducerID != -1 || h.RecordCount != 200 {
		t.Errorf("header %+v", h)
	}
	it := batch.Records(b)
	count := int32(0)
	for r, ok := it.Next(); ok; r, ok = it.Next() {
		if r.OffsetDelta != count || r.TimestampDeltaMs != 0 || r.Key != nil || len(r.Value) != 100 || batch.DueNs(r.Value) != 123456789 {
			t.Fatalf("record %d: %+v", count, r)
		}
		count++
	}
	if it.Err() != nil || count != 200 {
		t.Errorf("%d records, error %v", count, it.Err())
	}
}

func TestStampLeavesTheTemplateAlone(t *testing.T) {
	tmpl := must(t)(batch.NewTemplate(3, 16, 1))
	before := tmpl.AppendTo(nil)
	stamped := tmpl.AppendTo(nil)
	tmpl.Stamp(stamped, 1, 1)
	if !bytes.Equal(before, tmpl.AppendTo(nil)) || bytes.Equal(before, stamped) {
		t.Error("a stamp must change its copy and nothing else")
	}
}

func TestTemplateIsSeededAndIncompressible(t *testing.T) {
	one := must(t)(batch.NewTemplate(50, 1000, 7)).AppendTo(nil)
	if !bytes.Equal(one, must(t)(batch.NewTemplate(50, 1000, 7)).AppendTo(nil)) {
		t.Error("the same seed gave other bytes")
	}
	if bytes.Equal(one, must(t)(batch.NewTemplate(50, 1000, 8)).AppendTo(nil)) {
		t.Error("another seed gave the same bytes")
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression)
	w.Write(one)
	w.Close()
	if packed.Len() < len(one)*95/100 {
		t.Errorf("%d bytes compress to %d", len(one), packed.Len())
	}
}

func TestTemplateForBytesIsExact(t *testing.T) {
	for _, valueBytes := range []int{8, 57, 58, 63, 64, 100, 1000, 8191, 65536} {
		for batchBytes := 2 * (valueBytes + 80); batchBytes < 2*(valueBytes+80)+300; batchBytes++ {
			tmpl := must(t)(batch.TemplateForBytes(batchBytes, valueBytes, 1))
			h, err := batch.Check(tmpl.AppendTo(nil))
			if err != nil || h.SizeBytes() != batchBytes || tmpl.SizeBytes() != batchBytes {
				t.Fatalf("%d bytes asked with values of %d: size %d, error %v", batchBytes, valueBytes, h.SizeBytes(), err)
			}
		}
	}
	tmpl := must(t)(batch.TemplateForBytes(64<<10, 1000, 1))
	if tmpl.SizeBytes() != 64<<10 || tmpl.Records() < 60 || tmpl.Records() > 65 {
		t.Errorf("64 KiB of 1000-byte values: %d bytes, %d records", tmpl.SizeBytes(), tmpl.Records())
	}
}

func TestImpossibleTemplatesAreRefused(t *testing.T) {
	if _, err := batch.NewTemplate(0, 100, 1); err == nil {
		t.Error("no records were accepted")
	}
	if _, err := batch.NewTemplate(1, batch.DueBytes-1, 1); err == nil {
		t.Error("a value too short for its due time was accepted")
	}
	if _, err := batch.TemplateForBytes(batch.HeaderBytes, 100, 1); err == nil {
		t.Error("a batch without room for a record was accepted")
	}
	if _, err := batch.TemplateForBytes(1000, 2, 1); err == nil {
		t.Error("a value too short for its due time was accepted")
	}
}

func TestDueTimeOfAShortValueIsZero(t *testing.T) {
	if due := batch.DueNs([]byte("short")); due != 0 {
		t.Errorf("due %d", due)
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	tmpl := must(t)(batch.TemplateForBytes(16<<10, 100, 1))
	b := tmpl.AppendTo(tmpl.AppendTo(nil))
	one := b[:tmpl.SizeBytes()]
	records, batches := 0, 0
	for name, f := range map[string]func(){
		"Check": func() { batch.Check(b) },
		"Walk": func() {
			batch.Walk(b, func(h batch.Header, _ []byte) error { batches++; return nil })
		},
		"Walk over a partial tail": func() {
			batch.Walk(b[:len(b)-1], func(h batch.Header, _ []byte) error { batches++; return nil })
		},
		"Stamp": func() { tmpl.Stamp(one, 1, 2) },
		"Records": func() {
			it := batch.Records(one)
			for _, ok := it.Next(); ok; _, ok = it.Next() {
				records++
			}
		},
		"AssignOffset": func() { batch.AssignOffset(b, 3, 4) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
