package runner

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"c10klab/experiments"
	"c10klab/results"
)

// ErrOtherRun says that a run to be resumed was made otherwise than asked for, so
// that its trials and the missing ones would not belong together.
var ErrOtherRun = errors.New("the run cannot be resumed so")

func storedPlan(dir string, tables experiments.KnobTables) (*experiments.Plan, error) {
	run, err := results.OpenChecked(dir)
	if err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	plan := &experiments.Plan{Seed: run.Info.Seed}
	for _, stored := range run.Info.Specs {
		spec, err := experiments.ParseStored(stored)
		if err != nil {
			return nil, err
		}
		planned := experiments.Planned{Spec: spec, Repeats: stored.Repeats}
		for _, cell := range run.Info.Cells {
			if cell.Experiment == stored.ID {
				planned.Cells = append(planned.Cells, cell)
				planned.BlockTime += tables.TrialTime(cell.Knobs)
			}
		}
		plan.Experiments = append(plan.Experiments, planned)
	}
	return plan, nil
}

func openRun(cfg Config, info results.Info) (*results.Run, error) {
	if !cfg.Resume {
		return results.Create(cfg.Out, info)
	}
	stored, err := results.OpenChecked(cfg.Out)
	if errors.Is(err, results.ErrNoRun) {
		return results.Create(cfg.Out, info) // killed before it began, or never started
	} else if err != nil {
		return nil, err
	}
	if err := sameRun(stored.Info, info); err != nil {
		return nil, fmt.Errorf("resume %s: %w", cfg.Out, err)
	}
	return results.Resume(cfg.Out, results.Resumption{At: time.Now(), CommandLine: cfg.CommandLine, Host: info.Host})
}

// sameRun says what keeps a stored run from being continued as now is asked.
func sameRun(stored, now results.Info) error {
	for _, c := range []struct {
		what string
		same bool
	}{
		{"the program is another (its hash differs)", stored.BinarySHA256 == now.BinarySHA256},
		{"the seed is another", stored.Seed == now.Seed},
		{"the specs or their numbers of blocks are others", slices.Equal(stored.Specs, now.Specs)},
		{"the cells are others", slices.EqualFunc(stored.Cells, now.Cells, results.PlannedCell.Equal)},
		{"the machine is another", sameMachine(stored.Host, now.Host)},
	} {
		if !c.same {
			return fmt.Errorf("%w: %s; start a new run", ErrOtherRun, c.what)
		}
	}
	return nil
}

func sameMachine(a, b results.Host) bool {
	return a.Kernel == b.Kernel && a.Cores == b.Cores && a.CPUModel == b.CPUModel && a.DataDevice == b.DataDevice
}

// countStored counts the cells that a resumed run has settled in their blocks, and in the
// repetitions of these. A trial whose configuration is not what would be run now belongs to another run.
func (r *runner) countStored(plan *experiments.Plan) (settledCells int, err error) {
	for _, e := range plan.Experiments {
		for _, cell := range e.Cells {
			for block := 1; block <= e.Repeats; block++ {
				for _, t := range r.run.Attempts(cell.ID, block) {
					if t.ConfigHash != configHash(r.trialKnobs(cell, block), r.run.Info.BinarySHA256) {
						return 0, fmt.Errorf("resume %s: %w: block %d of %s was run with other knobs or on other CPUs; start a new run",
							r.run.Dir, ErrOtherRun, block, cell.ID)
					}
				}
				for _, repetition := range []bool{false, true} {
					if r.settled(cell, block, repetition) {
						settledCells++
					}
				}
			}
		}
	}
	return settledCells, nil
}
