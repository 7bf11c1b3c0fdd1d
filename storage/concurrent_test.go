package storage_test

import (
	"sync"
	"testing"

	"c10klab/internal/batch"
	"c10klab/storage"
)

// TestManyAppendersAndReaders: offsets are given once each and in order, and a
// reader that sees an offset sees its bytes, across rolls.
func TestManyAppendersAndReaders(t *testing.T) {
	const appenders, readers, batchesEach = 4, 4, 150
	_, l := openWith(t, small(), nil, t.TempDir())
	batches := make([][]byte, appenders)
	for i := range batches {
		batches[i] = numbered(t, 3, int64(i))
	}
	var wg sync.WaitGroup
	given := make([][]int64, appenders)
	for i := range appenders {
		wg.Go(func() {
			for range batchesEach {
				info, err := l.Append(batches[i], 0)
				if err != nil {
					t.Error(err)
					return
				}
				given[i] = append(given[i], info.BaseOffset)
			}
		})
	}
	for range readers {
		wg.Go(func() {
			for next := int64(0); next < 3*appenders*batchesEach && !t.Failed(); {
				next = follow(t, l, next)
			}
		})
	}
	wg.Go(func() {
		for l.EndOffset() < 3*appenders*batchesEach && !t.Failed() {
			if err := l.Flush(); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	owner := map[int64]int{}
	for i, bases := range given {
		for _, base := range bases {
			if _, twice := owner[base]; twice || base%3 != 0 {
				t.Errorf("offset %d was given to two appends, or splits one", base)
			}
			owner[base] = i
		}
	}
	for offset, number := range readAll(t, l, 0) {
		if int(number) != owner[int64(offset-offset%3)] {
			t.Fatalf("offset %d holds a record of appender %d, want %d", offset, number, owner[int64(offset-offset%3)])
		}
	}
	if len(owner) != appenders*batchesEach {
		t.Errorf("%d appends", len(owner))
	}
}

// follow reads once at an offset, checks the whole batches it got and returns
// the offset to go on from.
func follow(t *testing.T, l *storage.Log, next int64) int64 {
	slice, err := l.Read(next, 1000, true)
	if err != nil {
		t.Error(err)
	}
	if slice.Empty() {
		return next
	}
	_, err = batch.Walk(content(t, slice), func(h batch.Header, b []byte) error {
		if h.BaseOffset != next {
			t.Errorf("batch at %d, want %d", h.BaseOffset, next)
		}
		next = h.LastOffset() + 1
		_, err := batch.Check(b)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return next
}

// TestClosingUnderLoad: appends either happened, and are there after a reopen,
// or were refused.
func TestClosingUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, small(), nil, dir)
	var wg sync.WaitGroup
	accepted := make([]int64, 3)
	started := make(chan struct{}, len(accepted))
	for i := range accepted {
		b := numbered(t, 1, int64(i))
		wg.Go(func() {
			for {
				if _, err := l.Append(b, 0); err != nil {
					return
				}
				if accepted[i]++; accepted[i] == 10 {
					started <- struct{}{}
				}
				if slice, err := l.Read(l.EndOffset()-1, 100, true); err == nil {
					slice.Release()
				}
			}
		})
	}
	for range accepted {
		<-started
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	s, l = openWith(t, small(), nil, dir)
	counts := make([]int64, len(accepted))
	for _, number := range readAll(t, l, 0) {
		counts[number]++
	}
	for i := range counts {
		if counts[i] != accepted[i] {
			t.Errorf("appender %d: %d accepted, %d found", i, accepted[i], counts[i])
		}
	}
	if len(s.Cuts()) != 0 {
		t.Errorf("cut %v", s.Cuts())
	}
}
