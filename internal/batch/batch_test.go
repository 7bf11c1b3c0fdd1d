package batch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"c10klab/internal/batch"
)

// clientBatch encodes records with franz-go's message package, the way a real
// client builds a batch.
func clientBatch(baseOffset int64, records ...kmsg.Record) []byte {
	var body []byte
	for i, r := range records {
		r.OffsetDelta = int32(i)
		r.Length = 0
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		body = r.AppendTo(body)
	}
	b := kmsg.RecordBatch{
		FirstOffset: baseOffset, Length: int32(batch.HeaderBytes - 12 + len(body)), PartitionLeaderEpoch: 3,
		Magic: 2, LastOffsetDelta: int32(len(records) - 1), FirstTimestamp: 1000, MaxTimestamp: 1007,
		ProducerID: 7, ProducerEpoch: 8, FirstSequence: 9, NumRecords: int32(len(records)), Records: body,
	}
	return reseal(b.AppendTo(nil))
}

// reseal makes the CRC right again after a change.
func reseal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func sampleRecords() []kmsg.Record {
	return []kmsg.Record{
		{Key: []byte("k"), Value: []byte("first")},
		{TimestampDelta64: 7, Value: bytes.Repeat([]byte("v"), 300), Headers: []kmsg.Header{{Key: "h", Value: []byte("x")}, {Key: "n"}}},
		{Key: []byte{}, Value: nil},
	}
}

func TestHeaderAgreesWithClientEncoding(t *testing.T) {
	b := clientBatch(42, sampleRecords()...)
	h, err := batch.Check(b)
	if err != nil {
		t.Fatal(err)
	}
	want := batch.Header{
		BaseOffset: 42, LengthBytes: int32(len(b) - 12), LeaderEpoch: 3, Magic: 2, CRC: h.CRC, LastOffsetDelta: 2,
		BaseTimestampMs: 1000, MaxTimestampMs: 1007, ProducerID: 7, ProducerEpoch: 8, BaseSequence: 9, RecordCount: 3,
	}
	if h != want {
		t.Errorf("header\n got %+v\nwant %+v", h, want)
	}
	if h.SizeBytes() != len(b) || h.LastOffset() != 44 {
		t.Errorf("size %d, last offset %d; want %d, 44", h.SizeBytes(), h.LastOffset(), len(b))
	}
}

func TestRecordsAgreeWithClientEncoding(t *testing.T) {
	sent := sampleRecords()
	it := batch.Records(clientBatch(0, sent...))
	for i, want := range sent {
		got, ok := it.Next()
		if !ok {
			t.Fatalf("record %d is missing: %v", i, it.Err())
		}
		if int(got.OffsetDelta) != i || got.TimestampDeltaMs != want.TimestampDelta64 ||
			!bytes.Equal(got.Key, want.Key) || !bytes.Equal(got.Value, want.Value) ||
			(got.Key == nil) != (want.Key == nil) || (got.Value == nil) != (want.Value == nil) {
			t.Errorf("record %d: got %+v, want %+v", i, got, want)
		}
	}
	if _, ok := it.Next(); ok || it.Err() != nil {
		t.Errorf("after the last record: ok %v, error %v", ok, it.Err())
	}
}

func TestEveryBitFromTheAttributesOnIsUnderTheCRC(t *testing.T) {
	whole := clientBatch(0, sampleRecords()...)
	for i := 21; i < len(whole); i++ {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			if _, err := batch.Check(b); !errors.Is(err, batch.BadCRC) {
				t.Fatalf("bit %d of byte %d changed: %v", bit, i, err)
			}
		}
	}
}

