package storage_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/internal/batch"
	"c10klab/storage"
)

const cleanMark = ".kafka_cleanshutdown"

func TestACleanStopIsMarkedAndTrusted(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, small(), nil, dir)
	fillLog(t, l, 100)
	if len(files(t, dir, cleanMark)) != 0 {
		t.Error("an open store is marked as cleanly stopped")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(files(t, dir, cleanMark)) != 1 || len(files(t, dir, "t-0", "*.index")) != len(files(t, dir, "t-0", "*.log")) {
		t.Error("a clean stop leaves its mark and every index")
	}
	told := &events{}
	again, l := openWith(t, small(), told, dir)
	if got := readAll(t, l, 0); !slices.Equal(got, wantNumbers(100)) {
		t.Errorf("read %v", got)
	}
	if len(files(t, dir, cleanMark)) != 0 || len(again.Cuts()) != 0 || len(told.recovered) != 0 {
		t.Error("the mark is still there, or something was cut")
	}
	if info := mustAppend(t, l, numbered(t, 1, 7)); info.BaseOffset != 200-1 {
		t.Errorf("the log goes on at %d", info.BaseOffset)
	}
}

func TestACleanStopWithNothingNewForcesNothing(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, small(), nil, dir)
	fillLog(t, l, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	told := &events{}
	s, _ = openWith(t, small(), told, dir)
	if err := s.Close(); err != nil || len(told.fsynced) != 0 {
		t.Errorf("forced %v, %v", told.fsynced, err)
	}
}

// TestDamagedTailsAreCut lists what may follow the last whole batch after an
// unclean stop, or what may have become of that batch: exactly the damage goes.
func TestDamagedTailsAreCut(t *testing.T) {
	const batches = 100
	whole := numbered(t, 2, 1)
	lastBatch := len(numbered(t, 1+(batches-1)%3, batches-1))
	for name, c := range map[string]struct {
		damage   func(log []byte) []byte
		lost     int // batches
		isDamage bool
		reason   string
	}{
		"nothing":               {damage: func(log []byte) []byte { return log }},
		"garbage":               {func(log []byte) []byte { return append(log, strings.Repeat("garbage!", 20)...) }, 0, true, "magic"},
		"a few bytes":           {func(log []byte) []byte { return append(log, whole[:10]...) }, 0, true, "truncated"},
		"half a batch":          {func(log []byte) []byte { return append(log, whole[:len(whole)-3]...) }, 0, true, "truncated"},
		"zeros":                 {func(log []byte) []byte { return append(log, make([]byte, 5000)...) }, 0, true, "magic"},
		"a batch from the past": {func(log []byte) []byte { return append(log, whole...) }, 0, true, "base offset 0, want 199"},
		"a batch from afar":     {func(log []byte) []byte { log[len(log)-lastBatch] = 0x10; return log }, 1, true, "base offset 1152921504606847174, want 198"},
		"a short last batch":    {func(log []byte) []byte { return log[:len(log)-1] }, 1, true, "truncated"},
		"a bit in the body":     {func(log []byte) []byte { log[len(log)-9] ^= 4; return log }, 1, true, "CRC"},
		"a bit in the header":   {func(log []byte) []byte { log[len(log)-lastBatch+22] ^= 4; return log }, 1, true, "CRC"},
		"a huge length":         {func(log []byte) []byte { log[len(log)-lastBatch+8] = 0x7f; return log }, 1, true, "truncated"},
		"a negative length":     {func(log []byte) []byte { log[len(log)-lastBatch+8] = 0xff; return log }, 1, true, "length"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, l := openWith(t, small(), nil, dir)
			bases := fillLog(t, l, batches)
			s.Abandon()
			logs := files(t, dir, "t-0", "*.log")
			last := logs[len(logs)-1]
			before, after := rewrite(t, last, c.damage)

			told := &events{}
			s, l = openWith(t, small(), told, dir)
			end := bases[batches-c.lost]
			if got := readAll(t, l, 0); !slices.Equal(got, wantNumbers(batches-c.lost)) || l.EndOffset() != end {
				t.Errorf("%d records up to %d, want up to %d", len(got), l.EndOffset(), end)
			}
			if !slices.Equal(told.recovered, s.Cuts()) || (len(s.Cuts()) == 1) != c.isDamage {
				t.Fatalf("told %v, returned %v", told.recovered, s.Cuts())
			}
			if c.isDamage {
				kept := int64(before - c.lost*lastBatch)
				cut := s.Cuts()[0]
				if !strings.Contains(cut.Reason, c.reason) {
					t.Errorf("reason %q lacks %q", cut.Reason, c.reason)
				}
				cut.Reason = ""
				if want := (storage.Cut{Path: last, Offset: end, PositionBytes: kept, CutBytes: int64(after) - kept}); cut != want {
					t.Errorf("cut %+v, want %+v", cut, want)
				}
			}
			if info := mustAppend(t, l, numbered(t, 1, 5)); info.BaseOffset != end {
				t.Errorf("the log goes on at %d, want %d", info.BaseOffset, end)
			}
		})
	}
}

