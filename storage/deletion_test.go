package storage_test

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/vfs"
	"c10klab/storage"
)

// TestReadersOutrunByRetention lets readers follow a log whose oldest segments are
// deleted all the time: a region that a reader holds stays whole, and what is gone is
// out of range, nothing else.
func TestReadersOutrunByRetention(t *testing.T) {
	const readers, batches = 4, 2000
	cfg, told := small(), &events{}
	cfg.RetentionBytes, cfg.HousekeepingInterval = 5000, time.Millisecond
	_, l := openWith(t, cfg, told, t.TempDir())
	var done sync.WaitGroup
	for range readers {
		done.Go(func() {
			for next := int64(0); next < batches && !t.Failed(); {
				next = followOutrun(t, l, next)
			}
		})
	}
	for i := range int64(batches) {
		mustAppend(t, l, numbered(t, 1, i))
		if i%100 == 0 {
			time.Sleep(2 * time.Millisecond) // for a round of retention or two
		}
	}
	done.Wait()
	for deadline := time.Now().Add(time.Minute); len(told.deletions()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was deleted")
		}
	}
}

// followOutrun reads a region and checks it, and returns where to go on.
func followOutrun(t *testing.T, l *storage.Log, next int64) int64 {
	slice, err := l.Read(next, 2000, true)
	var gone *storage.OffsetRangeError
	switch {
	case errors.As(err, &gone):
		return max(gone.Start, l.StartOffset())
	case err != nil:
		t.Error(err)
		return next
	case slice.Empty():
		time.Sleep(time.Millisecond)
		return next
	}
	defer slice.Release()
	region, err := slice.Bytes()
	if err != nil {
		t.Errorf("reading a region that is held: %v", err)
		return next
	}
	if _, err := batch.Walk(region, func(h batch.Header, b []byte) error {
		next = h.LastOffset() + 1
		_, err := batch.Check(b)
		return err
	}); err != nil {
		t.Error(err)
	}
	return next
}

// TestAReadOnlyDirectoryIsRefusedByName asks a file system that takes no change.
func TestAReadOnlyDirectoryIsRefusedByName(t *testing.T) {
	mem := vfs.NewMem()
	cfg := defaults()
	cfg.FS = mem
	s, l := openWith(t, cfg, nil, "/d")
	mustAppend(t, l, numbered(t, 1, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.FS = vfs.Faulty{FS: mem, Fault: func(op vfs.Op, _ string) error {
		switch op {
		case vfs.OpOpen, vfs.OpRead, vfs.OpList, vfs.OpExists, vfs.OpSize, vfs.OpClose:
			return nil
		}
		return syscall.EROFS
	}}
	if _, err := storage.Open([]string{"/d"}, cfg, nil); !errors.Is(err, syscall.EROFS) {
		t.Errorf("opening: %v", err)
	}
	cfg.FS = mem
	_, l = openWith(t, cfg, nil, "/d")
	if l.EndOffset() != 1 {
		t.Errorf("the log ends at %d", l.EndOffset())
	}
}
