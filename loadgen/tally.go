package loadgen

import (
	"errors"
	"fmt"
	"os"

	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

// tally is what one thread has counted, and where a trace is wanted the requests that it
// has offered. Only that thread touches it until the thread has ended; then tallies merge.
type tally struct {
	judge.Tally
	recording plan.Recording
}

func (l *load) newTally() *tally { return &tally{Tally: *judge.NewTally(l.offered, l.window)} }

// addTally makes one whose counts are the run's.
func (l *load) addTally() *tally {
	t := l.newTally()
	l.tallies = append(l.tallies, t)
	return t
}

func (t *tally) merge(other *tally) {
	t.Merge(&other.Tally)
	t.recording.Merge(&other.recording)
}

// record enters a request that is due into the trace, from the load's beginning to the
// window's end.
func (l *load) record(t *tally, kind plan.Kind, dueNs int64, size int32) {
	if l.cfg.TraceTo == "" || !l.window.Begun() || l.window.Over(dueNs) {
		return
	}
	if offsetNs := dueNs - l.beginNs(); offsetNs >= 0 {
		t.recording.Add(kind, offsetNs, size)
	}
}

// writeTrace leaves the requests as a plan.Trace.
func (l *load) writeTrace(counted *tally) error {
	file, err := os.Create(l.cfg.TraceTo)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	if err := errors.Join(counted.recording.Write(file, l.offered.Plan), file.Close()); err != nil {
		return fmt.Errorf("write the trace %s: %w", l.cfg.TraceTo, err)
	}
	return nil
}
