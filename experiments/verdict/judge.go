package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

type Judged struct {
	Spec     *experiments.Spec
	Findings []Finding
	Controls []ControlFinding
}

// JudgeRun judges every experiment by its spec as it was when the run started.
func JudgeRun(run *results.Run) ([]Judged, error) {
	all := make([]Judged, len(run.Info.Specs))
	for i, stored := range run.Info.Specs {
		spec, err := experiments.ParseStored(stored)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", run.Dir, err)
		}
		findings, err := Judge(spec, run)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", run.Dir, err)
		}
		controls, err := JudgeControls(spec, run)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", run.Dir, err)
		}
		all[i] = Judged{spec, findings, controls}
	}
	return all, nil
}

// Judge decides the predictions of a spec by the cells of its run. The trial is
// the unit: one value per block and cell. A trial limited by the generator or
// the environment has no value, but for counts of threads. A duration of a
// saturated trial is a lower bound: it can support ">=" as the metric itself or as
// the numerator of a ratio, "<=" as the denominator, and nothing else.
//
// A part is reproduced only if all its comparisons are (an intersection–union test),
// and refuted as soon as one is: a refutation must also withstand Holm's correction over
// all comparisons of the part, those that the specs fix and the run lacks among them.
// Where a control fails, the run decides nothing.
func Judge(spec *experiments.Spec, run *results.Run) ([]Finding, error) {
	var metrics []measure.Metric
	for _, p := range spec.Predictions {
		metrics = append(metrics, p.Metric)
	}
	j := newJudge(spec.ID, run, metrics)
	findings := make([]Finding, len(spec.Predictions))
	for i, p := range spec.Predictions {
		findings[i].Prediction = p
		compare := judge.pairs
		switch {
		case p.Each:
			compare = judge.each
		case p.Along != "":
			compare = judge.along
		}
		var err error
		if findings[i].Comparisons, err = compare(j, p); err == nil {
			err = j.weighLimited(&findings[i], compare)
		}
		if err != nil {
			return nil, fmt.Errorf("judge %q: %w", p, err)
		}
	}
	lacking, err := lackingComparisons(spec, findings)
	if err != nil {
		return nil, err
	}
	correctRefutations(findings, lacking)
	withholdUnsupported(findings)
	controls, err := JudgeControls(spec, run)
	for _, f := range findings {
		for i := range f.Comparisons {
			f.Comparisons[i].hold(f.Prediction, controls)
		}
	}
	return findings, err
}

// weighLimited enters what a finding would be with the trials that generator or environment
// limited, and leaves it open where there were too many.
func (j judge) weighLimited(f *Finding, compare func(judge, experiments.Prediction) ([]Comparison, error)) error {
	if len(j.readings.Run.LimitedBlocks(j.experiment)) == 0 {
		return nil
	}
	tooOften := j.readings.Run.TooOftenLimited(j.experiment)
	j.readings = j.readings.WithLimited()
	with, err := compare(j, f.Prediction)
	for i := range with {
		c := &f.Comparisons[i]
		if !slices.Equal(c.Values, with[i].Values) {
			c.WithLimited = &with[i].Estimate
		}
		if tooOften != "" {
			c.Verdict, c.Reason = results.Undecided, tooOften
		}
	}
	return err
}

type judge struct {
	experiment string
	cells      []results.Cell
	varying    []string // the knobs that tell them apart
	readings   *results.Readings
}

func newJudge(experiment string, run *results.Run, metrics []measure.Metric) judge {
	cells := results.OfExperiment(run.CellOutcomes(), experiment)
	return judge{experiment: experiment, cells: cells, varying: results.VaryingKnobs(cells), readings: results.NewReadings(run, metrics...)}
}

