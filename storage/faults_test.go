package storage_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"c10klab/internal/vfs"
	"c10klab/storage"
)

// oneFault fails the n-th call of a kind, once.
type oneFault struct {
	op  vfs.Op
	n   int
	err error

	mu   sync.Mutex
	seen int
}

func (f *oneFault) fault(op vfs.Op, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op != f.op {
		return nil
	}
	if f.seen++; f.seen == f.n+1 {
		return f.err
	}
	return nil
}

func (f *oneFault) happened() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen > f.n
}

// life is what became of a store with a fault in it.
type life struct {
	acked  []int64 // numbers of the records acknowledged, in order
	failed []error
}

func (l *life) keep(err error) bool {
	if err != nil {
		l.failed = append(l.failed, err)
	}
	return err == nil
}

// live opens a store, appends some batches one by one and closes it; it goes on
// after failures as far as it can.
func live(t *testing.T, cfg storage.Config) (l life) {
	s, err := storage.Open([]string{"/d"}, cfg, nil)
	if !l.keep(err) {
		return l
	}
	defer func() { l.keep(s.Close()) }()
	for range 2 { // a failure is over the next time
		if l.keep(s.CreateTopic("t", 1)) {
			break
		}
	}
	log, err := s.Log("t", 0)
	if !l.keep(err) {
		return l
	}
	for i := range int64(12) {
		if _, err := log.Append(numbered(t, 1, i), 0); l.keep(err) {
			l.acked = append(l.acked, i)
		}
	}
	l.keep(log.DeleteRecords(2))
	if slice, err := log.Read(log.StartOffset(), 1000, true); l.keep(err) {
		slice.Release()
	}
	_, _, _, err = log.OffsetForTimestamp(7)
	l.keep(err)
	return l
}

// TestFaultsLoseNothingAcknowledged fails every call of every kind in turn, with
// each of the errors that disks and kernels give. Failures are reported with their
// cause, and what was acknowledged is there afterwards, in order, also after a loss
// of power.
func TestFaultsLoseNothingAcknowledged(t *testing.T) {
	faults := 0
	for _, op := range vfs.Ops() {
		for _, errno := range []error{syscall.ENOSPC, syscall.EIO, syscall.EMFILE} {
			for n := 0; ; n++ {
				mem, fault := vfs.NewMem(), &oneFault{op: op, n: n, err: errno}
				cfg := small()
				cfg.SegmentBytes, cfg.LogFlush = 500, "request"
				cfg.FS = vfs.Faulty{FS: mem, Fault: fault.fault}
				l := live(t, cfg)
				if !fault.happened() {
					break
				}
				faults++
				name := fmt.Sprintf("%v at %v number %d", errno, op, n)
				for _, err := range l.failed {
					if !errors.Is(err, errno) && !errors.Is(err, storage.ErrClosed) {
						t.Errorf("%s: failed with %v", name, err)
					}
				}
				wantAcked(t, name, cfg, mem, l.acked)
				wantAcked(t, name+", then a loss of power", cfg, mem.Crash(rand.New(rand.NewPCG(1, 1)), 0), l.acked)
			}
		}
	}
	if faults < 300 {
		t.Errorf("only %d faults", faults)
	}
}

// wantAcked reads the log on a sound file system.
func wantAcked(t *testing.T, name string, cfg storage.Config, mem *vfs.Mem, acked []int64) {
	t.Helper()
	cfg.FS = mem
	s, err := storage.Open([]string{"/d"}, cfg, nil)
	if err != nil {
		t.Errorf("%s: opening again: %v", name, err)
		return
	}
	defer s.Abandon()
	l, err := s.Log("t", 0)
	if err != nil {
		if len(acked) > 0 {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	got := readAll(t, l, l.StartOffset())
	want := acked[min(int(l.StartOffset()), len(acked)):]
	if len(got) < len(want) || len(got) > len(want)+1 || !slices.Equal(got[:len(want)], want) {
		t.Errorf("%s: the log has %v from %d on, acknowledged are %v", name, got, l.StartOffset(), acked)
	}
}

// TestAFullDiskIsOverWhenThereIsRoom: appends fail while no write succeeds and go on
// afterwards, as if nothing had been.
func TestAFullDiskIsOverWhenThereIsRoom(t *testing.T) {
	var full bool
	cfg := small()
	cfg.FS = vfs.Faulty{FS: vfs.NewMem(), Fault: func(op vfs.Op, _ string) error {
		if full && (op == vfs.OpWrite || op == vfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	}}
	_, l := openWith(t, cfg, nil, "/d")
	var want []int64
	for i := range int64(60) {
		full = i%5 < 2
		_, err := l.Append(numbered(t, 1, i), 0)
		if full != errors.Is(err, syscall.ENOSPC) || !full && err != nil {
			t.Fatalf("append %d on a disk full %v: %v", i, full, err)
		}
		if err == nil {
			want = append(want, i)
		}
	}
	if got := readAll(t, l, 0); !slices.Equal(got, want) {
		t.Errorf("the log has %v, want %v", got, want)
	}
}
