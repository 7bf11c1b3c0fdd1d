package report

import (
	"io"
	"slices"
	"strings"

	"c10klab/experiments/verdict"
	"c10klab/results"
)

// TableNames are the kinds of tables of Tables.
var TableNames = []string{"client", "connections", "servers", "stages", "numbers", "predictions", "controls", "problems", "all"}

// Tables writes tables by name, of each experiment in turn, as text no wider than Width
// or as Markdown; all without names.
func (r *Run) Tables(w io.Writer, names []string, markdown bool) error {
	var parts []string
	for _, j := range r.judged {
		own := results.OfExperiment(r.cells, j.Spec.ID)
		tables := append(results.DetailedTables(own), results.NumberTable(own), verdict.Table(j.Findings), verdict.ControlTable(j.Controls), problemTable(own))
		for _, t := range tables {
			if len(t.Rows) == 0 || len(names) > 0 && !slices.Contains(names, t.Kind) && !slices.Contains(names, "all") {
				continue
			}
			t.Title = j.Spec.ID + ": " + t.Title
			if markdown {
				parts = append(parts, t.Markdown())
			} else {
				parts = append(parts, t.Text("", Width))
			}
		}
	}
	_, err := io.WriteString(w, strings.Join(parts, "\n"))
	return err
}

// problemTable is every problem of every cell.
func problemTable(cells []results.Cell) results.Table {
	t := results.Table{Kind: "problems", Title: "Problems", Columns: results.TextColumns("cell", "problem")}
	for _, c := range cells {
		for _, problem := range c.Problems {
			t.Add("", c.ID, problem)
		}
	}
	return t
}

// effectTables is the table of an experiment's main effects, and of the pairs of cells
// behind those whose pairs contradict one another.
func effectTables(effects []results.Effect, experiment string) []results.Table {
	ratio := results.Column{Name: "ratio [interval]", Number: true}
	counts := []results.Column{{Name: "blocks", Number: true}, {Name: "pairs", Number: true}}
	reversed := results.Table{Title: "Interactions: pairs of cells behind contradictory main effects",
		Columns: append(results.TextColumns("knob", "level", "metric", "cells"), ratio, counts[0])}
	ratio.Meaning = "geometric mean over the pairs of cells that differ in the level alone, within blocks; median over blocks"
	main := results.Table{Title: "Main effects: the ratio of each level to its axis's first",
		Columns: slices.Concat(results.TextColumns("knob", "level", "baseline", "metric"), []results.Column{ratio}, counts, results.TextColumns("finding"))}
	for _, e := range effects {
		if e.Experiment != experiment {
			continue
		}
		main.Add("", e.Knob, e.Level, e.Baseline, e.Metric, e.Ratio, e.Ratio.N, len(e.Pairs), effectFinding(e))
		if e.Reversed {
			for _, p := range e.Pairs {
				reversed.Add("", e.Knob, e.Level+" ÷ "+e.Baseline, e.Metric, p.Cells, p.Ratio, p.Ratio.N)
			}
		}
	}
	return slices.DeleteFunc([]results.Table{main, reversed}, func(t results.Table) bool { return len(t.Rows) == 0 })
}

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