// each judges the metric itself in every cell that the prediction names.
func (j judge) each(p experiments.Prediction) ([]Comparison, error) {
	var comparisons []Comparison
	for _, cell := range j.cells {
		if !experiments.Matches(cell.Knobs, p.Where) {
			continue
		}
		s, err := j.readings.Of(p.Metric, cell.ID, p.Relation == ">=")
		if err != nil {
			return nil, err
		}
		c := compared(p, j.label(cell, nil), s.Values(), s.Bounds, s.Missing).beside(s.AllBlocks().Values(), s.Clustering)
		if p.Outcome != "" && cell.Outcome != record.Outcome(p.Outcome) && c.Verdict != results.Undecided {
			c.Verdict, c.Reason = outcomeVerdict(cell.Outcome), fmt.Sprintf("outcome %s", cell.Outcome)
			c.P = 0 // an outcome is no matter of chance
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

// pairs judges the ratio of variant A to variant B, or their difference, for all cells that
// agree in every other knob.
func (j judge) pairs(p experiments.Prediction) ([]Comparison, error) {
	var comparisons []Comparison
	for _, a := range j.cells {
		if !experiments.Matches(a.Knobs, p.A) {
			continue
		}
		twin := maps.Clone(a.Knobs)
		maps.Copy(twin, p.B)
		for _, b := range j.cells {
			if !maps.Equal(b.Knobs, twin) {
				continue
			}
			numerator, denominator, err := readBoth(j.readings, p.Metric, a.ID, b.ID, p.Relation)
			if err != nil {
				return nil, err
			}
			c := compared(p, j.label(a, p.A), between(p.Difference, numerator, denominator), max(numerator.Bounds, denominator.Bounds),
				numerator.Missing.And(denominator.Missing)).
				beside(between(p.Difference, numerator.AllBlocks(), denominator.AllBlocks()), numerator.Clustering.And(denominator.Clustering))
			if !p.Difference && nearOne[0] <= p.Threshold && p.Threshold <= nearOne[1] {
				if c.AA, err = noiseFloor(j.readings, a.Experiment, p.Metric, a.ID, b.ID); err != nil {
					return nil, err
				}
			}
			comparisons = append(comparisons, c)
		}
	}
	return comparisons, nil
}

// between are the differences of two cells within blocks, or the ratios.
func between(differences bool, a, b results.BlockValues) []float64 {
	if differences {
		return a.Differences(b)
	}
	return a.Ratios(b)
}

// readBoth reads a metric in two cells. Lower bounds count in that one where they can prove
// the relation of the first to the second.
func readBoth(r *results.Readings, m measure.Metric, a, b string, relation results.Relation) (x, y results.BlockValues, err error) {
	if x, err = r.Of(m, a, relation == ">="); err == nil {
		y, err = r.Of(m, b, relation == "<=")
	}
	return x, y, err
}

// along judges the rank correlation of the metric with the levels of an axis, for
// each row of cells that agree in every other knob.
func (j judge) along(p experiments.Prediction) ([]Comparison, error) {
	var comparisons []Comparison
	for _, row := range j.rows(p.Along, p.Where) {
		levels, all := make([]results.BlockValues, len(row)), make([]results.BlockValues, len(row))
		var missing results.Missing
		var clustering results.Clustering
		for i, cell := range row {
			s, err := j.readings.Of(p.Metric, cell.ID, false)
			if err != nil {
				return nil, err
			}
			missing, clustering = missing.And(s.Missing), clustering.And(s.Clustering)
			levels[i], all[i] = s, s.AllBlocks()
		}
		comparisons = append(comparisons, compared(p, j.label(row[0], map[string]string{p.Along: ""}), tausOf(levels), results.NoBounds, missing).
			beside(tausOf(all), clustering))
	}
	return comparisons, nil
}

// tausOf are the rank correlations of the levels of a row with their values, one a block.
func tausOf(levels []results.BlockValues) []float64 {
	byBlock := map[int][]float64{}
	for i, level := range levels {
		for block, value := range level.ByBlock {
			if byBlock[block] == nil {
				byBlock[block] = slices.Repeat([]float64{math.NaN()}, len(levels))
			}
			byBlock[block][i] = value
		}
	}
	var blocks [][]float64
	for _, block := range slices.Sorted(maps.Keys(byBlock)) {
		blocks = append(blocks, byBlock[block])
	}
	return results.Taus(blocks)
}

// rows groups the cells that match by all knobs but one, in the order of the plan;
// within a row the levels keep the spec's order. Rows of one cell are left out.
func (j judge) rows(knob string, where map[string]string) [][]results.Cell {
	var rows [][]results.Cell
	axis := map[string]string{knob: ""}
	for _, cell := range j.cells {
		if !experiments.Matches(cell.Knobs, where) {
			continue
		}
		others := without(cell.Knobs, axis)
		i := slices.IndexFunc(rows, func(row []results.Cell) bool { return maps.Equal(without(row[0].Knobs, axis), others) })
		if i < 0 {
			i, rows = len(rows), append(rows, nil)
		}
		rows[i] = append(rows[i], cell)
	}
	return slices.DeleteFunc(rows, func(row []results.Cell) bool { return len(row) < 2 })
}

// label names a cell by the knobs that differ between cells, without those that
// the prediction itself names.
func (j judge) label(cell results.Cell, named map[string]string) string {
	shown := map[string]string{}
	for _, name := range j.varying {
		if _, given := named[name]; !given {
			shown[name] = cell.Knobs[name]
		}
	}
	return experiments.Settings(shown)
}

// compared decides a prediction by one value a block, of which some may be missing.
// Where some are bounds, they may prove it and refute nothing.
func compared(p experiments.Prediction, cells string, values []float64, bounds results.Bounds, missing results.Missing) Comparison {
	c := Comparison{Cells: cells, Estimate: results.MedianOf(values), Values: values, P: 1}
	c.Verdict = results.Decide(c.Estimate, p.Relation, p.Threshold)
	holding, n := 0, len(values)
	for _, v := range values {
		if holds(v, p) {
			holding++
		}
	}
	if bounds == results.NoBounds {
		c.P = results.SignTest(holding, n)
	}
	switch {
	case c.Verdict == results.Refuted && bounds != results.NoBounds:
		if bounds == results.InferredBounds {
			c.Then = c.Verdict
		}
		c.Verdict, c.Reason = results.Inconclusive, "bounds refute nothing"
	case c.Verdict == results.Undecided:
		c.Reason = fmt.Sprintf("%d of at least %d blocks%s", n, results.MinBlocks, missing)
	case c.Verdict == results.Inconclusive:
		c.Reason = fmt.Sprintf("%d of %s on the predicted side, %d on the other", holding, results.Plural(n, "block"), n-holding)
	}
	return c
}

// beside is the comparison with what it would be of all blocks, and how percentiles' samples
// were told to be independent.
func (c Comparison) beside(all []float64, clustering results.Clustering) Comparison {
	c.AllBlocks, c.Clustering = results.MedianOf(all), clustering
	return c
}

// withholdUnsupported takes back what rests on percentiles of samples whose dependence nobody
// knows, or on a maximum, and keeps what it came to by the rules of its day.
func withholdUnsupported(findings []Finding) {
	for _, f := range findings {
		for i := range f.Comparisons {
			c := &f.Comparisons[i]
			why := ""
			switch {
			case c.Verdict == results.Undecided:
				continue
			case f.Prediction.Metric.IsMax():
				why = "a maximum decides nothing"
			case c.Clustering.Unknown:
				why = "dependence unknown"
			case c.Clustering.Borrowed != "":
				c.Reason = strings.TrimPrefix(c.Reason+"; clusters are those of "+c.Clustering.Borrowed, "; ")
				continue
			default:
				continue
			}
			c.Then, c.Verdict = cmp.Or(c.Then, c.Verdict), results.Inconclusive
			c.Reason = fmt.Sprintf("%s; by the rules of its day: %s", why, c.Then)
		}
	}
}

func holds(v float64, p experiments.Prediction) bool {
	switch p.Relation {
	case ">=":
		return v >= p.Threshold
	case "<=":
		return v <= p.Threshold
	}
	return v == p.Threshold
}

// Condition is what a claim predicts of one quantity that a benchmark measures.
type Condition struct {
	experiments.Measured
	Values   []float64 // one a round
	Withheld string    // why they may not decide; empty: they may
}

// JudgeConditions is Judge for a claim that benchmarks decide.
func JudgeConditions(claim string, conditions []Condition) []Finding {
	var findings []Finding
	for _, c := range conditions {
		p := experiments.Prediction{Claim: claim, Part: c.Part, Relation: c.Relation, Threshold: c.Threshold}
		found := Comparison{Cells: c.What, Verdict: results.Undecided, Reason: c.Withheld, Inadmissible: true, P: 1}
		if c.Withheld == "" {
			found = compared(p, c.What, c.Values, results.NoBounds, results.Missing{})
		}
		findings = append(findings, Finding{p, []Comparison{found}})
	}
	correctRefutations(findings, nil)
	return findings
}
