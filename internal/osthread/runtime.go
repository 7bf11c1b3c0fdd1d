package osthread

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"

	"golang.org/x/sys/unix"
)

// raiseFrom is how many threads that share Ps a registry has before the Go runtime's own
// threads are raised; fewer are behind each other soon enough.
const raiseFrom = 256

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
// thread that blocks starts one more of them (handoffp in proc.go of Go 1.26): hundreds,
// among a thousand runnable threads on one CPU. A thread of the runtime that runs at once
// ends that before it begins. Its monitor stays as it is: run at once, it would preempt
// every 20 µs. Where it cannot be told from the others (findMonitor), all stay as they are.
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
		var threads []int
		if threads, err = r.runtimeThreads(); err != nil {
			return
		}
		monitor := findMonitor(threads, monitorPatience)
		if monitor == nil {
			return
		}
		ordinary.Store(before)
		if err = r.setRuntimeThreads(promptAttr, monitor); errors.Is(err, unix.EPERM) {
			slice := *before
			slice.Runtime = uint64(wakeSlice)
			err = r.setRuntimeThreads(slice, monitor)
		}
		if errors.Is(err, unix.EPERM) {
			ordinary.Store(nil)
			err = nil
		}
	})
	if err != nil {
		return fmt.Errorf("raise the threads of the Go runtime: %w", err)
	}
	return nil
}

// setRuntimeThreads changes how the threads of the Go runtime are scheduled, the monitor
// excepted; threads inherit it from those that start them.
func (r *Registry) setRuntimeThreads(attr unix.SchedAttr, monitor []int) error {
	tids, err := r.runtimeThreads()
	if err != nil {
		return err
	}
	for _, tid := range tids {
		if slices.Contains(monitor, tid) {
			continue
		}
		if err := setAttr(tid, attr); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// runtimeThreads are the process's threads that are not the registry's.
func (r *Registry) runtimeThreads() ([]int, error) {
	tids, err := taskIDs()
	names := r.namesByTID()
	return slices.DeleteFunc(tids, func(tid int) bool { return names[tid] != "" }), err
}

const (
	// Threads are watched for so long at least, and until each that was ever found in a
	// sleep was found off its CPU so often. A short sleep of another thread, for a lock of
	// the runtime's, is over after some 50 µs.
	monitorSpan = 10 * time.Millisecond
	monitorSeen = 10
	// The search is given up after monitorPatience.
	monitorPatience = 2 * time.Second
)

// findMonitor tells the runtime's monitor (sysmon in proc.go of Go 1.26) among threads by
// what it does: while goroutines run it sleeps for 20 µs to 10 ms at a time, in
// nanosleep(2), and nowhere else for long; the others wait for work on a futex or in a
// poll. The race detector has a thread of that kind too, so there may be two. There is
// none where /proc does not show the system call that a thread is in.
//
// It keeps the calling thread busy, for monitorSpan as a rule.
func findMonitor(threads []int, patience time.Duration) (monitor []int) {
	runtime.ReadMemStats(new(runtime.MemStats)) // its end wakes a monitor that had no goroutine to watch
	sleeps := []byte(strconv.Itoa(unix.SYS_NANOSLEEP) + " ")
	sleeping, elsewhere := make([]int, len(threads)), make([]int, len(threads))
	for began := time.Now(); time.Since(began) < patience; {
		for i, tid := range threads {
			text, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/syscall")
			switch {
			case err != nil || bytes.HasPrefix(text, []byte("running")):
			case bytes.HasPrefix(text, sleeps):
				sleeping[i]++
			default:
				elsewhere[i]++
			}
		}
		monitor = nil
		undecided := false
		for i, tid := range threads {
			switch {
			case sleeping[i] > 0 && sleeping[i]+elsewhere[i] < monitorSeen:
				undecided = true
			case sleeping[i] > elsewhere[i]:
				monitor = append(monitor, tid)
			}
		}
		if time.Since(began) >= monitorSpan && monitor != nil && !undecided {
			break
		}
	}
	return monitor
}

// setAttr is sched_setattr(2) of the policy, the nice value and the time slice.
func setAttr(tid int, attr unix.SchedAttr) error {
	attr.Size, attr.Flags = unix.SizeofSchedAttr, 0
	if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
		return fmt.Errorf("sched_setattr to policy %d, nice %d, a slice of %d ns: %w", attr.Policy, attr.Nice, attr.Runtime, err)
	}
	return nil
}

// passEvery is well below the 10 ms after which the runtime's monitor calls a
// goroutine long-running.
const passEvery = int64(6 * time.Millisecond)

// AboutToBlock must be called by the thread itself before system calls that may
// sleep, where it makes thousands of them a second: a sendfile counts, though its
// pages are in memory. It passes the Go scheduler now and then, which costs about 15 µs, so
// that the runtime's monitor (sysmon; retake in proc.go of Go 1.26) stays asleep: measured
// here, that is worth a tenth of the rate of hot fetches.
func (t *Thread) AboutToBlock() {
	now := clock.Now()
	if now-t.passedNs < passEvery {
		return
	}
	t.passedNs = now
	runtime.Gosched()
}
