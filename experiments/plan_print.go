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
		for i, p := range e.Spec.Predictions {
			fmt.Fprintf(&b, "%d. %s predicts %s; refuted by %s\n", i+1, p.Decides(), p, p.Refutation())
		}
		for _, c := range e.Spec.Controls {
			fmt.Fprintf(&b, "%s control: %s\n", c.Kind, c)
		}
		if e.Spec.NoControl != "" {
			fmt.Fprintf(&b, "no positive control: %s\n", e.Spec.NoControl)
		}
		b.WriteString("\n" + e.power() + "\n")
	}
	fmt.Fprintf(&b, "seed %d, %d trials, about %.1f minutes\n", p.Seed, p.Trials(), p.Estimate().Minutes())
	_, err := io.WriteString(w, b.String())
	return err
}

// Resolution is how far from its threshold a prediction's true value must be for the planned
// blocks to decide it, by the scatter of a stored run.
type Resolution struct {
	SD      float64 `json:"sd"`      // within blocks, of the natural logarithm of the values or, if Plain, of themselves
	Plain   bool    `json:"plain"`   // what is resolved is a difference, else a factor
	Scatter string  `json:"scatter"` // what SD was measured in
	Half    float64 `json:"half"`    // decided in half of the runs: the interval's median half-width
	Ninety  float64 `json:"ninety"`  // decided in nine of ten
}

// power is a table of what the planned blocks can resolve.
func (e Planned) power() string {
	if len(e.Spec.Predictions) == 0 {
		return ""
	}
	if e.Repeats < results.MinBlocks {
		return fmt.Sprintf("no verdict: it takes %d blocks\n", results.MinBlocks)
	}
	number := func(name string) results.Column { return results.Column{Name: name, Number: true} }
	t := results.Table{Columns: []results.Column{{Name: "no."}, {Name: "threshold"}, number("sd"), number("half of runs"), number("9 of 10 runs"), {Name: "scatter of"}}}
	for i, p := range e.Spec.Predictions {
		sd, half, ninety, scatter := "–", "–", "–", "no stored scatter"
		if i < len(e.Resolutions) && e.Resolutions[i] != nil {
			r := e.Resolutions[i]
			sign, text := "× ", results.Significant
			if r.Plain {
				sign = "± "
			}
			if r.Plain && p.Along == "" { // in the metric's unit
				text = func(v float64) string { return results.Format(p.Metric, v) }
			}
			sd, half, ninety, scatter = text(r.SD), sign+text(r.Half), sign+text(r.Ninety), r.Scatter
		}
		t.Add("", fmt.Sprintf("%d.", i+1), p.Condition(), sd, half, ninety, scatter)
	}
	text := fmt.Sprintf("how far from its threshold a true value is decided with %d blocks:\n\n%s", e.Repeats, t.Text("  ", planWidth))
	for i, blocks := range e.BlocksToRefute {
		if blocks > e.Repeats {
			text += fmt.Sprintf("\n%d. cannot be refuted by one comparison alone: with so many in its part that takes %d blocks\n", i+1, blocks)
		}
	}
	return text
}

const planWidth = 100 // of tables

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
	// Resolution is null where no scatter is known or the blocks give no verdict.
	Resolution *Resolution `json:"resolution"`
	// BlocksToRefute is how many blocks it takes to refute one comparison alone, by Holm's
	// correction over the part's.
	BlocksToRefute int `json:"blocks_to_refute,omitempty"`
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
		for i, q := range e.Spec.Predictions {
			predicted := PlannedPrediction{Claim: q.Claim, Part: q.Part, Predicts: q.String(), RefutedBy: q.Refutation()}
			if i < len(e.Resolutions) {
				predicted.Resolution = e.Resolutions[i]
			}
			if i < len(e.BlocksToRefute) {
				predicted.BlocksToRefute = e.BlocksToRefute[i]
			}
			planned.Predictions = append(planned.Predictions, predicted)
		}
		d.Experiments = append(d.Experiments, planned)
	}
	return d
}
