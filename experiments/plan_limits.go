package experiments

import (
	"errors"
	"fmt"
)

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
