package storage_test

import (
	"slices"
	"testing"

	"c10klab/storage"
)

// TestIndexesCanWaitForTheStop leaves index files to the clean stop, and makes them
// again after an unclean one.
func TestIndexesCanWaitForTheStop(t *testing.T) {
	cfg, dir := small(), t.TempDir()
	cfg.IndexFlush = storage.IndexFlushStop
	for round := range 3 {
		told := &events{}
		s, l := openWith(t, cfg, told, dir)
		made := len(told.indexes)
		fillLog(t, l, 40)
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		if len(told.rolled) == 0 || len(told.indexes) != made {
			t.Errorf("round %d: %d rolls, index files %q", round, len(told.rolled), told.indexes)
		}
		if round == 1 {
			s.Abandon()
			continue
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if segments, indexes := files(t, dir, "t-0", "*.log"), files(t, dir, "t-0", "*.index"); len(segments) != len(indexes) {
			t.Errorf("round %d: %d segments, %d index files", round, len(segments), len(indexes))
		}
	}
	_, l := openWith(t, cfg, nil, dir)
	if got := readAll(t, l, 0); !slices.Equal(got, slices.Repeat(wantNumbers(40), 3)) {
		t.Errorf("%d records", len(got))
	}
}
