package osthread

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// raiseFrom is how many threads that share Ps a registry has before the Go runtime's own
// threads are raised; fewer are behind each other soon enough.
const raiseFrom = 256

// monitorPlace is where /proc/self/task lists the runtime's monitor (sysmon): it is the
// first thread that a Go program starts (main in proc.go of Go 1.26).
const monitorPlace = 1

var (
	raiseOnce sync.Once
	// ordinary is how the kernel scheduled the process before the runtime's threads were
	// raised; nil: they were not.
	ordinary atomic.Pointer[unix.SchedAttr]
)

// raiseRuntime lets the threads of the Go runtime, those there are and those to come, run
// as soon as they wake; registries give their own threads back what they had.
//
// The runtime's monitor preempts a goroutine whose P has run without the scheduler for
// 10 ms, and Ps that threads hand over to each other look like that. A preempted goroutine
// waits in the global run queue for one of the runtime's threads, and while it waits every
// thread that blocks starts one more of them (handoffp in proc.go of Go 1.26). Among a
// thousand runnable threads on one CPU it waited for 10 ms and hundreds were started; each
// then searches the Ps for work, and the threads that they interrupted are preempted
// next. A thread of the runtime that runs at once ends that before it begins. Its monitor
// stays as it is: run at once, it would preempt every 20 µs.
//
// Without CAP_SYS_NICE they only get a short time slice, and where that is refused too they
// stay as they are.
func (r *Registry) raiseRuntime() error {
	var err error
	raiseOnce.Do(func() {
		var before *unix.SchedAttr
		if before, err = unix.SchedGetAttr(0, 0); err != nil {
			err = fmt.Errorf("sched_getattr: %w", err)
			return
		}
		ordinary.Store(before)
		if err = r.setRuntimeThreads(promptAttr()); err == unix.EPERM {
			slice := *before
			slice.Runtime = uint64(wakeSlice)
			err = r.setRuntimeThreads(slice)
		}
		if err == unix.EPERM {
			ordinary.Store(nil)
			err = nil
		}
	})
	return err
}

// setRuntimeThreads changes how the process's threads are scheduled that are neither the
// registry's nor the monitor; threads inherit it from those that start them.
func (r *Registry) setRuntimeThreads(attr unix.SchedAttr) error {
	tids, err := taskIDs()
	if err != nil {
		return err
	}
	own := r.tids()
	for _, tid := range slices.Delete(tids, monitorPlace, monitorPlace+1) {
		if own[tid] {
			continue
		}
		if err := setAttr(tid, attr); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

// tids are those of the registry's threads.
func (r *Registry) tids() map[int]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := make(map[int]bool, len(r.live))
	for t := range r.live {
		own[t.TID] = true
	}
	return own
}

// setOrdinary schedules the calling thread as the process was before raiseRuntime. A
// thread calls it once the registry knows its number.
func setOrdinary() error {
	attr := ordinary.Load()
	if attr == nil {
		return nil
	}
	if err := setAttr(0, *attr); err != nil {
		return fmt.Errorf("sched_setattr: %w", err)
	}
	return nil
}

// setAttr is sched_setattr(2) of the policy, the nice value and the time slice.
func setAttr(tid int, attr unix.SchedAttr) error {
	attr.Size, attr.Flags = unix.SizeofSchedAttr, 0
	return unix.SchedSetAttr(tid, &attr, 0)
}
