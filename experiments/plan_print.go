package experiments

import (
	"fmt"
	"io"
	"strings"

	"c10klab/results"
)

// Print writes the cells, the order of each block and the estimated time.
func (p *Plan) Print(w io.Writer) error {
	var b strings.Builder
	for _, e := range p.Experiments {
		fmt.Fprintf(&b, "%s: %s\n%d cells × %d blocks\n\n", e.Spec.ID, e.Spec.Title, len(e.Cells), e.Repeats)
		for i, cell := range e.Cells {
			fmt.Fprintf(&b, "%4d  %s  (%s)\n", i+1, cell.ID, Settings(cell.Knobs))
		}
		for _, cell := range e.LeftOut {
			fmt.Fprintf(&b, "   –  %s\n", cell)
		}
		b.WriteString("\n")
		for block := 1; block <= e.Repeats; block++ {
			fmt.Fprintf(&b, "block %d:", block)
			for _, cell := range e.Order(p.Seed, block) {
				fmt.Fprintf(&b, " %d", cell+1)
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
		for _, p := range e.Spec.Predictions {
			fmt.Fprintf(&b, "%s predicts %s; refuted by %s\n", p.Decides(), p, p.Refutation())
		}
		for _, c := range e.Spec.Controls {
			fmt.Fprintf(&b, "%s control: %s\n", c.Kind, c)
		}
		if e.Spec.NoControl != "" {
			fmt.Fprintf(&b, "no positive control: %s\n", e.Spec.NoControl)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "seed %d, %d trials, about %.1f minutes\n", p.Seed, p.Trials(), p.Estimate().Minutes())
	_, err := io.WriteString(w, b.String())
	return err
}

// PlanDocument is what `run --dry-run --json` prints.
type PlanDocument struct {
	Seed        uint64              `json:"seed"`
	Trials      int                 `json:"trials"`
	Seconds     float64             `json:"seconds"` // an estimate
	Experiments []PlannedExperiment `json:"experiments"`
}

type PlannedExperiment struct {
	Experiment  string                `json:"experiment"`
	Cells       []results.PlannedCell `json:"cells"`
	LeftOut     []string              `json:"left_out,omitempty"` // cells that a server would refuse, with the reason
	Blocks      [][]string            `json:"blocks"`             // the ids of the cells in their order
	Predictions []PlannedPrediction   `json:"predictions"`
}

type PlannedPrediction struct {
	Claim     string `json:"claim"`
	Part      string `json:"part"`
	Predicts  string `json:"predicts"`
	RefutedBy string `json:"refuted_by"`
}

func (p *Plan) Document() PlanDocument {
	d := PlanDocument{Seed: p.Seed, Trials: p.Trials(), Seconds: p.Estimate().Seconds(), Experiments: []PlannedExperiment{}}
	for _, e := range p.Experiments {
		planned := PlannedExperiment{Experiment: e.Spec.ID, Cells: append([]results.PlannedCell{}, e.Cells...), LeftOut: e.LeftOut, Predictions: []PlannedPrediction{}}
		for block := 1; block <= e.Repeats; block++ {
			ids := []string{}
			for _, cell := range e.Order(p.Seed, block) {
				ids = append(ids, e.Cells[cell].ID)
			}
			planned.Blocks = append(planned.Blocks, ids)
		}
		for _, q := range e.Spec.Predictions {
			planned.Predictions = append(planned.Predictions, PlannedPrediction{Claim: q.Claim, Part: q.Part, Predicts: q.String(), RefutedBy: q.Refutation()})
		}
		d.Experiments = append(d.Experiments, planned)
	}
	return d
}
