package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/results"
)

// Ratio is one comparison of two cells, block by block, as a forest plot shows it.
type Ratio struct {
	Label    string
	Estimate results.Estimate
	// Relation and Threshold are the prediction; without one, Relation is empty.
	Relation  results.Relation
	Threshold float64
	Verdict   results.Verdict
}

// mostRatios bounds a forest plot's rows.
const mostRatios = 60

// forestFigure shows all comparisons of an experiment.
func forestFigure(experiment string, s source) (figure, bool) {
	var rows []Ratio
	for _, r := range s.ratios {
		if r.Estimate.N > 0 && r.Estimate.Median > 0 {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return figure{}, false
	}
	f := figure{
		width: 15 * vg.Inch, title: experiment + ": ratios between cells, block by block",
		notes: []string{"median over blocks and its exact interval; equal cells have ratio 1"}, legend: forestLegend(rows),
	}
	if len(rows) > mostRatios {
		f.notes = append(f.notes, fmt.Sprintf("the first %d of %d comparisons", mostRatios, len(rows)))
		rows = rows[:mostRatios]
	}
	f.panels = [][]*panelPlot{{
		{Plot: forestPlot(rows), foot: "ratio, log scale"},
		{Plot: forestTexts(rows), title: "median [interval], blocks, verdict"},
	}}
	f.height = 150 + vg.Length(len(rows))*25
	return f, true
}

func forestPlot(rows []Ratio) *plot.Plot {
	pl := newPlot()
	low, high := 1.0, 1.0
	labels := make([]string, len(rows))
	for i, r := range rows {
		labels[i] = r.Label
		for _, x := range []float64{r.Estimate.Median, r.Estimate.Lo, r.Estimate.Hi, r.Threshold} {
			if x > 0 {
				low, high = min(low, x), max(high, x)
			}
		}
	}
	pl.X.Scale = plot.LogScale{}
	pl.X.Min, pl.X.Max = roundDown(low*0.95), roundUp(high*1.05)
	pl.X.Tick.Marker = ratioTicks{}
	rowTicks(pl, labels)
	pl.Add(verticalGrid{}, forest{rows})
	return pl
}

// ratioTicks labels a logarithmic axis of ratios.
type ratioTicks struct{}

// Ticks implements plot.Ticker.
func (ratioTicks) Ticks(low, high float64) []plot.Tick {
	const most = 8
	ticks := durationTicks(low, high, most)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = strconv.FormatFloat(ticks[i].Value, 'f', -1, 64)
		}
	}
	return ticks
}

// verdictGlyph tells verdicts apart by shape and by colour.
func verdictGlyph(v results.Verdict) draw.GlyphStyle {
	switch v {
	case results.Reproduced:
		return draw.GlyphStyle{Color: bluishGreen, Radius: glyphRadius, Shape: draw.CircleGlyph{}}
	case results.Refuted:
		return draw.GlyphStyle{Color: vermillion, Radius: glyphRadius, Shape: diamond{}}
	case results.Inconclusive:
		return draw.GlyphStyle{Color: noteColour, Radius: glyphRadius, Shape: draw.RingGlyph{}}
	}
	return draw.GlyphStyle{Color: blue, Radius: glyphRadius, Shape: draw.BoxGlyph{}}
}

// verdictName says what became of a comparison; one without a prediction has no verdict.
func (r Ratio) verdictName() string { return cmp.Or(string(r.Verdict), "no prediction") }

// forest draws a row for each ratio: interval, median, and its threshold as a mark.
type forest struct{ rows []Ratio }

// Plot implements plot.Plotter.
func (f forest) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	c.StrokeLine2(draw.LineStyle{Color: color.Gray{Y: 120}, Width: 1}, trX(1), c.Min.Y, trX(1), c.Max.Y)
	for i, r := range f.rows {
		y := trY(float64(len(f.rows) - 1 - i))
		glyph := verdictGlyph(r.Verdict)
		if r.Relation != "" && r.Threshold > 0 {
			drawThreshold(&c, vg.Point{X: trX(r.Threshold), Y: y}, r.Relation)
		}
		if e := r.Estimate; e.Bounded() {
			drawInterval(&c, glyph.Color, trX(max(e.Lo, p.X.Min)), trX(e.Hi), y)
		}
		at := vg.Point{X: trX(r.Estimate.Median), Y: y}
		c.DrawGlyph(glyph, at)
		tellAt(&c, at, glyphRadius, "%s: %s over %s, predicted %s %g: %s", r.Label, r.Estimate, plural(r.Estimate.N, "block"), r.Relation, r.Threshold, r.verdictName())
	}
}

// drawThreshold draws a mark with a foot to the side that the prediction names.
func drawThreshold(c *draw.Canvas, at vg.Point, relation results.Relation) {
	const half, foot = vg.Length(8), vg.Length(6)
	line := draw.LineStyle{Color: black, Width: 1.5}
	c.StrokeLine2(line, at.X, at.Y-half, at.X, at.Y+half)
	side := map[results.Relation]vg.Length{">=": foot, "<=": -foot}[relation]
	c.StrokeLine2(line, at.X, at.Y-half, at.X+side, at.Y-half)
}

// forestTexts writes the numbers beside their rows.
func forestTexts(rows []Ratio) *plot.Plot {
	pl := newPlot()
	pl.HideAxes()
	pl.X.Min, pl.X.Max = 0, 1
	pl.Y.Min, pl.Y.Max = -0.6, float64(len(rows))-0.4
	pl.Add(ratioTexts{rows})
	return pl
}

type ratioTexts struct{ rows []Ratio }

// Plot implements plot.Plotter.
func (t ratioTexts) Plot(c draw.Canvas, p *plot.Plot) {
	_, trY := p.Transforms(&c)
	for i, r := range t.rows {
		text := fmt.Sprintf("%s, n=%d, %s", r.Estimate, r.Estimate.N, r.verdictName())
		c.FillText(style(labelSize, black, draw.XLeft, draw.YCenter), vg.Point{X: c.Min.X, Y: trY(float64(len(t.rows) - 1 - i))}, text)
	}
}

func forestLegend(rows []Ratio) []legendEntry {
	var entries []legendEntry
	seen := map[string]bool{}
	threshold := false
	for _, r := range rows {
		if name := r.verdictName(); !seen[name] {
			seen[name] = true
			glyph := verdictGlyph(r.Verdict)
			entries = append(entries, legendEntry{text: name, sample: func(c *draw.Canvas, centre vg.Point) {
				drawInterval(c, glyph.Color, centre.X-sampleWidth/3, centre.X+sampleWidth/3, centre.Y)
				c.DrawGlyph(glyph, centre)
			}})
		}
		threshold = threshold || r.Relation != "" && !math.IsNaN(r.Threshold)
	}
	if threshold {
		entries = append(entries, legendEntry{text: "predicted: at the mark or beyond it on the side of its foot", sample: func(c *draw.Canvas, centre vg.Point) {
			drawThreshold(c, centre, ">=")
		}})
	}
	return entries
}
