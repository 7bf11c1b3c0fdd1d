package batch

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// agree holds nextPlace against Next over records: the same places, and the same error.
func agree(t *testing.T, h Header, records []byte) (skimmed int) {
	t.Helper()
	quick, full := RecordsIn(h, records), RecordsIn(h, records)
	for {
		if _, size := skim(quick.rest); size > 0 && quick.left > 0 {
			skimmed++
		}
		p, ok := quick.nextPlace()
		r, want := full.Next()
		if ok != want || ok && (p != place{int64(r.OffsetDelta), r.TimestampDeltaMs}) {
			t.Fatalf("%+v, %v; want %+v, %v of %x", p, ok, r, want, records)
		}
		if !ok {
			break
		}
	}
	if (quick.Err() == nil) != (full.Err() == nil) || quick.Err() != nil && quick.Err().Error() != full.Err().Error() {
		t.Fatalf("%v, want %v", quick.Err(), full.Err())
	}
	return skimmed
}

func TestSkimmingAgreesWithParsing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, valueBytes := range []int{8, 50, 63, 64, 100, 1000, 8191, 8192, 20_000} {
		tmpl, err := NewTemplate(200, valueBytes, 1)
		if err != nil {
			t.Fatal(err)
		}
		b := tmpl.AppendTo(nil)
		h, err := Check(b)
		if err != nil {
			t.Fatal(err)
		}
		if skimmed := agree(t, h, b[HeaderBytes:]); valueBytes < 8000 && skimmed < 199 {
			t.Errorf("values of %d bytes: %d of 200 records are skimmed", valueBytes, skimmed)
		}
		for range 2000 {
			damaged := append([]byte(nil), b[HeaderBytes:min(len(b), HeaderBytes+3000)]...)
			for range 1 + random.IntN(3) {
				damaged[random.IntN(len(damaged))] = byte(random.Uint32())
			}
			agree(t, h, damaged)
		}
	}
}

func FuzzSkim(f *testing.F) {
	tmpl, err := NewTemplate(3, 100, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tmpl.AppendTo(nil)[HeaderBytes:], int32(3))
	f.Add([]byte{14, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, int32(1))
	f.Fuzz(func(t *testing.T, records []byte, count int32) {
		agree(t, Header{RecordCount: min(count, 1000)}, records)
	})
}

func TestCheckRecordsNamesWhatSkimmingLeaves(t *testing.T) {
	tmpl, err := NewTemplate(5, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := tmpl.AppendTo(nil)
	b[len(b)-1] = 2 // a header that is not there
	if err := CheckRecords(b, 1<<20); !errors.Is(err, BadRecord) {
		t.Errorf("got %v", err)
	}
}