func TestCheckNamesTheDamage(t *testing.T) {
	whole := clientBatch(0, sampleRecords()...)
	for name, c := range map[string]struct {
		damage func(b []byte) []byte
		want   batch.Kind
	}{
		"empty":                   {func(b []byte) []byte { return nil }, batch.Truncated},
		"half a header":           {func(b []byte) []byte { return b[:30] }, batch.Truncated},
		"one byte short":          {func(b []byte) []byte { return b[:len(b)-1] }, batch.Truncated},
		"length negative":         {func(b []byte) []byte { b[8] = 0xff; return b }, batch.BadLength},
		"length below a header":   {func(b []byte) []byte { copy(b[8:], []byte{0, 0, 0, 48}); return b }, batch.BadLength},
		"length beyond the bytes": {func(b []byte) []byte { b[8] = 0x7f; return b }, batch.Truncated},
		"old format version":      {func(b []byte) []byte { b[16] = 1; return b }, batch.BadMagic},
		"short old message":       {func(b []byte) []byte { b[16] = 0; return b[:34] }, batch.BadMagic},
		"zeros":                   {func(b []byte) []byte { clear(b); return b }, batch.BadMagic},
		"bit in the CRC":          {func(b []byte) []byte { b[20] ^= 1; return b }, batch.BadCRC},
		"bit in the header":       {func(b []byte) []byte { b[30] ^= 1; return b }, batch.BadCRC},
		"bit in the last byte":    {func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, batch.BadCRC},
		"no records":              {func(b []byte) []byte { clear(b[57:61]); return reseal(b) }, batch.BadCount},
		"count differs":           {func(b []byte) []byte { b[60]++; return reseal(b) }, batch.BadCount},
		"negative count":          {func(b []byte) []byte { b[57], b[23] = 0x80, 0x80; return reseal(b) }, batch.BadCount},
		"count cannot fit":        {func(b []byte) []byte { b[57], b[23] = 0x70, 0x70; return reseal(b) }, batch.BadCount},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := batch.Check(c.damage(bytes.Clone(whole)))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestBaseOffsetAndEpochAreOutsideTheCRC(t *testing.T) {
	b := clientBatch(0, sampleRecords()...)
	batch.AssignOffset(b, 1<<40, 12)
	h, err := batch.Check(b)
	if err != nil || h.BaseOffset != 1<<40 || h.LeaderEpoch != 12 || h.LastOffset() != 1<<40+2 {
		t.Errorf("header %+v, error %v", h, err)
	}
}

func TestRecordsRefuseCompressedAndMalformedBatches(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b []byte)
		want   batch.Kind
	}{
		"zstd":                 {func(b []byte) { b[22] = byte(batch.Zstd) }, batch.Compressed},
		"record length":        {func(b []byte) { b[61] = 0xff }, batch.BadRecord},
		"key length":           {func(b []byte) { b[65] = 0x7e }, batch.BadRecord},
		"count below content":  {func(b []byte) { b[60]-- }, batch.BadRecord},
		"count beyond content": {func(b []byte) { b[60]++ }, batch.BadRecord},
	} {
		t.Run(name, func(t *testing.T) {
			b := clientBatch(0, sampleRecords()...)
			c.change(b)
			it := batch.Records(b)
			for _, ok := it.Next(); ok; _, ok = it.Next() {
			}
			if !errors.Is(it.Err(), c.want) {
				t.Errorf("got %v, want %v", it.Err(), c.want)
			}
		})
	}
}

func TestWalkReturnsThePartialTail(t *testing.T) {
	one := clientBatch(0, sampleRecords()...)
	two := clientBatch(3, sampleRecords()[:1]...)
	three := append(bytes.Clone(one), two...)
	for _, tailBytes := range []int{0, 5, 61, len(one) - 1} {
		var bases []int64
		tail, err := batch.Walk(append(bytes.Clone(three), one[:tailBytes]...), func(h batch.Header, b []byte) error {
			bases = append(bases, h.BaseOffset)
			_, err := batch.Check(b)
			return err
		})
		if err != nil || !bytes.Equal(tail, one[:tailBytes]) || len(bases) != 2 || bases[1] != 3 {
			t.Errorf("tail of %d bytes: left %d, bases %v, error %v", tailBytes, len(tail), bases, err)
		}
	}
}

func TestWalkStopsAtTheBatchAtFault(t *testing.T) {
	b := clientBatch(0, sampleRecords()...)
	first := len(b)
	b = append(b, b...)
	b[first+16] = 1
	tail, err := batch.Walk(b, func(batch.Header, []byte) error { return nil })
	if !errors.Is(err, batch.BadMagic) || len(tail) != first {
		t.Errorf("left %d bytes, error %v; want %d, %v", len(tail), err, first, batch.BadMagic)
	}
	stop := errors.New("stop")
	if _, err := batch.Walk(b, func(batch.Header, []byte) error { return stop }); err != stop {
		t.Errorf("the callback's error became %v", err)
	}
}
