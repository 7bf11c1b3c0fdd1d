package osthread

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

var (
	raiseOnce sync.Once
	// ordinary is how the kernel scheduled the process before the runtime's threads were
	// raised; nil: they were not.
	ordinary atomic.Pointer[unix.SchedAttr]
)

// raiseRuntime lets the threads of the Go runtime, those there are and those to come, run
// as soon as they wake; Registry gives its own threads back what they had.
//
// The runtime's monitor preempts a goroutine whose P has run without the scheduler for
// 10 ms, and Ps that threads hand over to each other look like that. A preempted goroutine
// waits in the global run queue for one of the runtime's threads, and while it waits every
// thread that blocks starts one more of them (handoffp in proc.go of Go 1.26). Among a
// thousand runnable threads on one CPU it waited for 10 ms and hundreds were started; each
// then searches the Ps for work, and the threads that they interrupted are preempted
// next. A thread of the runtime that runs at once ends that before it begins.
//
// Without CAP_SYS_NICE they only get a short time slice.
func raiseRuntime() error {
	var err error
	raiseOnce.Do(func() {
		var before *unix.SchedAttr
		if before, err = unix.SchedGetAttr(0, 0); err != nil {
			err = fmt.Errorf("sched_getattr: %w", err)
			return
		}
		ordinary.Store(before)
		if err = setAllThreads(promptAttr()); err == unix.EPERM {
			slice := *before
			slice.Runtime = uint64(wakeSlice)
			err = setAllThreads(slice)
		}
	})
	return err
}

// setAllThreads changes how the process's threads are scheduled; threads inherit it from
// those that start them.
func setAllThreads(attr unix.SchedAttr) error {
	tids, err := taskIDs()
	if err != nil {
		return err
	}
	for _, tid := range tids {
		if err := setAttr(tid, attr); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

// setOrdinary schedules the calling thread as the process was before raiseRuntime.
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
