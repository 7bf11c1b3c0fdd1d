package storage_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"c10klab/internal/batch"
	"c10klab/storage"
)

func TestAppendAssignsOffsetsAcrossBatches(t *testing.T) {
	_, l := openWith(t, defaults(), nil, t.TempDir())
	if info := mustAppend(t, l, numbered(t, 5, 1)); info != (storage.AppendInfo{BaseOffset: 0, LastOffset: 4, MaxTimestampMs: 1, Batches: 1}) {
		t.Errorf("first append: %+v", info)
	}
	two := append(numbered(t, 2, 9), numbered(t, 3, 8)...)
	info, err := l.Append(two, 7)
	if err != nil || info != (storage.AppendInfo{BaseOffset: 5, LastOffset: 9, MaxTimestampMs: 9, Batches: 2}) {
		t.Errorf("second append: %+v, %v", info, err)
	}
	if l.StartOffset() != 0 || l.EndOffset() != 10 || l.HighWatermark() != 10 {
		t.Errorf("log is %d to %d, high watermark %d", l.StartOffset(), l.EndOffset(), l.HighWatermark())
	}
	var bases []int64
	s, err := l.Read(5, 1<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	stored := content(t, s)
	if !bytes.Equal(stored, two) {
		t.Error("what is read differs from what was appended")
	}
	batch.Walk(stored, func(h batch.Header, _ []byte) error {
		if h.LeaderEpoch != 7 {
			t.Errorf("leader epoch %d", h.LeaderEpoch)
		}
		bases = append(bases, h.BaseOffset)
		return nil
	})
	if !slices.Equal(bases, []int64{5, 7}) {
		t.Errorf("base offsets %v", bases)
	}
}

func TestBadBatchesAppendNothing(t *testing.T) {
	cfg := defaults()
	cfg.MaxBatchBytes = 400
	_, l := openWith(t, cfg, nil, t.TempDir())
	mustAppend(t, l, numbered(t, 1, 0))
	good := func() []byte { return numbered(t, 2, 1) }
	flipped := good()
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		records []byte
		want    error
	}{
		"nothing":                   {nil, batch.Truncated},
		"half a batch":              {good()[:70], batch.Truncated},
		"half a second batch":       {append(good(), good()[:20]...), batch.Truncated},
		"bad CRC":                   {flipped, batch.BadCRC},
		"bad CRC in a second batch": {append(good(), flipped...), batch.BadCRC},
		"old format":                {append([]byte(nil), make([]byte, 100)...), batch.BadMagic},
		"too large":                 {numbered(t, 10, 1), storage.ErrBatchTooLarge},
	} {
		if _, err := l.Append(c.records, 0); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if got := readAll(t, l, 0); !slices.Equal(got, []int64{0}) || l.EndOffset() != 1 {
		t.Errorf("log holds %v up to %d", got, l.EndOffset())
	}
}

func TestEveryOffsetIsFoundInItsBatch(t *testing.T) {
	_, l := openWith(t, small(), nil, t.TempDir())
	bases := fillLog(t, l, 100)
	for i := range len(bases) - 1 {
		for offset := bases[i]; offset < bases[i+1]; offset++ {
			s, err := l.Read(offset, 200, true)
			if err != nil {
				t.Fatal(err)
			}
			h, err := batch.ReadHeader(content(t, s))
			if err != nil || h.BaseOffset != bases[i] {
				t.Errorf("offset %d: batch at %d, want %d, %v", offset, h.BaseOffset, bases[i], err)
			}
		}
	}
	if got := readAll(t, l, 0); !slices.Equal(got, wantNumbers(100)) {
		t.Errorf("read %v", got)
	}
}

func TestReadKeepsToItsLimits(t *testing.T) {
	_, l := openWith(t, defaults(), nil, t.TempDir())
	first := numbered(t, 3, 1)
	mustAppend(t, l, first)
	mustAppend(t, l, numbered(t, 3, 2))
	for _, c := range []struct {
		name      string
		offset    int64
		maxBytes  int
		minOne    bool
		wantBytes int
	}{
		{"all", 0, 1 << 20, false, 2 * len(first)},
		{"a partial second batch", 0, len(first) + 10, false, len(first) + 10},
		{"a partial first batch", 0, 10, false, 10},
		{"one batch at least", 1, 10, true, len(first)},
		{"one batch at least, nothing allowed", 4, 0, true, len(first)},
		{"nothing allowed", 0, 0, false, 0},
		{"less than nothing allowed", 0, -1, false, 0},
		{"the end", 6, 1 << 20, true, 0},
	} {
		s, err := l.Read(c.offset, c.maxBytes, c.minOne)
		if err != nil || s.LengthBytes != c.wantBytes || s.Empty() != (c.wantBytes == 0) {
			t.Errorf("%s: %d bytes, want %d; empty %v, %v", c.name, s.LengthBytes, c.wantBytes, s.Empty(), err)
		}
		s.Release()
	}
}

func TestOffsetsOutOfRangeSayTheRange(t *testing.T) {
	_, l := openWith(t, defaults(), nil, t.TempDir())
	mustAppend(t, l, numbered(t, 3, 1))
	for _, offset := range []int64{-1, 4, 1 << 60} {
		_, err := l.Read(offset, 100, true)
		var ranged *storage.OffsetRangeError
		if !errors.Is(err, storage.ErrOffsetOutOfRange) || !errors.As(err, &ranged) ||
			*ranged != (storage.OffsetRangeError{Offset: offset, Start: 0, End: 3}) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
}

func TestSegmentsRollBySize(t *testing.T) {
	dir, told := t.TempDir(), &events{}
	_, l := openWith(t, small(), told, dir)
	fillLog(t, l, 100)
	logs := files(t, dir, "t-0", "*.log")
	if len(logs) < 4 || len(told.rolled) != len(logs)-1 {
		t.Errorf("%d segments, %d rolls told", len(logs), len(told.rolled))
	}
	if indexes := files(t, dir, "t-0", "*.index"); len(indexes) != len(logs)-1 || !slices.Equal(indexes, told.indexes) {
		t.Errorf("indexes %v, told %v, of %d segments", indexes, told.indexes, len(logs))
	}
}

func TestAnAppendLargerThanASegmentGetsItsOwn(t *testing.T) {
	_, l := openWith(t, small(), nil, t.TempDir())
	mustAppend(t, l, numbered(t, 1, 1))
	mustAppend(t, l, numbered(t, 500, 2))
	mustAppend(t, l, numbered(t, 1, 3))
	got := readAll(t, l, 0)
	if len(got) != 502 || got[0] != 1 || got[1] != 2 || got[500] != 2 || got[501] != 3 {
		t.Errorf("%d records read", len(got))
	}
}

func TestOffsetForTimestamp(t *testing.T) {
	_, l := openWith(t, small(), nil, t.TempDir())
	if _, _, found, err := l.OffsetForTimestamp(0); found || err != nil {
		t.Errorf("empty log: found %v, %v", found, err)
	}
	bases := fillLog(t, l, 60)
	for _, ms := range []int64{-5, 0, 1, 30, 59} {
		offset, timestamp, found, err := l.OffsetForTimestamp(ms)
		want := max(ms, 0)
		if err != nil || !found || offset != bases[want] || timestamp != want {
			t.Errorf("%d ms: offset %d at %d ms, found %v, %v; want %d", ms, offset, timestamp, found, err, bases[want])
		}
	}
	if _, _, found, err := l.OffsetForTimestamp(60); found || err != nil {
		t.Errorf("after the last record: found %v, %v", found, err)
	}
}

func TestASliceOutlivesTheStore(t *testing.T) {
	s, l := openWith(t, defaults(), nil, t.TempDir())
	b := numbered(t, 3, 1)
	mustAppend(t, l, b)
	slice, err := l.Read(0, 1000, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, slice), b) {
		t.Error("the region changed")
	}
	if _, err := l.Read(0, 1000, true); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("reading a closed log: %v", err)
	}
	if _, err := l.Append(b, 0); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("appending to a closed log: %v", err)
	}
}

