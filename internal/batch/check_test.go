package batch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"c10klab/internal/batch"
)

const limit = 1 << 20

// packings are the ways in which clients compress records.
var packings = []struct {
	name  string
	codec batch.Codec
	pack  func(t testing.TB, records []byte) []byte
}{
	{"none", batch.Uncompressed, func(_ testing.TB, b []byte) []byte { return b }},
	{"gzip", batch.Gzip, func(t testing.TB, b []byte) []byte {
		return written(t, b, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	}},
	{"snappy", batch.Snappy, func(_ testing.TB, b []byte) []byte { return snappy.Encode(nil, b) }},
	{"snappy as Java frames it", batch.Snappy, func(_ testing.TB, b []byte) []byte { return xerial(b) }},
	{"lz4", batch.LZ4, func(t testing.TB, b []byte) []byte {
		return written(t, b, func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) })
	}},
	{"zstd", batch.Zstd, func(t testing.TB, b []byte) []byte {
		return written(t, b, func(w io.Writer) io.WriteCloser {
			e, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return e
		})
	}},
}

func written(t testing.TB, b []byte, to func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var out bytes.Buffer
	w := to(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// xerial is snappy-java's framing: a header, then blocks of up to 32 KiB.
func xerial(b []byte) []byte {
	out := []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
	for part := range slices.Chunk(b, 32<<10) {
		block := snappy.Encode(nil, part)
		out = binary.BigEndian.AppendUint32(out, uint32(len(block)))
		out = append(out, block...)
	}
	return out
}

// compressed packs the records of an uncompressed batch.
func compressed(b []byte, codec batch.Codec, records []byte) []byte {
	c := append(slices.Clone(b[:batch.HeaderBytes]), records...)
	c[22] = c[22]&^7 | byte(codec)
	return sealed(c)
}

// sealed gives a batch its length and its CRC.
func sealed(b []byte) []byte {
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func TestRecordsOfEveryCodecAreChecked(t *testing.T) {
	plain := clientBatch(7, sampleRecords()...)
	big := must(t)(batch.TemplateForBytes(200_000, 100, 1)).AppendTo(nil)
	for _, p := range packings {
		for _, b := range [][]byte{plain, big} {
			body := b[batch.HeaderBytes:]
			c := compressed(b, p.codec, p.pack(t, body))
			if _, err := batch.Check(c); err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			if _, err := batch.CheckRecords(c, limit); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
			if p.codec == batch.Uncompressed {
				continue
			}
			if got, err := batch.Decompress([]byte("x"), c, limit); err != nil || !bytes.Equal(got[1:], body) {
				t.Errorf("%s: %d of %d bytes are back, %v", p.name, len(got)-1, len(body), err)
			}
			damaged := compressed(b, p.codec, p.pack(t, body)[:len(p.pack(t, body))/2])
			if _, err := batch.CheckRecords(damaged, limit); !errors.Is(err, batch.BadCompression) && !errors.Is(err, batch.BadRecord) {
				t.Errorf("%s cut in half: %v", p.name, err)
			}
			if _, err := batch.CheckRecords(compressed(b, p.codec, []byte("garbage")), limit); !errors.Is(err, batch.BadCompression) {
				t.Errorf("%s of garbage: %v", p.name, err)
			}
		}
	}
}

// TestLyingBatchesAreNamed changes one thing in a sound batch, under a right CRC, in
// every codec.
func TestLyingBatchesAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		header func(b []byte)
		body   func(b []byte) []byte
		want   error
	}{
		"one record less than said": {func(b []byte) { b[26]++; b[60]++ }, nil, batch.BadRecord},
		"one record more than said": {func(b []byte) { b[26]--; b[60]-- }, nil, batch.BadRecord},
		"bytes behind the records":  {nil, func(b []byte) []byte { return append(b, 0) }, batch.BadRecord},
		"an offset twice":           {nil, func(b []byte) []byte { b[secondRecord(b)+3] = 0; return b }, batch.BadOffset},
		"a gap between offsets":     {nil, func(b []byte) []byte { b[secondRecord(b)+3] = 4; return b }, batch.BadOffset},
		"an offset below the first": {nil, func(b []byte) []byte { b[3] = 1; return b }, batch.BadOffset},
		"a time before 1970":        {func(b []byte) { b[27] = 0xff }, nil, batch.BadTimestamp},
		"log append time":           {func(b []byte) { b[22] |= 8 }, nil, batch.BadTimestamp},
		"a key beyond its record":   {nil, func(b []byte) []byte { b[4] = 100; return b }, batch.BadRecord},
	} {
		for _, p := range packings {
			b := must(t)(batch.NewTemplate(5, 10, 1)).AppendTo(nil)
			binary.BigEndian.PutUint64(b[27:], 1000)
			binary.BigEndian.PutUint64(b[35:], 1000)
			if _, err := batch.CheckRecords(sealed(b), limit); err != nil {
				t.Fatal(err)
			}
			if c.header != nil {
				c.header(b)
			}
			body := slices.Clone(b[batch.HeaderBytes:])
			if c.body != nil {
				body = c.body(body)
			}
			if _, err := batch.CheckRecords(compressed(b, p.codec, p.pack(t, body)), limit); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: got %v, want %v", name, p.name, err, c.want)
			}
		}
	}
}

