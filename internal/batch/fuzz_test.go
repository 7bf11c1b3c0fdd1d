package batch_test

import (
	"testing"

	"c10klab/internal/batch"
)

// FuzzBatches feeds arbitrary bytes to every decoder: none may panic or read
// outside the input, and what Check accepts Walk must find too.
func FuzzBatches(f *testing.F) {
	f.Add(clientBatch(0, sampleRecords()...))
	f.Add(append(clientBatch(0, sampleRecords()...), clientBatch(3, sampleRecords()[1:]...)...))
	f.Add(must(f)(batch.TemplateForBytes(500, 20, 1)).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, checkErr := batch.Check(b)
		batches, total := 0, 0
		tail, walkErr := batch.Walk(b, func(h batch.Header, one []byte) error {
			if h.SizeBytes() != len(one) {
				t.Fatalf("header says %d bytes, got %d", h.SizeBytes(), len(one))
			}
			if batches++; batches == 1 && checkErr == nil && h != first {
				t.Fatalf("Walk found %+v, Check %+v", h, first)
			}
			total += len(one)
			decode(t, h, one)
			return nil
		})
		if total+len(tail) != len(b) {
			t.Fatalf("%d bytes walked and %d left of %d", total, len(tail), len(b))
		}
		if checkErr == nil && batches == 0 {
			t.Fatalf("Check accepts what Walk does not find: %v", walkErr)
		}
	})
}

// decode runs the record iterator even over batches whose CRC is wrong.
func decode(t *testing.T, h batch.Header, one []byte) {
	it := batch.Records(one)
	count := int32(0)
	for r, ok := it.Next(); ok; r, ok = it.Next() {
		batch.DueNs(r.Value)
		count++
	}
	if it.Err() == nil && count != h.RecordCount {
		t.Fatalf("%d records without an error, header says %d", count, h.RecordCount)
	}
}
