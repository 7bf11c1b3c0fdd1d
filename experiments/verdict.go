package experiments

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"c10klab/internal/record"
	"c10klab/results"
)

// Comparison is one prediction looked up in one cell, or in one pair of cells.
type Comparison struct {
	Cells    string // the knobs that tell it from its siblings
	Estimate results.Estimate
	Verdict  results.Verdict
	Reason   string // why, where the interval alone does not say it
}

// Finding is what a run says of one prediction.
type Finding struct {
	Prediction  Prediction
	Comparisons []Comparison
}

// Verdict is that of all comparisons together.
func (f Finding) Verdict() results.Verdict {
	verdicts := make([]results.Verdict, len(f.Comparisons))
	for i, c := range f.Comparisons {
		verdicts[i] = c.Verdict
	}
	return together(verdicts)
}

// Deciding returns the comparison that is nearest to failing.
func (f Finding) Deciding() Comparison {
	return slices.MinFunc(f.Comparisons, func(a, b Comparison) int {
		if order := cmp.Compare(severity(b.Verdict), severity(a.Verdict)); order != 0 {
			return order
		}
		if f.Prediction.Relation == "<=" {
			return cmp.Compare(b.Estimate.Median, a.Estimate.Median)
		}
		return cmp.Compare(a.Estimate.Median, b.Estimate.Median)
	})
}

// gravest lists verdicts so that the first one present decides a conjunction.
var gravest = []results.Verdict{results.Refuted, results.Undecided, results.Inconclusive, results.Reproduced}

func severity(v results.Verdict) int { return len(gravest) - slices.Index(gravest, v) }

// together is the verdict of a conjunction; of none, it is open.
func together(verdicts []results.Verdict) results.Verdict {
	for _, v := range gravest {
		if slices.Contains(verdicts, v) {
			return v
		}
	}
	return results.Undecided
}

// ClaimVerdict is the verdict of the findings that concern a claim, and the one
// among them that decides it; false when none does.
func ClaimVerdict(findings []Finding, claim string) (results.Verdict, Finding, bool) {
	var own []Finding
	var verdicts []results.Verdict
	for _, f := range findings {
		if f.Prediction.Claim == claim && len(f.Comparisons) > 0 {
			own, verdicts = append(own, f), append(verdicts, f.Verdict())
		}
	}
	if len(own) == 0 {
		return results.Undecided, Finding{}, false
	}
	verdict := together(verdicts)
	return verdict, own[slices.Index(verdicts, verdict)], true
}

// Judge decides the predictions of a spec by the cells of its run. The trial is
// the unit: one value per block and cell. A trial limited by the generator or
// the environment has no value, but for counts of threads. A duration of a saturated trial is a lower
// bound: it can support ">=" as the metric itself or as the numerator of a
// ratio, and nothing else.
func Judge(spec *Spec, run *results.Run) ([]Finding, error) {
	cells, err := run.Cells()
	if err != nil {
		return nil, err
	}
	cells = slices.DeleteFunc(cells, func(c results.Cell) bool { return c.Experiment != spec.ID })
	j := judge{run: run, cells: cells}
	findings := make([]Finding, len(spec.Predictions))
	for i, p := range spec.Predictions {
		findings[i].Prediction = p
		compare := j.pairs
		if p.Each {
			compare = j.each
		}
		if findings[i].Comparisons, err = compare(p); err != nil {
			return nil, fmt.Errorf("judge %q: %w", p, err)
		}
	}
	return findings, nil
}

type judge struct {
	run   *results.Run
	cells []results.Cell
}

