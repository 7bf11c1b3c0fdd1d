package report

import (
	"strconv"

	"c10klab/experiments/verdict"
	"c10klab/results"
)

// verdictTable has a row for each comparison of an experiment.
func verdictTable(j verdict.Judged) results.Table {
	t := results.Table{Columns: []results.Column{{Name: "claim"}, {Name: "prediction"}, {Name: "cells"}, {Name: "median [interval]", Number: true,
		Meaning: "over blocks; the exact interval by order statistics"}, {Name: "blocks", Number: true}, {Name: "verdict"}}}
	for _, f := range j.Findings {
		for _, c := range f.Comparisons {
			verdict := string(c.Verdict)
			if c.Reason != "" {
				verdict += " (" + c.Reason + ")"
			}
			t.Rows = append(t.Rows, results.Row{Class: string(c.Verdict), Values: []results.Value{
				results.TextValue(f.Prediction.Decides()), results.TextValue(f.Prediction.String()), results.TextValue(c.Cells),
				results.NumberValue(f.Format(c.Estimate), c.Estimate.Median), countValue(c.Estimate.N), results.TextValue(verdict),
			}})
		}
	}
	return t
}

// effectTables is the table of an experiment's main effects, and of the pairs of cells
// behind those whose pairs contradict one another.
func effectTables(effects []results.Effect, experiment string) []results.Table {
	main := results.Table{Title: "Main effects: the ratio of each level to its axis's first", Columns: []results.Column{{Name: "knob"}, {Name: "level"}, {Name: "baseline"}, {Name: "metric"},
		{Name: "ratio [interval]", Number: true, Meaning: "geometric mean over the pairs of cells that differ in the level alone, within blocks; median over blocks"},
		{Name: "blocks", Number: true}, {Name: "pairs", Number: true}, {Name: "finding"}}}
	reversed := results.Table{Title: "Interactions: pairs of cells behind contradictory main effects", Columns: []results.Column{{Name: "knob"}, {Name: "level"}, {Name: "metric"}, {Name: "cells"},
		{Name: "ratio [interval]", Number: true}, {Name: "blocks", Number: true}}}
	for _, e := range effects {
		if e.Experiment != experiment {
			continue
		}
		main.Rows = append(main.Rows, results.Row{Class: "", Values: []results.Value{
			results.TextValue(e.Knob), results.TextValue(e.Level), results.TextValue(e.Baseline), results.TextValue(e.Metric),
			estimateValue(e.Ratio), countValue(e.Ratio.N), countValue(len(e.Pairs)), results.TextValue(effectFinding(e)),
		}})
		if !e.Reversed {
			continue
		}
		for _, p := range e.Pairs {
			reversed.Rows = append(reversed.Rows, results.Row{Class: "", Values: []results.Value{
				results.TextValue(e.Knob), results.TextValue(e.Level + " ÷ " + e.Baseline), results.TextValue(e.Metric), results.TextValue(p.Cells), estimateValue(p.Ratio), countValue(p.Ratio.N),
			}})
		}
	}
	var tables []results.Table
	for _, t := range []results.Table{main, reversed} {
		if len(t.Rows) > 0 {
			tables = append(tables, t)
		}
	}
	return tables
}

func estimateValue(e results.Estimate) results.Value {
	return results.NumberValue(e.String(), e.Median)
}

func countValue(n int) results.Value { return results.NumberValue(strconv.Itoa(n), float64(n)) }

func effectFinding(e results.Effect) string {
	switch {
	case e.Reversed:
		return "pairs of cells contradict one another: read them one by one"
	case !e.Ratio.Bounded():
		return "too few blocks"
	case e.Ratio.Lo <= 1 && 1 <= e.Ratio.Hi:
		return "no difference found"
	case e.Ratio.Median > 1:
		return "higher"
	}
	return "lower"
}