func TestReleasingTwicePanics(t *testing.T) {
	s, l := openWith(t, defaults(), nil, t.TempDir())
	mustAppend(t, l, numbered(t, 3, 1))
	slice, _ := l.Read(0, 1000, true)
	s.Close()
	slice.Release()
	defer func() {
		if recover() == nil {
			t.Error("a second release went unnoticed")
		}
	}()
	slice.Release()
}

func TestFlushForcesWhatIsNewAndNoMore(t *testing.T) {
	dir, told := t.TempDir(), &events{}
	_, l := openWith(t, small(), told, dir)
	fillLog(t, l, 30)
	flush := func() []string {
		t.Helper()
		before := len(told.fsyncs())
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		return told.fsyncs()[before:]
	}
	want := slices.Concat(files(t, dir, "t-0", "*.log"), files(t, dir, "t-0", "*.*index"), files(t, dir, "t-0", "*.index"),
		files(t, dir, "t-0", "*metadata"), files(t, dir, "t-0", "*checkpoint"), []string{dir + "/t-0", dir})
	slices.Sort(want)
	flush()
	// Sealed segments may have been forced out before, by the store itself.
	if got := slices.Compact(slices.Sorted(slices.Values(told.fsyncs()))); !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("the first flush forced %v, want %v", got, want)
	}
	if got := flush(); len(got) != 0 {
		t.Errorf("a flush of nothing new forced %v", got)
	}
	active := files(t, dir, "t-0", "*.log")
	mustAppend(t, l, numbered(t, 1, 1))
	if got := flush(); !slices.Equal(got, active[len(active)-1:]) {
		t.Errorf("after one more batch %v was forced", got)
	}
}
