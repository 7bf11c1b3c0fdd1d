package batch_test

import (
	"bytes"
	"testing"

	"c10klab/internal/batch"
)

// A compressed template holds the records of the plain one, and a stamp reaches the first of them, its
// timestamps and every checksum.
func TestCompressedTemplatesHoldTheSameRecords(t *testing.T) {
	const dueNs, ms, limit = 123_456_789_012, 1_700_000_000_000, 64 << 20
	for _, size := range []struct{ batchBytes, valueBytes int }{{100, 8}, {4096, 100}, {64 << 10, 1 << 10}, {6 << 20, 100 << 10}} {
		plain, err := batch.TemplateForBytes(size.batchBytes, size.valueBytes, 7)
		if err != nil {
			t.Fatal(err)
		}
		plain = plain.Compressible(0.5)
		for name, codec := range batch.Codecs {
			packed, err := plain.Compressed(codec)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			b := packed.AppendTo(nil)
			packed.Stamp(b, dueNs, ms)
			h, err := batch.Check(b)
			if err != nil || h.Compression() != codec || h.MaxTimestampMs != ms {
				t.Fatalf("%s of %d bytes: %+v, %v", name, size.batchBytes, h, err)
			}
			if latest, err := batch.CheckRecords(b, limit); err != nil || latest != ms {
				t.Fatalf("%s of %d bytes: latest %d, %v", name, size.batchBytes, latest, err)
			}
			want := plain.AppendTo(nil)
			plain.Stamp(want, 0, ms)
			due, err := batch.Open(h, b, limit, func(h batch.Header, records []byte) (int64, error) {
				it := batch.RecordsIn(h, records)
				first, _ := it.Next()
				due := batch.DueNs(first.Value)
				clear(first.Value[:batch.DueBytes])
				same := bytes.Equal(records, want[batch.HeaderBytes:])
				if codec == batch.Uncompressed {
					same = len(records) == len(want)-batch.HeaderBytes // every record has its due time
				}
				if !same {
					t.Errorf("%s of %d bytes: other records", name, size.batchBytes)
				}
				return due, it.Err()
			})
			if err != nil || due != dueNs {
				t.Errorf("%s of %d bytes: due at %d, %v", name, size.batchBytes, due, err)
			}
			if codec != batch.Uncompressed && size.batchBytes > 4000 && packed.SizeBytes() > 2*plain.SizeBytes()/3 {
				t.Errorf("%s: %d bytes became %d", name, plain.SizeBytes(), packed.SizeBytes())
			}
			if packed.Records() != plain.Records() {
				t.Errorf("%s: %d records became %d", name, plain.Records(), packed.Records())
			}
		}
	}
}
