package loadgen

import (
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// ground is what senders and connections stand on. Runs stand on the kernel, known-
// answer tests on virtual time and a simulated server. Any thread may use it.
type ground interface {
	// now is the instant, CLOCK_MONOTONIC in nanoseconds.
	now() int64
	// sleep returns near an instant, before or after it: callers look at the clock.
	sleep(untilNs int64)
	// send gives a socket the bytes that it takes without waiting (poll.Send).
	send(fd int, b []byte) (int, unix.Errno)
}

// kernel is the ground of runs.
type kernel struct{}

// spinNs is how long before an instant a sleep ends: waking up takes about as long.
// Other threads that are ready, such as a receiver on the same CPU, run in the rest.
const spinNs = int64(20 * time.Microsecond)

func (kernel) now() int64 { return clock.Now() }

func (kernel) sleep(untilNs int64) {
	wakeNs := untilNs - spinNs
	if wakeNs <= clock.Now() {
		poll.Yield()
		return
	}
	until := unix.NsecToTimespec(wakeNs)
	// An interrupted sleep is taken up again by the caller.
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil)
}

func (kernel) send(fd int, b []byte) (int, unix.Errno) { return poll.Send(fd, b, false) }
