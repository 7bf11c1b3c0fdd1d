package plots

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/internal/measure"
	"c10klab/results"
)

// rateRow is one cell in the figure of fetch rates, in 10⁶ bytes a second.
type rateRow struct {
	label   string
	outcome string
	stands  bool
	trials  []float64
}

// rates draws each row's median over trials, hollow where it does not stand, and the
// trials as small dots beneath.
type rates struct{ rows []rateRow }

// Plot implements plot.Plotter.
func (t rates) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for i, r := range t.rows {
		at := float64(len(t.rows) - 1 - i)
		y := trY(at)
		c.StrokeLine2(draw.LineStyle{Color: gridColour, Width: 0.75}, c.Min.X, y, c.Max.X, y)
		shape := tailShapes[0]
		if !r.stands {
			shape = hollowShapes[0]
		}
		for _, rate := range r.trials {
			c.DrawGlyph(draw.GlyphStyle{Color: tailColours[0], Radius: trialRadius, Shape: draw.CircleGlyph{}}, vg.Point{X: trX(rate), Y: trY(at - trialOffset)})
		}
		e := results.MedianOf(r.trials)
		if e.Bounded() {
			drawInterval(&c, tailColours[0], trX(e.Lo), trX(e.Hi), trY(at-trialOffset))
		}
		centre := vg.Point{X: trX(e.Median), Y: y}
		c.DrawGlyph(draw.GlyphStyle{Color: tailColours[0], Radius: glyphRadius, Shape: shape}, centre)
		tellAt(&c, centre, glyphRadius, "%s: median of %s %s MB/s, %s", r.label, results.Plural(e.N, "trial"), e, r.outcome)
	}
}

// rateFigure shows how fast consumers read, in experiments that have no producers
// whose response times would be shown.
func rateFigure(experiment string, s source) (figure, bool) {
	var rows []rateRow
	highest := 0.0
	for _, cell := range s.cells {
		_, offered := cell.Number(measure.Held)
		if fetched, _ := cell.Number(measure.Fetched); offered || fetched == 0 {
			continue
		}
		row := rateRow{label: s.label(cell), outcome: string(cell.Basis), stands: cell.Stands(), trials: fetched(cell)}
		highest = max(highest, slices.Max(row.trials))
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return figure{}, false
	}
	f := figure{
		width: 9.5 * vg.Inch, title: fmt.Sprintf("%s: rate of reads", experiment), legend: rateLegend(rows),
		panels: [][]*panelPlot{{{Plot: ratePlot(rows, highest), foot: "fetched, MB/s (10⁶ bytes)"}}},
	}
	f.height = 150 + vg.Length(len(rows))*25
	return f, true
}

// fetched lists what was fetched in each trial.
func fetched(cell results.Cell) []float64 {
	var rates []float64
	for _, t := range cell.Measured {
		rate, _ := measure.Fetched.Of(t.Trial)
		rates = append(rates, rate)
	}
	return rates
}

func ratePlot(rows []rateRow, highest float64) *plot.Plot {
	pl := newPlot()
	pl.X.Min, pl.X.Max = 0, highest*1.05
	labels := make([]string, len(rows))
	for i, r := range rows {
		labels[i] = fmt.Sprintf("%s, n=%s", r.label, results.Plural(len(r.trials), "trial"))
	}
	rowTicks(pl, labels)
	pl.Add(verticalGrid{}, rates{rows})
	return pl
}

func rateLegend(rows []rateRow) []legendEntry {
	entries := []legendEntry{
		glyphEntry("median of trials", tailColours[0], glyphRadius, tailShapes[0]),
		glyphEntry("one trial each", tailColours[0], trialRadius, draw.CircleGlyph{}),
	}
	if slices.ContainsFunc(rows, func(r rateRow) bool { return results.MedianOf(r.trials).Bounded() }) {
		entries = append(entries, intervalEntry())
	}
	var outcomes []string
	for _, r := range rows {
		outcomes = withOutcome(outcomes, r.stands, r.outcome)
	}
	for _, outcome := range outcomes {
		entries = append(entries, glyphEntry("hollow: "+outcome, noteColour, glyphRadius, draw.RingGlyph{}))
	}
	return entries
}