// rewrite changes a file's bytes and returns its sizes before and after.
func rewrite(t *testing.T, path string, change func([]byte) []byte) (before, after int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(slices.Clone(content))
	if err := os.WriteFile(path, changed, 0o644); err != nil {
		t.Fatal(err)
	}
	return len(content), len(changed)
}

func TestAMarkWithoutASoundTailIsNotTrusted(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, small(), nil, dir)
	fillLog(t, l, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	logs := files(t, dir, "t-0", "*.log")
	rewrite(t, logs[len(logs)-1], func(log []byte) []byte { return log[:len(log)-1] })
	s, l = openWith(t, small(), nil, dir)
	if got := readAll(t, l, 0); !slices.Equal(got, wantNumbers(99)) || len(s.Cuts()) != 1 {
		t.Errorf("%d records, cuts %v", len(got), s.Cuts())
	}
}

func TestDamagedIndexesAreMadeAgain(t *testing.T) {
	entry := func(offset, position uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, offset), position)
	}
	for name, damage := range map[string]func(index []byte) []byte{
		"truncated to half an entry": func(index []byte) []byte { return index[:len(index)-3] },
		"zero-filled":                func(index []byte) []byte { clear(index); return index },
		"longer than the log":        func(index []byte) []byte { return append(index, entry(1<<20, 1<<20)...) },
		"not ascending":              func(index []byte) []byte { return append(index, index[:8]...) },
		"negative":                   func(index []byte) []byte { return append(index, entry(1<<31, 1<<31)...) },
		"missing":                    nil,
	} {
		for _, clean := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				s, l := openWith(t, small(), nil, dir)
				fillLog(t, l, 100)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if !clean {
					os.Remove(filepath.Join(dir, cleanMark))
				}
				for _, index := range files(t, dir, "t-0", "*.index") {
					if damage == nil {
						os.Remove(index)
					} else {
						rewrite(t, index, damage)
					}
				}
				s, l = openWith(t, small(), nil, dir)
				for offset := range l.EndOffset() {
					slice, err := l.Read(offset, 1, true)
					if err != nil {
						t.Fatal(err)
					}
					if h, _ := batch.ReadHeader(content(t, slice)); offset < h.BaseOffset || offset > h.LastOffset() {
						t.Fatalf("offset %d led to %d..%d", offset, h.BaseOffset, h.LastOffset())
					}
				}
				if len(s.Cuts()) != 0 {
					t.Errorf("cut %v", s.Cuts())
				}
			})
		}
	}
}

func TestDamageInAClosedSegmentWithoutIndexIsAnError(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, small(), nil, dir)
	fillLog(t, l, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	first := files(t, dir, "t-0", "*.log")[0]
	rewrite(t, first, func(log []byte) []byte { log[500] ^= 1; return log })
	os.Remove(strings.TrimSuffix(first, ".log") + ".index")
	_, err := storage.Open([]string{dir}, small(), nil)
	if !errors.Is(err, storage.ErrCorruptSegment) || !errors.Is(err, batch.BadCRC) || !strings.Contains(err.Error(), first) {
		t.Errorf("got %v", err)
	}
}

func TestIndexEntriesNameLastOffsetAndPosition(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, small(), nil, dir)
	// One append of many batches is indexed within, too.
	var many []byte
	for i := range 20 {
		many = append(many, numbered(t, 1+i%3, int64(i))...)
	}
	for range 5 {
		mustAppend(t, l, many)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries := 0
	for _, index := range files(t, dir, "t-0", "*.index") {
		log, err := os.ReadFile(strings.TrimSuffix(index, ".index") + ".log")
		if err != nil {
			t.Fatal(err)
		}
		base, _ := batch.ReadHeader(log)
		raw, err := os.ReadFile(index)
		if err != nil || len(raw)%8 != 0 {
			t.Fatalf("%d bytes, %v", len(raw), err)
		}
		for ; len(raw) > 0; raw = raw[8:] {
			entries++
			offset, position := binary.BigEndian.Uint32(raw), binary.BigEndian.Uint32(raw[4:])
			h, err := batch.Check(log[position:])
			if err != nil || h.LastOffset() != base.BaseOffset+int64(offset) {
				t.Errorf("%s: entry (%d, %d) leads to %d, %v", index, offset, position, h.LastOffset(), err)
			}
		}
	}
	if entries < 15 {
		t.Errorf("%d index entries", entries)
	}
}
