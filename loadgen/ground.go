package loadgen

import (
	"c10klab/internal/clock"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// ground is what senders and connections stand on. Runs stand on the kernel, known-
// answer tests on virtual time and a simulated server. Any thread may use it.
type ground interface {
	// now is the instant, CLOCK_MONOTONIC in nanoseconds.
	now() int64
	// sleep returns near an instant, before or after it: callers look at the clock. It
	// gives up its thread's CPU until earlyNs before the instant and tells how late it got
	// it back; then, and where that has passed already, it lets others that are ready run
	// and tells 0.
	sleep(untilNs, earlyNs int64) (lateNs int64)
	// send gives a socket the bytes that it takes without waiting (poll.Send).
	send(fd int, b []byte) (int, unix.Errno)
}

// kernel is the ground of runs.
type kernel struct{}

func (kernel) now() int64 { return clock.Now() }

func (kernel) sleep(untilNs, earlyNs int64) (lateNs int64) {
	wakeNs := untilNs - earlyNs
	if wakeNs <= clock.Now() {
		poll.Yield()
		return 0
	}
	until := unix.NsecToTimespec(wakeNs)
	// An interrupted sleep is taken up again by the caller.
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil)
	return max(0, clock.Now()-wakeNs)
}

func (kernel) send(fd int, b []byte) (int, unix.Errno) { return poll.Send(fd, b, false) }
