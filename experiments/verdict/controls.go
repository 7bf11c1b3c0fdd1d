package verdict

import (
	"fmt"
	"strings"

	"c10klab/experiments"
	"c10klab/results"
)

// nearOne bounds the thresholds of ratios that the difference of equal cells may reach.
var nearOne = [2]float64{0.8, 1.25}

// ControlFinding is what a run says of a control in one cell, of a negative one by one metric.
type ControlFinding struct {
	experiments.Control
	Comparison
}

// JudgeControls judges the controls that a run has cells of, as Judge does predictions.
func JudgeControls(spec *experiments.Spec, run *results.Run) ([]ControlFinding, error) {
	var found []ControlFinding
	j := newJudge(spec.ID, run, nil)
	for _, planned := range run.Info.Cells {
		if planned.Experiment != spec.ID {
			continue
		}
		for _, c := range spec.ControlsOf(planned) {
			again, cell, err := readBoth(j.readings, c.Metric, planned.ID, planned.TwinOf, c.Relation)
			if err != nil {
				return nil, err
			}
			f := ControlFinding{c, compared(c.Prediction(), planned.TwinOf, between(c.Difference, again, cell), max(again.Bounds, cell.Bounds), again.Missing.And(cell.Missing))}
			if c.Kind == experiments.Negative {
				f.Verdict, f.Reason = equal(f.Estimate, c.Margin), ""
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// equal is refuted where the whole interval of a ratio lies further beside 1 than a margin.
func equal(ratio results.Estimate, margin float64) results.Verdict {
	switch {
	case ratio.N < results.MinBlocks:
		return results.Undecided
	case ratio.Lo > 1+margin || ratio.Hi < 1/(1+margin):
		return results.Refuted
	}
	return results.Reproduced
}

// Result says whether the control came out as it must. A positive one that too few blocks
// decide admits nothing either; a negative one of which there are too few, as of counts that
// are 0, says nothing.
func (f ControlFinding) Result() (text string, fails bool) {
	switch {
	case f.Kind == experiments.Positive && f.Verdict == results.Undecided:
		return fmt.Sprintf("the positive control is open: %d of at least %d blocks", f.Estimate.N, results.MinBlocks), true
	case f.Kind == experiments.Negative && f.Verdict == results.Refuted:
		return "the negative control differs: equal cells by × " + f.Estimate.String(), true
	case f.Kind == experiments.Positive && f.Verdict != results.Reproduced:
		return "the positive control was not found", true
	case f.Verdict == results.Undecided:
		return "open", false
	case f.Kind == experiments.Positive:
		return "found", false
	}
	return "equal", false
}

// hold leaves undecided what a run cannot decide whose controls fail: a positive one for all
// of its predictions, a negative one for those on its metric. It tells by what equal cells
// differ where that matters.
func (c *Comparison) hold(p experiments.Prediction, controls []ControlFinding) {
	for _, f := range controls {
		why, fails := f.Result()
		decided := c.Verdict == results.Reproduced || c.Verdict == results.Refuted
		if decided && fails && (f.Kind == experiments.Positive || f.Metric.String() == p.Metric.String()) {
			c.Verdict, c.Reason = results.Inconclusive, why
			return
		}
	}
	if c.AA.N == 0 {
		return
	}
	said := []string{c.Reason, "equal cells (A/A) " + c.AA.String()}
	if c.AA.Lo <= p.Threshold && p.Threshold <= c.AA.Hi && !Beyond(c.Estimate, c.AA) {
		said = append(said, "the threshold lies inside, and so cannot be decided here")
	}
	c.Reason = strings.TrimPrefix(strings.Join(said, "; "), "; ")
}

// ControlTable has a row for each control in each cell.
func ControlTable(findings []ControlFinding) results.Table {
	t := results.Table{Kind: "controls", Title: "Controls", Columns: []results.Column{{Name: "kind"}, {Name: "control"}, {Name: "metric"}, {Name: "cell"},
		{Name: "median [interval]", Number: true, Meaning: "of the repeated cell against itself, over blocks"}, {Name: "blocks", Number: true}, {Name: "result"}}}
	for _, f := range findings {
		result, _ := f.Result()
		estimate := Finding{Prediction: f.Prediction()}.Format(f.Estimate)
		t.Add(string(f.Verdict), string(f.Kind), f.Control.String(), f.Metric, f.Cells, results.NumberValue(estimate, f.Estimate.Median), f.Estimate.N, result)
	}
	return t
}
