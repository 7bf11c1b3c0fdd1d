package evidence

import (
	"errors"
	"path/filepath"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// Reproduction sets what a run here says of a part of a claim beside what the reference
// evidence says.
type Reproduction struct {
	Claim      string          `json:"claim"`
	Part       string          `json:"part"`
	Experiment string          `json:"experiment"`
	Here       results.Verdict `json:"here"`
	Reference  results.Verdict `json:"reference"`
	Rows       []ReproducedRow `json:"rows"`
}

type ReproducedRow struct {
	Prediction string   `json:"prediction"`
	Cells      string   `json:"cells"`
	Here       Measured `json:"here"`
	Reference  Measured `json:"reference"`
}

type Measured struct {
	Text    string           `json:"text"`
	Ratio   results.Estimate `json:"estimate"`
	Verdict results.Verdict  `json:"verdict"`
	Reason  string           `json:"reason,omitempty"`
}

// OpenReference opens the reference run of a spec; nil if there is none.
func OpenReference(referenceDir string, spec *experiments.Spec) (*results.Run, error) {
	run, err := results.Open(filepath.Join(referenceDir, spec.ID))
	if errors.Is(err, results.ErrNoRun) {
		return nil, nil
	}
	return run, err
}

// MadeAs is which variant of a spec a run was, and how many blocks it has.
func MadeAs(run *results.Run, spec *experiments.Spec) (full bool, repeats int) {
	for _, stored := range run.Info.Specs {
		if stored.ID == spec.ID {
			repeats = stored.Repeats
		}
	}
	return run.Info.Full, repeats
}

// Reproduce judges the parts of a spec's claims by a run here and by the reference run, which
// may be nil: then the claims are open there.
func Reproduce(spec *experiments.Spec, claims []string, here, reference *results.Run) ([]Reproduction, error) {
	own, err := verdict.Judge(spec, here)
	if err != nil {
		return nil, err
	}
	theirs, err := judgeReference(spec, reference)
	if err != nil {
		return nil, err
	}
	var all []Reproduction
	for _, id := range claims {
		claim, _ := experiments.FindClaim(id)
		for _, part := range claim.Parts {
			r := Reproduction{Claim: id, Part: part.Name, Experiment: spec.ID}
			r.Here, _, _ = verdict.OfPart(id, part, own)
			r.Reference, _, _ = verdict.OfPart(id, part, theirs)
			for _, f := range verdict.Concerning(id, part.Name, own) {
				r.addRows(f, theirs)
			}
			if len(r.Rows) > 0 { // else other experiments decide it
				all = append(all, r)
			}
		}
	}
	return all, nil
}

func judgeReference(spec *experiments.Spec, reference *results.Run) ([]verdict.Finding, error) {
	if reference == nil {
		return nil, nil
	}
	findings, err := verdict.Judge(spec, reference)
	if err != nil {
		return nil, err
	}
	evidence{findings: findings}.withhold(inadmissible(reference, spec))
	return findings, nil
}

// addRows lists the comparisons of a prediction, each with its counterpart.
func (r *Reproduction) addRows(own verdict.Finding, theirs []verdict.Finding) {
	for _, c := range own.Comparisons {
		row := ReproducedRow{Prediction: own.Prediction.String(), Cells: c.Cells, Here: measured(own, c),
			Reference: Measured{Text: "n/a", Verdict: results.Undecided}}
		for _, f := range theirs {
			for _, d := range f.Comparisons {
				if f.Prediction.String() == row.Prediction && d.Cells == c.Cells {
					row.Reference = measured(f, d)
				}
			}
		}
		r.Rows = append(r.Rows, row)
	}
}

func measured(f verdict.Finding, c verdict.Comparison) Measured {
	return Measured{Text: f.Format(c.Estimate), Ratio: c.Estimate, Verdict: c.Verdict, Reason: c.Reason}
}
