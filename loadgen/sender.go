package loadgen

import (
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"

	"golang.org/x/sys/unix"
)

const (
	// spinNs is the longest wait that is spun: a sleep ends about as much later
	// than asked for. At low rates next to no gap is that short.
	spinNs = int64(20 * time.Microsecond)
	// napNs is the longest sleep, so that a stop is seen.
	napNs = int64(50 * time.Millisecond)
)

// sender is the thread that offers one pair's requests as they fall due.
type sender struct {
	load   *load
	stream *Stream
	tally  *tally
}

// run follows the schedule, which began at beginNs, to the window's end.
func (s *sender) run(beginNs int64) error {
	if err := osthread.SetTimerSlack(); err != nil {
		return err
	}
	for {
		next := s.stream.Next()
		dueNs := beginNs + next.OffsetNs
		if s.load.window.over(dueNs) || !s.waitUntil(dueNs) {
			return nil
		}
		if s.load.window.contains(dueNs) {
			s.tally.offered++
		}
		if err := s.load.connections[next.Connection].offer(dueNs, s.tally); err != nil {
			return err
		}
	}
}

// waitUntil returns at an instant, or false when the run has been stopped.
func (s *sender) waitUntil(ns int64) bool {
	for !s.load.stopped.Load() {
		nowNs := clock.Now()
		switch left := ns - nowNs; {
		case left <= 0:
			return true
		case left > spinNs:
			until := unix.NsecToTimespec(nowNs + min(left, napNs))
			// An interrupted sleep is taken up again by the loop.
			_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil)
		}
	}
	return false
}
