package report

import (
	"strconv"

	"c10klab/results"
)

// effectTables is the table of an experiment's main effects, and of the pairs of cells
// behind those whose pairs contradict one another.
func effectTables(effects []results.Effect, experiment string) []table {
	main := table{Title: "Main effects: the ratio of each level to its axis's first", Columns: []column{{Name: "knob"}, {Name: "level"}, {Name: "baseline"}, {Name: "metric"},
		{Name: "ratio [interval]", Number: true, Meaning: "geometric mean over the pairs of cells that differ in the level alone, within blocks; median over blocks"},
		{Name: "blocks", Number: true}, {Name: "pairs", Number: true}, {Name: "finding"}}}
	reversed := table{Title: "Interactions: pairs of cells behind contradictory main effects", Columns: []column{{Name: "knob"}, {Name: "level"}, {Name: "metric"}, {Name: "cells"},
		{Name: "ratio [interval]", Number: true}, {Name: "blocks", Number: true}}}
	for _, e := range effects {
		if e.Experiment != experiment {
			continue
		}
		main.Rows = append(main.Rows, row{"", []cell{
			textCell(e.Knob), textCell(e.Level), textCell(e.Baseline), textCell(e.Metric),
			estimateCell(e.Ratio), countCell(e.Ratio.N), countCell(len(e.Pairs)), textCell(effectFinding(e)),
		}})
		if !e.Reversed {
			continue
		}
		for _, p := range e.Pairs {
			reversed.Rows = append(reversed.Rows, row{"", []cell{
				textCell(e.Knob), textCell(e.Level + " ÷ " + e.Baseline), textCell(e.Metric), textCell(p.Cells), estimateCell(p.Ratio), countCell(p.Ratio.N),
			}})
		}
	}
	var tables []table
	for _, t := range []table{main, reversed} {
		if len(t.Rows) > 0 {
			tables = append(tables, t)
		}
	}
	return tables
}

func estimateCell(e results.Estimate) cell { return numberCell(e.String(), e.Median) }

func countCell(n int) cell { return numberCell(strconv.Itoa(n), float64(n)) }

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
