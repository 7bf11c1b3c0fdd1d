package experiments

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"c10klab/results"
)

// trialOverhead is what a trial costs besides warm-up and window: two process
// starts, first answers, drain, and giving the disk back.
const trialOverhead = 1500 * time.Millisecond

// disksOverhead is what emulated disks add: mounting them, and taking them down.
const disksOverhead = 3 * time.Second

func (k KnobTables) TrialTime(knobs map[string]string) time.Duration {
	total := trialOverhead + k.Duration(knobs, WarmUpKnob) + k.Duration(knobs, WindowKnob)
	if usesDisks(knobs) {
		total += disksOverhead
	}
	return total
}

func (p *Plan) UsesDisks() bool {
	return slices.ContainsFunc(p.Experiments, func(e Planned) bool {
		return slices.ContainsFunc(e.Cells, func(c results.PlannedCell) bool { return usesDisks(c.Knobs) })
	})
}

// Trials counts the trials of all blocks.
func (p *Plan) Trials() int {
	total := 0
	for _, e := range p.Experiments {
		total += e.Repeats * len(e.Cells)
	}
	return total
}

func (p *Plan) Estimate() time.Duration {
	var total time.Duration
	for _, e := range p.Experiments {
		for _, d := range e.TrialTimes {
			total += time.Duration(e.Repeats) * d
		}
	}
	return total
}

// A plan beyond these asks for PlanConfig.Yes.
const (
	mostHours  = 12
	mostTrials = 10_000
)

// ErrTooLong says that a plan asks for more than a run is likely meant to take.
var ErrTooLong = errors.New("confirm with --yes, or choose with --only, --set and --repeats")

// tooLong asks for confirmation of what may be a mistake.
func tooLong(cfg PlanConfig, trials, hours float64) error {
	if cfg.Yes || trials <= mostTrials && hours <= mostHours {
		return nil
	}
	return fmt.Errorf("%.0f trials would take about %.0f hours: %w", trials, hours, ErrTooLong)
}

// tooManyCells refuses a product too large before it is made.
func tooManyCells(cfg PlanConfig, axes []Axis, fixed map[string]string, repeats int) error {
	if len(cfg.Only) > 0 {
		return nil // what is left is counted later
	}
	trials := float64(repeats)
	for _, axis := range axes {
		trials *= float64(len(axis.Levels))
	}
	if trials <= mostTrials {
		return nil
	}
	return tooLong(cfg, trials, trials*cfg.Tables.TrialTime(fixed).Hours())
}
