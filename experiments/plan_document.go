package experiments

import "c10klab/results"

// PlanDocument is what `run --dry-run --json` prints.
type PlanDocument struct {
	Seed        uint64              `json:"seed"`
	Trials      int                 `json:"trials"`
	Seconds     float64             `json:"seconds"` // an estimate
	Experiments []PlannedExperiment `json:"experiments"`
}

// PlannedExperiment is one experiment of a plan.
type PlannedExperiment struct {
	Experiment  string                `json:"experiment"`
	Cells       []results.PlannedCell `json:"cells"`
	LeftOut     []string              `json:"left_out,omitempty"` // cells that a server would refuse, with the reason
	Blocks      [][]string            `json:"blocks"`             // the ids of the cells in their order
	Predictions []PlannedPrediction   `json:"predictions"`
}

// PlannedPrediction is a prediction in words.
type PlannedPrediction struct {
	Claim     string `json:"claim"`
	Part      string `json:"part"`
	Predicts  string `json:"predicts"`
	RefutedBy string `json:"refuted_by"`
}

// Document tells the cells, the order of each block and the estimated time.
func (p *Plan) Document() PlanDocument {
	d := PlanDocument{Seed: p.Seed, Trials: p.Trials(), Seconds: p.Estimate().Seconds(), Experiments: []PlannedExperiment{}}
	for _, e := range p.Experiments {
		planned := PlannedExperiment{Experiment: e.Spec.ID, Cells: append([]results.PlannedCell{}, e.Cells...), LeftOut: e.LeftOut, Predictions: []PlannedPrediction{}}
		for block := 1; block <= e.Repeats; block++ {
			planned.Blocks = append(planned.Blocks, e.idsInOrder(p.Seed, block))
		}
		for _, q := range e.Spec.Predictions {
			planned.Predictions = append(planned.Predictions, PlannedPrediction{Claim: q.Claim, Part: q.Part, Predicts: q.String(), RefutedBy: q.Refutation()})
		}
		d.Experiments = append(d.Experiments, planned)
	}
	return d
}

func (p Planned) idsInOrder(seed uint64, block int) []string {
	ids := []string{}
	for _, cell := range p.Order(seed, block) {
		ids = append(ids, p.Cells[cell].ID)
	}
	return ids
}
