package osthread

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPinProcessMissesNoThreadThatStartsMeanwhile(t *testing.T) {
	all, err := ProcessCPUs()
	if err != nil {
		t.Fatal(err)
	}
	defer PinProcess(all)
	for range 500 {
		if err := PinProcess(all); err != nil {
			t.Fatal(err)
		}
		pinWhileThreadsStart(t, all[0])
	}
}

func pinWhileThreadsStart(t *testing.T, cpu int) {
	t.Helper()
	var stop atomic.Bool
	var starters sync.WaitGroup
	for range 4 {
		starters.Go(func() {
			for !stop.Load() {
				ended := make(chan struct{})
				go func() {
					runtime.LockOSThread() // so the thread ends with the goroutine
					close(ended)
				}()
				<-ended
			}
		})
	}
	err := PinProcess([]int{cpu})
	stop.Store(true)
	starters.Wait()
	if err != nil {
		t.Fatal(err)
	}
	tids, err := taskIDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, tid := range tids {
		var set unix.CPUSet
		if unix.SchedGetaffinity(tid, &set) == nil && (set.Count() != 1 || !set.IsSet(cpu)) {
			t.Errorf("thread %d may run on %d CPUs", tid, set.Count())
		}
	}
}
