package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"c10klab/internal/record"
	"c10klab/loadgen/judge"
)

// catchUp is what a sender may take at least to offer the rest after the window's end.
const catchUp = time.Second

// drain waits until the senders have offered everything; then for the answers owed,
// then for tail consumers to have read what was acknowledged, then for the answers to fetches
// of the window, each up to the knob's bound. Running into it is not an error, for what is missing is evidence; except that a
// request which was never offered leaves none.
func (l *load) drain() error {
	patience := max(catchUp, l.cfg.Drain)
	err := l.waitFor(patience, func() bool { return l.threads.offering.Load() == 0 })
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("%w: %g requests/s; not all of the window's were offered by %v after it", judge.ErrRate, l.cfg.Schedule.PerSecond, patience)
	}
	if err == nil {
		err = l.waitFor(l.cfg.Drain, func() bool { return l.outstanding.Load() == 0 })
	}
	if err == nil && l.cfg.tails() {
		err = l.waitFor(l.cfg.Drain, func() bool { return l.consumed.Load() >= l.ackedDue.Load() })
	}
	if err == nil {
		err = l.waitFor(l.cfg.Drain, func() bool {
			owed := false
			l.everyConsumer(func(c *consumer) { owed = owed || c.owed(l.window.EndNs()) })
			return !owed
		})
	}
	if errors.Is(err, errTimeout) {
		return nil
	}
	return err
}

// finish ends the threads and enters the requests that were never answered.
func (l *load) finish(e *judge.Evidence) {
	counted, endNs := e.Counted, l.system.now()
	l.stop()
	l.switching.Wait()
	for _, c := range l.connections {
		e.ConnectionAnswers = append(e.ConnectionAnswers, c.answers)
		c.unanswered(func(r *request) {
			if !counted.NeverAnswered(&r.Request, endNs) {
				return
			}
			e.Unanswered++
			if r.FirstByteNs == 0 {
				e.Unsent++
			}
		})
	}
	l.everyConsumer(func(c *consumer) {
		c.unanswered(func(r dueFetch, sent bool) {
			if !counted.FetchNeverAnswered(c.kind.planned, r.dueNs, cmp.Or(r.attemptedNs, endNs), endNs) {
				return
			}
			e.Unanswered++
			if !sent {
				e.Unsent++
			}
		})
	})
	e.LongestOutageNs = l.outages.longestNs.Load()
	for _, t := range l.tallies {
		counted.Merge(t)
	}
	if l.cfg.tails() {
		e.Unconsumed = max(0, l.ackedDue.Load()-l.consumed.Load())
	}
	e.ClockSteps, e.LatestSwitchNs = l.wall.Steps(), l.latestSwitchNs
	if e.Samples != nil {
		e.Samples.Client, e.Samples.Join.Lost = l.clientSamples()
		for _, r := range l.receivers {
			if r.tally.Arrivals != nil {
				e.Samples.Arrivals, _ = r.tally.Arrivals.Kept()
			}
		}
	}
}

// readLogEnds returns by how many records the log has grown; −1: nobody uses it. Without
// acks the last requests may still be on their way into it.
func (l *load) readLogEnds(acked int64) (records int64, err error) {
	if l.topic == nil {
		return -1, nil
	}
	var failure error
	grown := func() bool {
		ends, err := l.topic.offsets(l.ctx, logEnd)
		if err != nil {
			failure = err
			return true
		}
		records = 0
		for i, end := range ends {
			records += end - l.endsBefore[i]
		}
		return l.offered.Answers || records >= acked
	}
	if err := l.waitFor(l.cfg.Drain, grown); err != nil && !errors.Is(err, errTimeout) {
		return 0, err
	}
	return records, failure
}

// describe begins the measurement of a finished run with what it was.
func (l *load) describe() *record.Measurement {
	m := &record.Measurement{
		Knobs:             l.cfg.Text,
		Seed:              l.cfg.Schedule.Seed,
		WindowStartUnixMs: l.wall.Real(l.window.StartNs()) / int64(time.Millisecond),
		LaggingCaughtUp:   l.caughtUp(),
		BadAnswers:        l.bad.answers.Load(),
		Priority:          l.threads.priority,
		Connections:       l.describeConnections(),
	}
	if l.offered.OffersAny() {
		m.ScheduleHash = l.offered.Hash()
	}
	m.Problems = l.problems
	if l.cfg.misbehaves() && m.BadAnswers == 0 {
		m.Problems = append(m.Problems, "no bad consumer got an answer that it could treat badly")
	}
	return m
}