// each judges the metric itself in every cell that the prediction names.
func (j judge) each(p Prediction) ([]Comparison, error) {
	var comparisons []Comparison
	for _, cell := range j.cells {
		if !matches(cell.Knobs, p.Where) {
			continue
		}
		s, err := j.series(p.Metric, cell, p.Relation == ">=")
		if err != nil {
			return nil, err
		}
		c := Comparison{Cells: j.label(cell, nil), Estimate: results.MedianOf(slices.Collect(maps.Values(s.byBlock)))}
		c.Verdict, c.Reason = decide(c.Estimate, p, s.bounds)
		if p.Outcome != "" && cell.Outcome != record.Outcome(p.Outcome) && c.Verdict != results.Undecided {
			c.Verdict, c.Reason = outcomeVerdict(cell.Outcome), fmt.Sprintf("outcome %s", cell.Outcome)
		}
		comparisons = append(comparisons, c)
	}
	return comparisons, nil
}

// outcomeVerdict says what an unwanted outcome means: a target that cannot keep
// up refutes, a measurement that does not stand decides nothing.
func outcomeVerdict(o record.Outcome) results.Verdict {
	if o == record.Saturated || o == record.Valid {
		return results.Refuted
	}
	return results.Inconclusive
}

// pairs judges the ratio of variant A to variant B for all cells that agree in
// every other knob.
func (j judge) pairs(p Prediction) ([]Comparison, error) {
	var comparisons []Comparison
	for _, a := range j.cells {
		if !matches(a.Knobs, p.A) {
			continue
		}
		twin := maps.Clone(a.Knobs)
		maps.Copy(twin, p.B)
		for _, b := range j.cells {
			if !maps.Equal(b.Knobs, twin) {
				continue
			}
			c, err := j.ratio(p, a, b)
			if err != nil {
				return nil, err
			}
			comparisons = append(comparisons, c)
		}
	}
	return comparisons, nil
}

func (j judge) ratio(p Prediction, a, b results.Cell) (Comparison, error) {
	numerator, err := j.series(p.Metric, a, p.Relation == ">=")
	if err != nil {
		return Comparison{}, err
	}
	denominator, err := j.series(p.Metric, b, false)
	if err != nil {
		return Comparison{}, err
	}
	var above, below []float64
	for block, value := range numerator.byBlock {
		if other, both := denominator.byBlock[block]; both {
			above, below = append(above, value), append(below, other)
		}
	}
	c := Comparison{Cells: j.label(a, p.A), Estimate: results.Ratio(above, below)}
	c.Verdict, c.Reason = decide(c.Estimate, p, numerator.bounds)
	return c, nil
}

// decide keeps a lower bound below the threshold from refuting.
func decide(e results.Estimate, p Prediction, lowerBounds bool) (results.Verdict, string) {
	verdict := results.Decide(e, p.Relation, p.Threshold)
	switch {
	case verdict == results.Refuted && lowerBounds:
		return results.Inconclusive, "saturated trials give lower bounds only"
	case verdict == results.Undecided:
		return verdict, fmt.Sprintf("%d of at least %d blocks", e.N, results.MinBlocks)
	}
	return verdict, ""
}

// series is a metric's value in each block of a cell.
type series struct {
	byBlock map[int]float64
	bounds  bool // some values are lower bounds
}

func (j judge) series(m Metric, cell results.Cell, boundsHelp bool) (series, error) {
	s := series{byBlock: map[int]float64{}}
	for _, t := range j.run.Trials {
		bound := t.Outcome == record.Saturated && m.IsDuration()
		usable := t.Outcome == record.Valid || m.IsCount() || t.Outcome == record.Saturated && (!bound || boundsHelp)
		if t.Cell != cell.ID || !usable {
			continue
		}
		value, supported, err := m.Of(j.run, t)
		if err != nil {
			return series{}, err
		}
		if supported {
			s.byBlock[t.Block] = value
			s.bounds = s.bounds || bound
		}
	}
	return s, nil
}

// label names a cell by the knobs that differ between cells, without those that
// the prediction itself names.
func (j judge) label(cell results.Cell, named map[string]string) string {
	shown := map[string]string{}
	for _, name := range results.VaryingKnobs(j.cells) {
		if _, given := named[name]; !given {
			shown[name] = cell.Knobs[name]
		}
	}
	return settings(shown)
}
