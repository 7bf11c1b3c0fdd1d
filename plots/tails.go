package plots

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/results"
)

const (
	glyphRadius = vg.Length(4.5)
	trialRadius = vg.Length(1.6)
	// trialOffset sets the trials' dots beneath the merged value, in rows.
	trialOffset = 0.26
)

var tailShapes = [len(tailQuantiles)]draw.GlyphDrawer{draw.CircleGlyph{}, diamond{}}
var hollowShapes = [len(tailQuantiles)]draw.GlyphDrawer{draw.RingGlyph{}, hollowDiamond{}}
var tailNames = [len(tailQuantiles)]string{"p99", "p99.9"}

// tails draws the rows of a panel: per row the merged percentiles joined by a
// bar, hollow where they do not stand; beneath, each trial's as small dots and the
// interval of their median.
type tails struct {
	rows    []row
	floorNs float64 // what lies below is drawn as an arrow at the left edge
}

// Plot implements plot.Plotter.
func (t tails) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for i, r := range t.rows {
		y := trY(float64(len(t.rows) - 1 - i))
		c.StrokeLine2(draw.LineStyle{Color: gridColour, Width: 0.75}, c.Min.X, y, c.Max.X, y)
		t.drawBar(&c, r, trX, y)
		below := trY(float64(len(t.rows)-1-i) - trialOffset)
		for q := range tailQuantiles {
			t.drawTrials(&c, r, q, trX, below)
			t.drawMerged(&c, r, q, trX, y)
		}
		t.drawRemark(&c, r, trX, y)
	}
}

func (t tails) drawBar(c *draw.Canvas, r row, trX func(float64) vg.Length, y vg.Length) {
	first, last := r.tail[0], r.tail[len(r.tail)-1]
	if first == absent || last < t.floorNs {
		return
	}
	c.StrokeLine2(draw.LineStyle{Color: color.Gray{Y: 165}, Width: 2.5}, trX(max(first, t.floorNs)), y, trX(last), y)
}

// drawTrials draws one percentile of each trial and the interval of its median.
func (t tails) drawTrials(c *draw.Canvas, r row, q int, trX func(float64) vg.Length, y vg.Length) {
	if e := r.interval(q); e.Bounded() && e.Lo >= t.floorNs {
		drawInterval(c, tailColours[q], trX(e.Lo), trX(e.Hi), y)
		tell(c, vg.Rectangle{Min: vg.Point{X: trX(e.Lo), Y: y - intervalCap}, Max: vg.Point{X: trX(e.Hi), Y: y + intervalCap}},
			"%s: median of %s over %d trials %s, interval %s to %s", r.label, tailNames[q], e.N,
			results.FormatDuration(e.Median), results.FormatDuration(e.Lo), results.FormatDuration(e.Hi))
	}
	for _, ns := range r.byTrial[q] {
		if ns >= t.floorNs {
			at := vg.Point{X: trX(ns), Y: y}
			c.DrawGlyph(draw.GlyphStyle{Color: tailColours[q], Radius: trialRadius, Shape: draw.CircleGlyph{}}, at)
			tellAt(c, at, trialRadius, "%s: %s of one trial %s", r.label, tailNames[q], results.FormatDuration(ns))
		}
	}
}

// intervalCap is half the height of the caps that end an interval.
const intervalCap = vg.Length(3)

// drawInterval draws a line between two caps.
func drawInterval(c *draw.Canvas, colour color.Color, from, to, y vg.Length) {
	line := draw.LineStyle{Color: colour, Width: 1}
	c.StrokeLine2(line, from, y, to, y)
	for _, x := range []vg.Length{from, to} {
		c.StrokeLine2(line, x, y-intervalCap, x, y+intervalCap)
	}
}

func (t tails) drawMerged(c *draw.Canvas, r row, q int, trX func(float64) vg.Length, y vg.Length) {
	ns := r.tail[q]
	glyph := draw.GlyphStyle{Color: tailColours[q], Radius: glyphRadius, Shape: tailShapes[q]}
	switch {
	case ns == absent:
		return
	case ns < t.floorNs:
		glyph.Shape = leftArrow{}
		offset := glyphRadius + vg.Length(q)*2.4*glyphRadius
		c.DrawGlyph(glyph, vg.Point{X: c.Min.X + offset, Y: y})
		return
	case !r.stands:
		c.DrawGlyph(draw.GlyphStyle{Color: colorWhite, Radius: glyphRadius, Shape: tailShapes[q]}, vg.Point{X: trX(ns), Y: y})
		glyph.Shape = hollowShapes[q]
	}
	at := vg.Point{X: trX(ns), Y: y}
	c.DrawGlyph(glyph, at)
	tellAt(c, at, glyphRadius, "%s: %s %s%s of %s requests, %s", r.label, tailNames[q], r.bound(), results.FormatDuration(ns), countLabel(r.count), r.outcome)
}

// bound is what stands before a value that is a lower bound.
func (r row) bound() string {
	if r.bounds {
		return atLeast
	}
	return ""
}

// atLeast stands before values that are lower bounds.
const atLeast = "≥"

// drawRemark says why a row is empty, and marks lower bounds, to the left of the
// values if there is room.
func (t tails) drawRemark(c *draw.Canvas, r row, trX func(float64) vg.Length, y vg.Length) {
	values := r.values()
	if len(values) == 0 {
		c.FillText(style(noteSize, noteColour, draw.XLeft, draw.YCenter), vg.Point{X: c.Min.X + 6, Y: y}, r.missing())
		return
	}
	if !r.bounds || slices.Max(values) < t.floorNs {
		return
	}
	const gap, room = 8, 24
	text := style(labelSize, noteColour, draw.XRight, draw.YCenter)
	at := trX(max(slices.Min(values), t.floorNs)) - gap
	if at < c.Min.X+room {
		text.XAlign, at = draw.XLeft, trX(slices.Max(values))+gap
	}
	c.FillText(text, vg.Point{X: at, Y: y}, atLeast)
}

// missing says why a row shows no value.
func (r row) missing() string {
	switch {
	case !r.stands:
		return r.outcome
	case r.count == 0:
		return "not measured"
	}
	return "too few requests"
}

// name is the row's label with how much was measured.
func (r row) name() string {
	return fmt.Sprintf("%s, n=%s in %s", r.label, countLabel(r.count), results.Plural(r.trials, "trial"))
}

// widestRow is the width of the longest row name.
func widestRow(panels []panel) vg.Length {
	var names []string
	for _, p := range panels {
		for _, r := range p.rows {
			names = append(names, r.name())
		}
	}
	return widest(names)
}

// tailPlot makes the plot of one panel over a given range of durations.
func tailPlot(p panel, low, high float64, maxLabels int, showLabels bool) *plot.Plot {
	pl := newPlot()
	logAxis(&pl.X, low, high, maxLabels)
	labels := make([]string, len(p.rows))
	for i, r := range p.rows {
		labels[i] = " "
		if showLabels {
			labels[i] = r.name()
		}
	}
	rowTicks(pl, labels)
	pl.Add(verticalGrid{}, tails{rows: p.rows, floorNs: pl.X.Min})
	return pl
}

// tailRange is the range of all values shown that are at least floorNs; false if
// there is none.
func tailRange(panels []panel, floorNs float64) (low, high float64, found bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, p := range panels {
		for _, r := range p.rows {
			for _, ns := range r.values() {
				if ns >= max(floorNs, 1) {
					low, high = min(low, ns), max(high, ns)
				}
			}
		}
	}
	return low, high, low <= high
}
