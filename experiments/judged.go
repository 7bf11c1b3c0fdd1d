package experiments

import (
	"fmt"

	"c10klab/results"
)

// Judged is one experiment of a run with what became of its predictions.
type Judged struct {
	Spec     *Spec
	Findings []Finding
}

// JudgeRun judges every experiment of a run by its spec as it was when the run
// started.
func JudgeRun(run *results.Run) ([]Judged, error) {
	all := make([]Judged, len(run.Info.Specs))
	for i, stored := range run.Info.Specs {
		spec, err := Parse("spec "+stored.ID+" of the run", stored.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", run.Dir, err)
		}
		findings, err := Judge(spec, run)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", run.Dir, err)
		}
		all[i] = Judged{spec, findings}
	}
	return all, nil
}

// Format prints an estimate of the prediction's metric: its own values with their
// unit, and ratios plainly.
func (f Finding) Format(e results.Estimate) string { return f.format(e) }
