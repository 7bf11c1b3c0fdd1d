package storage_test

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/vfs"
	"c10klab/storage"
)

// logSyncs counts the events that forced a log file out.
func (e *events) logSyncs() (n int) {
	for _, path := range e.fsyncs() {
		if strings.HasSuffix(path, ".log") {
			n++
		}
	}
	return n
}

func TestFlushPolicies(t *testing.T) {
	for policy, want := range map[string]int{"none": 0, "messages:1": 12, "messages:5": 4, "messages:100": 0, "request": 12} {
		cfg, told := defaults(), &events{}
		cfg.LogFlush = policy
		_, l := openWith(t, cfg, told, t.TempDir())
		for i := range int64(12) {
			mustAppend(t, l, numbered(t, 2, i))
		}
		if got := told.logSyncs(); got != want {
			t.Errorf("%s: 12 appends of 2 records forced the log out %d times, want %d", policy, got, want)
		}
		if l.HighWatermark() != 24 {
			t.Errorf("%s: readers see up to %d", policy, l.HighWatermark())
		}
	}
	cfg, told := defaults(), &events{}
	cfg.LogFlush = "interval:1ms"
	_, l := openWith(t, cfg, told, t.TempDir())
	mustAppend(t, l, numbered(t, 2, 0))
	for deadline := time.Now().Add(time.Minute); told.logSyncs() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the log was not forced out")
		}
	}
	for _, bad := range []string{"messages", "messages:0", "messages:x", "interval:5", "interval:0s", "requests", "request:1"} {
		cfg.LogFlush = bad
		if _, err := storage.Open([]string{t.TempDir()}, cfg, nil); !errors.Is(err, storage.ErrInvalidFlush) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// slowSync is a file system whose fsyncs of log files wait until they are let go.
type slowSync struct {
	vfs.FS
	enter, leave chan struct{}
	syncs        atomic.Int64
}

func (s *slowSync) faulty() vfs.Faulty {
	return vfs.Faulty{FS: s.FS, Fault: func(op vfs.Op, path string) error {
		if op == vfs.OpSync && strings.HasSuffix(path, ".log") {
			s.syncs.Add(1)
			s.enter <- struct{}{}
			<-s.leave
		}
		return nil
	}}
}

// TestOneFsyncServesAllWhoWait lets appends arrive while an fsync is under way: one
// more serves them all, and no reader sees a record before its fsync is over.
func TestOneFsyncServesAllWhoWait(t *testing.T) {
	slow := &slowSync{FS: vfs.NewMem(), enter: make(chan struct{}), leave: make(chan struct{})}
	cfg := defaults()
	cfg.LogFlush, cfg.FS = "request", slow.faulty()
	_, l := openWith(t, cfg, nil, "/d")
	const waiting = 8
	var done sync.WaitGroup
	appendOne := func() {
		if _, err := l.Append(numbered(t, 1, 0), 0); err != nil {
			t.Error(err)
		}
	}
	done.Go(appendOne)
	<-slow.enter
	for range waiting {
		done.Go(appendOne)
	}
	for l.EndOffset() < 1+waiting {
		time.Sleep(time.Millisecond)
	}
	if l.HighWatermark() != 0 {
		t.Errorf("readers see up to %d before anything is on the device", l.HighWatermark())
	}
	slow.leave <- struct{}{}
	<-slow.enter
	if l.HighWatermark() != 1 {
		t.Errorf("readers see up to %d after the first fsync", l.HighWatermark())
	}
	slow.leave <- struct{}{}
	done.Wait()
	if got := slow.syncs.Load(); got != 2 || l.HighWatermark() != 1+waiting {
		t.Errorf("%d fsyncs, readers see up to %d", got, l.HighWatermark())
	}
	go func() {
		for range slow.enter {
			slow.leave <- struct{}{}
		}
	}()
}

// TestAFailedFsyncSticks fails one fsync: the append that waited for it and all
// later ones are refused, reads go on, and the failure is told.
func TestAFailedFsyncSticks(t *testing.T) {
	var failing atomic.Bool
	fault := func(op vfs.Op, path string) error {
		if op == vfs.OpSync && failing.Load() {
			return syscall.EIO
		}
		return nil
	}
	cfg, told := defaults(), &events{}
	mem := vfs.NewMem()
	cfg.LogFlush, cfg.FS = "request", vfs.Faulty{FS: mem, Fault: fault}
	s, l := openWith(t, cfg, told, "/d")
	mustAppend(t, l, numbered(t, 1, 0))
	failing.Store(true)
	if _, err := l.Append(numbered(t, 1, 1), 0); !errors.Is(err, storage.ErrLogFailed) || !errors.Is(err, syscall.EIO) {
		t.Errorf("the append that waited: %v", err)
	}
	failing.Store(false)
	if _, err := l.Append(numbered(t, 1, 2), 0); !errors.Is(err, storage.ErrLogFailed) {
		t.Errorf("an append afterwards: %v", err)
	}
	if l.HighWatermark() != 1 {
		t.Errorf("readers see up to %d", l.HighWatermark())
	}
	if len(told.failed) != 1 || !errors.Is(told.failed[0], syscall.EIO) {
		t.Errorf("told %v", told.failed)
	}
	if err := s.Close(); !errors.Is(err, storage.ErrLogFailed) {
		t.Errorf("closing: %v", err)
	}
	if clean, err := mem.Exists("/d/" + cleanMark); clean || err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("marked as cleanly stopped: %v, %v", clean, err)
	}
}

// TestAbandonDoesNotWaitForTheDisk ends a store while an fsync hangs; the test hangs
// with it if Abandon does.
func TestAbandonDoesNotWaitForTheDisk(t *testing.T) {
	slow := &slowSync{FS: vfs.NewMem(), enter: make(chan struct{}), leave: make(chan struct{})}
	cfg := small()
	cfg.FS = slow.faulty()
	s, l := openWith(t, cfg, nil, "/d")
	for range 30 { // rolls once, and what was sealed is forced out
		mustAppend(t, l, numbered(t, 3, 0))
	}
	<-slow.enter
	if err := s.Abandon(); err != nil {
		t.Error(err)
	}
	slow.leave <- struct{}{}
}
