package plots

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/results"
)

// Ratio is one comparison of cells, block by block, as a forest plot shows it.
type Ratio struct {
	Label string
	// Effect: the ratio of a level to its baseline over all pairs of cells that
	// differ in nothing else, not of a prediction's two variants.
	Effect   bool
	Estimate results.Estimate
	// Reversed: pairs of cells contradict one another.
	Reversed bool
	// Relation and Threshold are the prediction; without one, Relation is empty.
	Relation  results.Relation
	Threshold float64
	Verdict   results.Verdict
}

// mostRatios bounds a forest plot's rows.
const mostRatios = 60

// forestFigure shows all comparisons that an experiment's predictions are about.
func forestFigure(experiment string, s source) (figure, bool) {
	return ratioFigure(s.ratios, false, figure{
		title: experiment + ": predicted ratios between cells, block by block",
		notes: []string{"median over blocks and its exact interval; equal cells have ratio 1"},
	})
}

// effectFigure shows what each level of an axis does to the metrics.
func effectFigure(experiment string, s source) (figure, bool) {
	return ratioFigure(s.ratios, true, figure{
		title: experiment + ": main effects, the ratio of each level to its axis's first",
		notes: []string{"geometric mean over the pairs of cells that differ in the level alone, within blocks; median over blocks and its exact interval"},
	})
}

// ratioFigure completes a figure of the ratios of either kind.
func ratioFigure(ratios []Ratio, effects bool, f figure) (figure, bool) {
	rows, left := ratioRows(ratios, effects)
	if len(rows) == 0 {
		return figure{}, false
	}
	f.legend = forestLegend(rows)
	f.noteLeft(len(rows), left, "comparisons")
	f.panels = [][]*panelPlot{{
		{Plot: forestPlot(rows), foot: "ratio, log scale"},
		{Plot: forestTexts(rows), title: "median [interval], blocks, finding"},
	}}
	const leastHalf, margin = 4.5 * vg.Inch, 0.4 * vg.Inch
	f.width = widest(texts(rows, Ratio.label)) + 2*max(leastHalf, widest(texts(rows, Ratio.text))+margin)
	f.height = 150 + vg.Length(len(rows))*25
	return f, true
}

// ratioRows are the measured ratios of either kind that a forest plot has room for, and
// how many are left.
func ratioRows(ratios []Ratio, effects bool) (rows []Ratio, left int) {
	for _, r := range ratios {
		switch {
		case r.Effect != effects || r.Estimate.N == 0 || r.Estimate.Median <= 0:
		case len(rows) == mostRatios:
			left++
		default:
			rows = append(rows, r)
		}
	}
	return rows, left
}

// ratioRange is what an axis shows: all medians, intervals and thresholds, and equality.
func ratioRange(rows []Ratio) (low, high float64) {
	low, high = 1, 1
	for _, r := range rows {
		for _, x := range []float64{r.Estimate.Median, r.Estimate.Lo, r.Estimate.Hi, r.Threshold} {
			if x > 0 {
				low, high = min(low, x), max(high, x)
			}
		}
	}
	return roundDown(low * 0.95), roundUp(high * 1.05)
}

func (r Ratio) label() string { return r.Label }

// text is what is written beside a row.
func (r Ratio) text() string {
	return fmt.Sprintf("%s, n=%d, %s", r.Estimate, r.Estimate.N, r.verdictName())
}

// glyph tells verdicts apart by shape and by colour.
func (r Ratio) glyph() draw.GlyphStyle {
	switch {
	case r.Reversed:
		return draw.GlyphStyle{Color: reddishPurple, Radius: glyphRadius, Shape: draw.CrossGlyph{}}
	case r.Verdict == results.Reproduced:
		return draw.GlyphStyle{Color: bluishGreen, Radius: glyphRadius, Shape: draw.CircleGlyph{}}
	case r.Verdict == results.Refuted:
		return draw.GlyphStyle{Color: vermillion, Radius: glyphRadius, Shape: diamond}
	case r.Verdict == results.Inconclusive || r.verdictName() == "no difference found":
		return draw.GlyphStyle{Color: noteColour, Radius: glyphRadius, Shape: draw.RingGlyph{}}
	}
	return draw.GlyphStyle{Color: blue, Radius: glyphRadius, Shape: draw.BoxGlyph{}}
}

// verdictName says what became of a prediction, or what an effect says of equality.
func (r Ratio) verdictName() string {
	switch {
	case r.Verdict != "":
		return string(r.Verdict)
	case r.Reversed:
		return "pairs of cells contradict one another"
	case !r.Estimate.Bounded():
		return "too few blocks"
	case r.Estimate.Lo <= 1 && 1 <= r.Estimate.Hi:
		return "no difference found"
	}
	return "different"
}

// forestPlot draws a row for each ratio: interval, median, and its threshold as a mark.
func forestPlot(rows []Ratio) *plot.Plot {
	pl := rowPlot(texts(rows, Ratio.label), false)
	pl.X.Scale, pl.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(ratioTicks)
	pl.X.Min, pl.X.Max = ratioRange(rows)
	pl.Add(verticalGrid{}, painted(func(c *draw.Canvas, x, y func(float64) vg.Length) {
		c.StrokeLine2(draw.LineStyle{Color: color.Gray{Y: 120}, Width: 1}, x(1), c.Min.Y, x(1), c.Max.Y)
		for i, r := range rows {
			at := vg.Point{X: x(r.Estimate.Median), Y: y(-float64(i))}
			glyph, predicted := r.glyph(), ""
			if r.Relation != "" {
				predicted = fmt.Sprintf(", predicted %s %g", r.Relation, r.Threshold)
				if r.Threshold > 0 {
					drawThreshold(c, vg.Point{X: x(r.Threshold), Y: at.Y}, r.Relation)
				}
			}
			if e := r.Estimate; e.Bounded() {
				drawInterval(c, glyph.Color, x(max(e.Lo, pl.X.Min)), x(e.Hi), at.Y)
			}
			c.DrawGlyph(glyph, at)
			tellAt(c, at, glyphRadius, "%s: %s over %s%s: %s", r.Label, r.Estimate, results.Plural(r.Estimate.N, "block"), predicted, r.verdictName())
		}
	}))
	return pl
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
	pl := rowPlot(texts(rows, Ratio.label), true)
	pl.HideAxes()
	pl.X.Min, pl.X.Max = 0, 1
	pl.Add(painted(func(c *draw.Canvas, _, y func(float64) vg.Length) {
		for i, r := range rows {
			c.FillText(style(labelSize, black, draw.XLeft, draw.YCenter), vg.Point{X: c.Min.X, Y: y(-float64(i))}, r.text())
		}
	}))
	return pl
}

func forestLegend(rows []Ratio) []legendEntry {
	var entries []legendEntry
	seen := map[string]bool{}
	threshold := false
	for _, r := range rows {
		if name := r.verdictName(); !seen[name] {
			seen[name] = true
			glyph := r.glyph()
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
