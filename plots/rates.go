package plots

import (
	"slices"

	"gonum.org/v1/plot/vg"

	"c10klab/internal/measure"
	"c10klab/results"
)

var rateTails = tailKind{[]string{"rate of reads"}, []string{"median of trials"}, func(rate float64) string {
	return results.Significant(rate) + " MB/s"
}}

// rateFigure shows how fast consumers read, in 10⁶ bytes a second, in experiments that have
// no producers whose response times would be shown.
func rateFigure(experiment string, s source) (figure, bool) {
	var rows []row
	highest := 0.0
	for _, cell := range s.cells {
		_, offered := cell.Number(measure.Held)
		if fetched, _ := cell.Number(measure.Fetched); offered || fetched == 0 {
			continue
		}
		r := row{caption: captionOf(cell, s.label(cell)), trials: len(cell.Measured)}
		r.bounds = false // rates are none
		for _, t := range cell.Measured {
			rate, _ := measure.Fetched.Of(t.Trial)
			r.byTrial[0] = append(r.byTrial[0], rate)
		}
		r.tail = tails{r.interval(0).Median, absent}
		highest = max(highest, slices.Max(r.byTrial[0]))
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return figure{}, false
	}
	pl := rowPlot(texts(rows, func(r row) string { return r.label + ", n=" + results.Plural(r.trials, "trial") }), false)
	pl.X.Min, pl.X.Max = 0, highest*1.05
	rateTails.draw(pl, rows)
	return figure{
		width: 9.5 * vg.Inch, height: 150 + vg.Length(len(rows))*25,
		title: experiment + ": rate of reads", legend: rateTails.entries(rows),
		panels: [][]*panelPlot{{{Plot: pl, foot: "fetched, MB/s (10⁶ bytes)"}}},
	}, true
}
