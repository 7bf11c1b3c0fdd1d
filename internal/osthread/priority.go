package osthread

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// SetTimerSlack lets the calling thread's sleeps end as exactly as the kernel
// can (PR_SET_TIMERSLACK of 1 ns instead of 50 µs).
func SetTimerSlack() error { return unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }

const (
	mostNice = -20
	// wakeSlice is the shortest time slice that the kernel grants; a short one lets
	// a thread run soon after it wakes (EEVDF, Linux 6.12 and newer).
	wakeSlice = 100 * time.Microsecond
)

// SetPrompt lets the calling thread run soon after it wakes: nice −20 and a short
// time slice (sched_setattr(2)). It needs CAP_SYS_NICE. Why not real-time priority, is in
// docs/loadgen.md.
func SetPrompt() error {
	return setAttr(0, promptAttr)
}

var promptAttr = unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: mostNice, Runtime: uint64(wakeSlice)}

// RaiseSession gives the process's session the greatest weight against other sessions
// and the system's own threads, where the kernel shares CPUs out by session (autogroup,
// sched(7)). Only the leader of a session may ask, which then holds nothing but what it
// has started. It needs CAP_SYS_NICE.
func RaiseSession() error {
	leader, err := unix.Getsid(0)
	if err != nil {
		return fmt.Errorf("getsid: %w", err)
	}
	if leader != os.Getpid() {
		return errors.New("the process shares its session with others")
	}
	err = os.WriteFile("/proc/self/autogroup", strconv.AppendInt(nil, mostNice, 10), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("raise the weight of the session: %w", err)
	}
	return nil
}

// SetShortSlice gives the calling thread a short time slice and leaves its policy and
// nice value as they are, which needs no privilege. Threads that share a CPU then take
// turns every 100 µs, not every 3 ms (EEVDF, Linux 6.12 and newer; older kernels ignore
// it).
func SetShortSlice() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return fmt.Errorf("sched_getattr: %w", err)
	}
	attr.Runtime = uint64(wakeSlice)
	return setAttr(0, *attr)
}