// TestLatestTimestampIsMadeRight: what a client wrote there, −1 or less than its records have, does not
// count; the batch is sound afterwards.
func TestLatestTimestampIsMadeRight(t *testing.T) {
	for _, p := range packings {
		want := clientBatch(7, sampleRecords()...)
		want = compressed(want, p.codec, p.pack(t, want[batch.HeaderBytes:]))
		right, err := batch.CheckRecords(want, limit)
		if err != nil || right < 1000 {
			t.Fatalf("%s: %d, %v", p.name, right, err)
		}
		binary.BigEndian.PutUint64(want[35:], uint64(right))
		for name, lie := range map[string]uint64{"none": math.MaxUint64, "earlier": 5, "later": 1 << 50} {
			b := slices.Clone(want)
			binary.BigEndian.PutUint64(b[35:], lie)
			latest, err := batch.CheckRecords(sealed(b), limit)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, p.name, err)
			}
			if batch.SetMaxTimestamp(b, latest); !bytes.Equal(b, sealed(want)) {
				t.Errorf("%s, %s: the batch is not what it is with the right time", name, p.name)
			}
			if _, err := batch.Check(b); err != nil {
				t.Errorf("%s, %s: %v", name, p.name, err)
			}
		}
	}
}

// secondRecord is where the second record begins, with its one byte of length.
func secondRecord(records []byte) int {
	length, n := binary.Varint(records)
	return n + int(length)
}

// TestBombsAreRefusedInLittleMemory packs zeros that are 256 times the limit.
func TestBombsAreRefusedInLittleMemory(t *testing.T) {
	zeros := make([]byte, 256*limit)
	for _, p := range packings[1:] {
		b := must(t)(batch.NewTemplate(1, 10, 1)).AppendTo(nil)
		bomb := compressed(b, p.codec, p.pack(t, zeros))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := batch.CheckRecords(bomb, limit)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, batch.TooLarge) {
			t.Errorf("%s: %v", p.name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 64*limit {
			t.Errorf("%s: %d bytes were allocated for a limit of %d", p.name, used, limit)
		}
	}
}

func TestCheckingRecordsDoesNotAllocate(t *testing.T) {
	b := must(t)(batch.TemplateForBytes(20_000, 100, 1)).AppendTo(nil)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := batch.CheckRecords(b, limit); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDecompress(f *testing.F) {
	plain := clientBatch(0, sampleRecords()...)
	for _, p := range packings[1:] {
		f.Add(byte(p.codec), p.pack(f, plain[batch.HeaderBytes:]))
	}
	f.Fuzz(func(t *testing.T, codec byte, body []byte) {
		b := compressed(plain, batch.Codec(codec&7), body)
		records, err := batch.Decompress(nil, b, 1<<16)
		if err == nil && len(records) > 1<<16 {
			t.Fatalf("%d bytes pass a limit of %d", len(records), 1<<16)
		}
		_, _ = batch.CheckRecords(b, 1<<16) // must not panic
	})
}

func BenchmarkCheckRecords(b *testing.B) {
	for name, valueBytes := range map[string]int{"90B": 90, "1000B": 1000} {
		records := must(b)(batch.TemplateForBytes(64<<10, valueBytes, 1)).AppendTo(nil)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(records)))
			for b.Loop() {
				if _, err := batch.CheckRecords(records, limit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
