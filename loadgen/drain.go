package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// catchUp is how long a sender that is behind at the window's end may take, at least,
// to offer the rest.
const catchUp = time.Second

// drain waits until the senders have offered everything; then for the answers owed,
// then for tail consumers to have read what was acknowledged, each up to the knob's
// bound. Running into it is not an error, for what is missing is evidence; except that a
// request which was never offered leaves none.
func (l *load) drain() error {
	if err := l.waitFor(max(catchUp, l.cfg.Drain), func() bool { return l.offering.Load() == 0 }); err != nil {
		if errors.Is(err, errTimeout) {
			return fmt.Errorf("%w: %g requests/s; not all of the window's were offered by %v after it", errRate, l.cfg.Schedule.PerSecond, max(catchUp, l.cfg.Drain))
		}
		return err
	}
	err := l.waitFor(l.cfg.Drain, func() bool { return l.outstanding.Load() == 0 })
	if err == nil && l.cfg.tails() {
		err = l.waitFor(l.cfg.Drain, func() bool { return l.consumed.Load() >= l.ackedDue.Load() })
	}
	if errors.Is(err, errTimeout) {
		return nil
	}
	return err
}

// finish ends the threads and enters the requests that were never answered with
// their age.
func (l *load) finish(e *evidence) {
	endNs := l.ground.now()
	l.stop()
	for _, c := range l.connections {
		c.unanswered(func(r *request) {
			e.counted.carry(r.dueNs, endNs, l.window)
			if !l.window.contains(r.dueNs) {
				return
			}
			e.unanswered++
			if r.firstByteNs == 0 {
				e.unsent++
			}
			e.counted.neverAnswered(r, endNs)
			e.counted.record(r, endNs, l)
		})
	}
	for _, c := range l.consumers {
		c.unanswered(func(r dueFetch, sent bool) {
			if !l.window.contains(r.dueNs) {
				return
			}
			e.unanswered++
			if !sent {
				e.unsent++
			}
			r.attemptedNs = cmp.Or(r.attemptedNs, endNs)
			e.counted.recordFetch(c.of, r, endNs, l.window)
		})
	}
	for _, t := range l.tallies {
		if t != e.counted {
			e.counted.merge(t)
		}
	}
}

// readLogEnds asks how far the log has grown. Without acks the last requests may
// still be on their way into it.
func (l *load) readLogEnds(e *evidence) error {
	if l.topic == nil {
		e.logEndRecords = -1
		return nil
	}
	var failure error
	grown := func() bool {
		ends, err := l.topic.offsets(l.ctx, logEnd)
		if err != nil {
			failure = err
			return true
		}
		e.logEndRecords = 0
		for i, end := range ends {
			e.logEndRecords += end - l.endsBefore[i]
		}
		return l.protocol.answers() || e.logEndRecords >= e.counted.ackedRecords
	}
	if err := l.waitFor(l.cfg.Drain, grown); err != nil && !errors.Is(err, errTimeout) {
		return err
	}
	return failure
}
