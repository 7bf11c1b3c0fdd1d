package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// plainCheck is checkRecords by parsing each record.
func plainCheck(h Header, records []byte) (latest int64, err error) {
	it := RecordsIn(h, records)
	latest = noTimestamp
	for want := int32(0); ; want++ {
		r, ok := it.Next()
		if !ok {
			break
		}
		at := h.BaseTimestampMs + r.TimestampDeltaMs
		switch {
		case r.OffsetDelta != want:
			return 0, newError(BadOffset, "record %d has offset delta %d", want, r.OffsetDelta)
		case at < noTimestamp:
			return 0, newError(BadTimestamp, "record %d is at %d ms", want, at)
		}
		latest = max(latest, at)
	}
	return latest, it.Err()
}

// agree holds checkRecords against plainCheck: the same error, word for word, and the same latest timestamp.
func agree(t *testing.T, h Header, records []byte) error {
	t.Helper()
	gotLatest, got := checkRecords(h, records)
	latest, want := plainCheck(h, records)
	if fmt.Sprint(got) != fmt.Sprint(want) || want == nil && gotLatest != latest {
		t.Fatalf("%d, %v; want %d, %v of %+v, %x", gotLatest, got, latest, want, h, records)
	}
	return want
}

// recordKind says how a test's records differ from each other.
type recordKind struct {
	name                 string
	deltaMs              func(i int) int64
	keyBytes, valueBytes func(i int) int // −1: null
	headers              func(i int) int
	usual                bool // skim takes them all, the last ones perhaps apart
}

var recordKinds = func() []recordKind {
	random := rand.New(rand.NewPCG(3, 4))
	always := func(n int) func(int) int { return func(int) int { return n } }
	below := func(n int) func(int) int { return func(int) int { return random.IntN(n) } }
	still := func(int) int64 { return 0 }
	rising := func(i int) int64 { return int64(i) }
	either := func(i int) int64 { return int64(random.IntN(200) - 100) }
	return []recordKind{
		{"alike", still, always(-1), always(90), always(0), true},
		{"small", still, always(-1), always(0), always(0), true},
		{"null", still, always(-1), always(-1), always(0), true},
		{"of one word", still, always(0), always(1), always(0), true},
		{"with keys", rising, always(10), always(100), always(0), true},
		{"later each", rising, always(-1), always(100), always(0), true},
		{"in any order", either, always(-1), always(100), always(0), true},
		{"much later each", func(i int) int64 { return int64(i) * 1000 }, always(5), always(100), always(0), false},
		{"of many sizes", rising, below(20), below(300), always(0), true},
		{"of two sizes", still, always(-1), func(i int) int { return 62 + i/5%2 }, always(0), true},
		{"large", still, always(-1), always(8100), always(0), true},
		{"very large", still, always(-1), always(9000), always(0), false},
		{"with headers now and then", rising, always(3), always(50), func(i int) int { return i % 7 / 6 }, false},
	}
}()

// make builds records of a kind and the header of their batch.
func (k recordKind) make(count int) (h Header, records []byte) {
	h = Header{RecordCount: int32(count), BaseTimestampMs: 1000, MaxTimestampMs: noTimestamp}
	nullable := func(b []byte, n int) []byte {
		return append(binary.AppendVarint(b, int64(n)), make([]byte, max(0, n))...)
	}
	for i := range count {
		h.MaxTimestampMs = max(h.MaxTimestampMs, h.BaseTimestampMs+k.deltaMs(i))
		r := binary.AppendVarint([]byte{byte(i % 3)}, k.deltaMs(i))
		r = binary.AppendVarint(r, int64(i))
		r = nullable(nullable(r, k.keyBytes(i)), k.valueBytes(i))
		headers := k.headers(i)
		r = binary.AppendVarint(r, int64(headers))
		for range headers {
			r = nullable(nullable(r, 2), 3)
		}
		records = append(binary.AppendVarint(records, int64(len(r))), r...)
	}
	return h, records
}

func TestSkimmingAgreesWithParsing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, k := range recordKinds {
		h, records := k.make(300)
		if k.name != "in any order" {
			if err := agree(t, h, records); err != nil {
				t.Fatalf("records %s: %v", k.name, err)
			}
		}
		it := RecordsIn(h, records)
		if it.skim(h.BaseTimestampMs, noTimestamp); k.usual && it.left > 2 {
			t.Errorf("records %s: %d of %d are not skimmed", k.name, it.left, h.RecordCount)
		}
		for range 3000 {
			lying, damaged := h, append([]byte(nil), records[:min(len(records), 3000)]...)
			switch random.IntN(4) {
			case 0:
				lying.RecordCount = random.Int32N(400)
			case 1:
				lying.BaseTimestampMs = random.Int64N(200) - 100
			}
			for range random.IntN(3) {
				damaged[random.IntN(len(damaged))] = byte(random.Uint32())
			}
			agree(t, lying, damaged)
		}
	}
}

func TestManyRecordsAreChecked(t *testing.T) {
	tmpl, err := NewTemplate(20_000, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := tmpl.AppendTo(nil)
	h, err := Check(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := agree(t, h, b[HeaderBytes:]); err != nil {
		t.Fatal(err)
	}
}

func FuzzSkim(f *testing.F) {
	tmpl, err := NewTemplate(3, 100, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tmpl.AppendTo(nil)[HeaderBytes:], int32(3), int64(0))
	f.Add([]byte{14, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, int32(1), int64(-1))
	for _, k := range recordKinds {
		h, records := k.make(70)
		f.Add(records, h.RecordCount, h.BaseTimestampMs)
	}
	f.Fuzz(func(t *testing.T, records []byte, count int32, baseMs int64) {
		agree(t, Header{RecordCount: min(count, 1000), BaseTimestampMs: baseMs}, records)
	})
}

func TestCheckRecordsNamesWhatSkimmingLeaves(t *testing.T) {
	tmpl, err := NewTemplate(5, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := tmpl.AppendTo(nil)
	b[len(b)-1] = 2 // a header that is not there
	if _, err := CheckRecords(b, 1<<20); !errors.Is(err, BadRecord) {
		t.Errorf("got %v", err)
	}
}
