package runner

import (
	"context"

	"c10klab/internal/record"
	"c10klab/results"
)

const (
	// maxAttempts is how often a cell is tried in a block until its trial stands.
	maxAttempts = 2
	// The limited trials that a run repeats are at most one in repeatEvery, so that a
	// generator or a machine which cannot do what is asked of it costs no second run, and
	// fewRepeats of a small run.
	repeatEvery = 4
	fewRepeats  = 3
)

// runCell measures a cell in a block, unless that is stored already, and tries a
// second time what failed, or what the generator or the environment limited. That is
// decided by what the run says of itself, never by what it measured. Every attempt is
// stored.
func (r *runner) runCell(ctx context.Context, cell results.PlannedCell, block int) error {
	for attempts := r.run.Attempts(cell.ID, block); !r.settled(attempts); {
		t, err := r.runTrial(ctx, cell, block, len(attempts)+1)
		if ctx.Err() != nil || err != nil {
			return err
		}
		if err := r.run.Commit(t); err != nil {
			return err
		}
		attempts = append(attempts, t)
		r.progress.report(t, r.settled(attempts))
	}
	return nil
}

// settled reports whether no further attempt is due at a cell in a block.
func (r *runner) settled(attempts []record.Trial) bool {
	n := len(attempts)
	if n == 0 || n >= maxAttempts {
		return n >= maxAttempts
	}
	last := attempts[n-1].Outcome
	return last != record.Failed && !(last.Limited() && r.repeated() < r.mostRepeats)
}

// repeated is how many limited trials have been repeated.
func (r *runner) repeated() (n int) {
	type place struct {
		cell  string
		block int
	}
	limited := map[place]bool{}
	for i := range r.run.Trials {
		t := &r.run.Trials[i]
		at := place{t.Cell, t.Block}
		if limited[at] {
			n++
		}
		limited[at] = t.Outcome.Limited()
	}
	return n
}
