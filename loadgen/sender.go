package loadgen

import (
	"fmt"

	"c10klab/internal/osthread"
)

// mostOutstanding bounds the requests that wait, which occupy memory (about a GiB).
const mostOutstanding = 1 << 24

// offerer is a connection that takes requests which have fallen due.
type offerer interface {
	// offer takes one of a size, by its index, and counts it in the caller's tally.
	offer(dueNs int64, size int, t *tally) error
}

// sender is the thread that offers the requests of a plan as they fall due: those of one
// pair, or the fetches of one kind of consumers.
type sender struct {
	load *load
	// next is the plan: it returns the requests in order of time, false when there are
	// no more.
	next       func() (Arrival, bool)
	connection func(index int) offerer
	tally      *tally
	naps       naps
}

// newSender makes the one of a pair.
func newSender(l *load, part int) *sender {
	return &sender{
		load: l, next: l.cfg.plan(part), connection: func(i int) offerer { return l.connections[i] }, tally: l.newTally(),
		naps: newNaps(l.cfg.Schedule.PerSecond/float64(l.cfg.pairs()), l.cfg.sendersBusyWait()),
	}
}

// run follows the plan, which began at beginNs, to the window's end.
func (s *sender) run(thread *osthread.Thread, beginNs int64) error {
	for {
		next, more := s.next()
		dueNs := beginNs + next.OffsetNs
		if !more || s.load.window.over(dueNs) || !s.waitUntil(thread, dueNs) {
			return nil
		}
		if err := s.connection(next.Connection).offer(dueNs, next.Size, s.tally); err != nil {
			return err
		}
		if waiting := s.load.outstanding.Load(); waiting > mostOutstanding {
			return fmt.Errorf("%w: %g requests/s; %d of them wait for an answer", errRate, s.load.cfg.Schedule.PerSecond, waiting)
		}
	}
}

// waitUntil returns at an instant, or false when the run has been stopped.
func (s *sender) waitUntil(thread *osthread.Thread, ns int64) bool {
	for !s.load.stopped.Load() {
		nowNs := s.load.ground.now()
		if nowNs >= ns {
			return true
		}
		thread.AboutToBlock()
		until, early := s.naps.until(nowNs, ns)
		s.naps.woke(s.load.ground.sleep(until, early))
	}
	return false
}
