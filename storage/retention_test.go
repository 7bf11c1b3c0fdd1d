package storage_test

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"c10klab/internal/batch"
	"c10klab/storage"
)

// at makes a batch of one record with a timestamp.
func at(t *testing.T, ms int64) []byte {
	t.Helper()
	tmpl, err := batch.NewTemplate(1, 40, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := tmpl.AppendTo(nil)
	tmpl.Stamp(b, 0, ms)
	return b
}

// awaitStart waits until retention has moved the log's start and removed the files
// below it.
func awaitStart(t *testing.T, l *storage.Log, told *events, start int64, deleted int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if gone := told.deletions(); l.StartOffset() == start && len(gone) == deleted {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("the log starts at %d, want %d; deleted %q", l.StartOffset(), start, gone)
		}
	}
}

func TestRetentionBySizeKeepsTheNewestSegments(t *testing.T) {
	cfg, dir, told := small(), t.TempDir(), &events{}
	cfg.HousekeepingInterval = 2 * time.Millisecond
	s, l := openWith(t, cfg, told, dir)
	fillLog(t, l, 100)
	before := files(t, dir, "t-0", "*.log")
	if err := s.Close(); err != nil || len(told.deletions()) != 0 {
		t.Fatalf("without a limit %q were deleted, %v", told.deletions(), err)
	}
	cfg.RetentionBytes = 5000 // what is deleted leaves at least as much
	s, l = openWith(t, cfg, told, dir)
	start := firstOffset(t, before[len(before)-2])
	awaitStart(t, l, told, start, len(before)-2)
	if got := readAll(t, l, start); !slices.Equal(got, wantNumbers(100)[start:]) {
		t.Errorf("from %d on: %v", start, got)
	}
	var outOfRange *storage.OffsetRangeError
	if _, err := l.Read(start-1, 1, true); !errors.As(err, &outOfRange) || outOfRange.Start != start {
		t.Errorf("reading what was deleted: %v", err)
	}
	s.Abandon()
	_, l = openWith(t, cfg, nil, dir)
	if l.StartOffset() != start {
		t.Errorf("after a crash the log starts at %d, was %d", l.StartOffset(), start)
	}
}

// firstOffset reads a segment's first offset.
func firstOffset(t *testing.T, path string) int64 {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := batch.ReadHeader(log)
	if err != nil {
		t.Fatal(err)
	}
	return h.BaseOffset
}

func TestRetentionByTimeFollowsTimestampsAndRollsTheActiveSegment(t *testing.T) {
	cfg, dir, told := defaults(), t.TempDir(), &events{}
	cfg.HousekeepingInterval = 2 * time.Millisecond
	cfg.SegmentMs, cfg.RetentionMs = 1000, 3_600_000
	_, l := openWith(t, cfg, told, dir)
	now := time.Now().UnixMilli()
	for _, ms := range []int64{now - 9_000_000, now - 8_000_000, now - 1000, now} {
		mustAppend(t, l, at(t, ms))
	}
	awaitStart(t, l, told, 2, 2)
	if got := told.rolls(); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("rolled at %v", got)
	}
	if gone := told.deletions(); len(gone) != 2 {
		t.Errorf("deleted %q", gone)
	}

	dir, told = t.TempDir(), &events{}
	_, l = openWith(t, cfg, told, dir)
	mustAppend(t, l, at(t, now-9_000_000))
	awaitStart(t, l, told, 1, 1)
	if info := mustAppend(t, l, at(t, now)); info.BaseOffset != 1 {
		t.Errorf("the log goes on at %d", info.BaseOffset)
	}
}

func TestAClockSetBackRollsAndDeletesNothing(t *testing.T) {
	cfg := defaults()
	cfg.SegmentMs = 1000
	told := &events{}
	_, l := openWith(t, cfg, told, t.TempDir())
	for _, ms := range []int64{5_000_000, 1000, 4_999_000, 5_000_900} {
		mustAppend(t, l, at(t, ms))
	}
	if got := told.rolls(); len(got) != 0 {
		t.Errorf("rolled at %v", got)
	}
}

// TestDeletionLeavesRegionsBeingSent holds a region of a segment that DeleteRecords
// removes.
func TestDeletionLeavesRegionsBeingSent(t *testing.T) {
	dir, told := t.TempDir(), &events{}
	s, l := openWith(t, small(), told, dir)
	bases := fillLog(t, l, 100)
	held, err := l.Read(0, 1000, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.DeleteRecords(bases[50]); err != nil {
		t.Fatal(err)
	}
	if gone := told.deletions(); len(gone) == 0 {
		t.Error("no segment was removed")
	}
	if h, err := batch.Check(content(t, held)); err != nil || h.BaseOffset != 0 {
		t.Errorf("the region held: %+v, %v", h, err)
	}
	var outOfRange *storage.OffsetRangeError
	if err := l.DeleteRecords(bases[100] + 1); !errors.As(err, &outOfRange) {
		t.Errorf("deleting what is not there: %v", err)
	}
	if err := l.DeleteRecords(3); err != nil || l.StartOffset() != bases[50] {
		t.Errorf("the start went back to %d, %v", l.StartOffset(), err)
	}
	s.Abandon()
	_, l = openWith(t, small(), nil, dir)
	if l.StartOffset() != bases[50] {
		t.Errorf("after a crash the log starts at %d, want %d", l.StartOffset(), bases[50])
	}
	if offset, _, found, err := l.OffsetForTimestamp(0); err != nil || !found || offset != bases[50] {
		t.Errorf("the first record is found at %d, %v", offset, err)
	}
	if err := l.DeleteRecords(l.EndOffset()); err != nil {
		t.Fatal(err)
	}
	if slice, err := l.Read(l.EndOffset(), 1, true); err != nil || !slice.Empty() {
		t.Errorf("an emptied log: %+v, %v", slice, err)
	}
}

// TestTimestampsOfTheFutureDoNotKeepALogForEver: a batch in microseconds, then segments in milliseconds.
func TestTimestampsOfTheFutureDoNotKeepALogForEver(t *testing.T) {
	cfg := small()
	cfg.RetentionMs, cfg.HousekeepingInterval = 200, time.Millisecond
	_, l := openWith(t, cfg, nil, t.TempDir())
	mustAppend(t, l, numbered(t, 1, time.Now().UnixMicro()))
	for range 60 {
		mustAppend(t, l, numbered(t, 3, time.Now().UnixMilli()))
	}
	for deadline := time.Now().Add(time.Minute); l.StartOffset() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is deleted")
		}
	}
}
