package storage_test

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"c10klab/internal/need"
)

// onDevice is what a file takes there, and its size.
func onDevice(t *testing.T, path string) (blockBytes, sizeBytes int64) {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	const statUnit = 512
	return s.Blocks * statUnit, s.Size
}

func TestSegmentsGiveBackWhatTheyWereGivenAhead(t *testing.T) {
	const ahead = 1 << 20
	cfg, dir := small(), t.TempDir()
	cfg.PreallocateBytes = ahead
	s, l := openWith(t, cfg, nil, dir)
	fillLog(t, l, 150)
	segments := files(t, dir, "t-0", "*.log")
	if len(segments) < 3 {
		t.Fatalf("segments %q", segments)
	}
	last := len(segments) - 1
	if blocks, _ := onDevice(t, segments[last]); blocks < ahead {
		need.Lacking(t, "a file system that gives blocks ahead (TMPDIR)")
	}
	for i, path := range segments {
		if blocks, size := onDevice(t, path); size > cfg.SegmentBytes || blocks >= ahead && i < last {
			t.Errorf("segment %d of %d: %d bytes in %d of blocks", i, len(segments), size, blocks)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if blocks, _ := onDevice(t, segments[last]); blocks >= ahead {
		t.Errorf("after the stop the last segment has %d bytes of blocks", blocks)
	}
	_, l = openWith(t, cfg, nil, dir)
	fillLog(t, l, 150)
	if got := readAll(t, l, 0); !slices.Equal(got, slices.Repeat(wantNumbers(150), 2)) {
		t.Errorf("%d records", len(got))
	}
}
