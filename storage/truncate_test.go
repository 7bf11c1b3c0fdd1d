package storage_test

import (
	"errors"
	"slices"
	"testing"

	"c10klab/storage"
)

func TestTruncationRemovesWholeBatchesFromTheOffsetOn(t *testing.T) {
	const batches = 60
	for _, keep := range []int{0, 1, 20, 40, 59, 60} {
		for _, inside := range []int64{0, 1} { // the second record of the first batch that goes
			dir := t.TempDir()
			s, l := openWith(t, small(), nil, dir)
			bases := fillLog(t, l, batches)
			offset := bases[keep]
			if keep < batches && bases[keep+1]-bases[keep] > 1 {
				offset += inside
			}
			if err := l.TruncateTo(offset); err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, l, 0); l.EndOffset() != bases[keep] || l.HighWatermark() != bases[keep] || !slices.Equal(got, wantNumbers(keep)) {
				t.Fatalf("to %d: the log ends at %d with %v", offset, l.EndOffset(), got)
			}
			if info := mustAppend(t, l, numbered(t, 2, 7)); info.BaseOffset != bases[keep] {
				t.Errorf("the log goes on at %d", info.BaseOffset)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s, l = openWith(t, small(), nil, dir)
			if got := readAll(t, l, 0); !slices.Equal(got, append(wantNumbers(keep), 7, 7)) || len(s.Cuts()) != 0 {
				t.Errorf("after a reopen: %v, cut %v", got, s.Cuts())
			}
		}
	}
}

func TestTruncationBelowTheStartIsRefused(t *testing.T) {
	_, l := openWith(t, small(), nil, t.TempDir())
	bases := fillLog(t, l, 60)
	if err := l.DeleteRecords(bases[30]); err != nil {
		t.Fatal(err)
	}
	var outOfRange *storage.OffsetRangeError
	if err := l.TruncateTo(bases[30] - 1); !errors.As(err, &outOfRange) || l.EndOffset() != bases[60] {
		t.Errorf("got %v, the log ends at %d", err, l.EndOffset())
	}
}
