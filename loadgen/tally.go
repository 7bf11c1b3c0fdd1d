package loadgen

import (
	"errors"
	"fmt"
	"os"

	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

func (l *load) newTally() *judge.Tally { return judge.NewTally(l.offered, l.window) }

// addTally makes one whose counts are the run's.
func (l *load) addTally() *judge.Tally {
	t := l.newTally()
	l.tallies = append(l.tallies, t)
	return t
}

// record enters a request that is due into the trace, from the load's beginning to the
// window's end.
func (l *load) record(t *judge.Tally, kind plan.Kind, dueNs int64, size int32) {
	if l.cfg.TraceTo == "" || !l.window.Begun() || l.window.Over(dueNs) {
		return
	}
	if offsetNs := dueNs - l.beginNs(); offsetNs >= 0 {
		t.Recording.Add(kind, offsetNs, size)
	}
}

// writeTrace leaves the requests as a plan.Trace.
func (l *load) writeTrace(counted *judge.Tally) error {
	file, err := os.Create(l.cfg.TraceTo)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	if err := errors.Join(counted.Recording.Write(file, l.offered.Plan), file.Close()); err != nil {
		return fmt.Errorf("write the trace %s: %w", l.cfg.TraceTo, err)
	}
	return nil
}
