package plots

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

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
// bar, hollow where they do not stand, and each trial's as small dots beneath.
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
			for _, ns := range r.byTrial[q] {
				if ns >= t.floorNs {
					c.DrawGlyph(draw.GlyphStyle{Color: tailColours[q], Radius: trialRadius, Shape: draw.CircleGlyph{}}, vg.Point{X: trX(ns), Y: below})
				}
			}
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
	c.DrawGlyph(glyph, vg.Point{X: trX(ns), Y: y})
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

// tailPlot makes the plot of one panel over a given range of durations.
func tailPlot(p panel, low, high float64, maxLabels int, showLabels bool) *plot.Plot {
	pl := newPlot()
	logAxis(&pl.X, low, high, maxLabels)
	ticks := make([]plot.Tick, len(p.rows))
	for i, r := range p.rows {
		ticks[i].Value = float64(len(p.rows) - 1 - i)
		ticks[i].Label = " " // a major tick without text
		if showLabels {
			ticks[i].Label = fmt.Sprintf("%s  n=%s", r.label, countLabel(r.count))
		}
	}
	pl.Y.Tick.Marker = plot.ConstantTicks(ticks)
	pl.Y.Min, pl.Y.Max = -0.6, float64(len(p.rows))-0.4
	pl.Y.Tick.Length = 0
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

// tailFigure is the clients' view: the tail of ResponseTime, a panel per
// consumers level.
func tailFigure(experiment string, s source) (figure, bool) {
	panels := s.panels("ResponseTime", "Produce")
	low, high, found := tailRange(panels, 0)
	if !found {
		return figure{}, false
	}
	f := figure{
		width: 9.5 * vg.Inch, title: experiment + ": response time of Produce, p99 and p99.9 by " + strings.Join(s.rowKnobs(), ", "),
		notes: []string{headline(panels)}, legend: tailLegend(panels),
	}
	rows := 0
	for i, p := range panels {
		view := &panelPlot{Plot: tailPlot(p, low*0.97, high*1.03, 10, true), title: "consumers: " + p.consumers}
		if i == len(panels)-1 {
			view.foot = "response time (due until answered), log scale"
		}
		f.panels = append(f.panels, []*panelPlot{view})
		rows += len(p.rows)
	}
	f.height = 130 + vg.Length(len(panels))*60 + vg.Length(rows)*25
	return f, true
}

// headline says in numbers what the figure shows: who has the shortest and the
// longest p99 among the cells that stand.
func headline(panels []panel) string {
	var best, worst *row
	var bestAt, worstAt string
	for _, p := range panels {
		for i := range p.rows {
			r := &p.rows[i]
			if !r.stands || r.bounds || r.tail[0] == absent {
				continue
			}
			if best == nil || r.tail[0] < best.tail[0] {
				best, bestAt = r, p.consumers
			}
			if worst == nil || r.tail[0] > worst.tail[0] {
				worst, worstAt = r, p.consumers
			}
		}
	}
	if best == nil {
		return "no cell is valid"
	}
	if len(panels) > 1 {
		bestAt, worstAt = ", consumers "+bestAt, ", consumers "+worstAt
	} else {
		bestAt, worstAt = "", ""
	}
	return fmt.Sprintf("p99 from %s (%s%s) to %s (%s%s)",
		results.FormatDuration(best.tail[0]), best.label, bestAt, results.FormatDuration(worst.tail[0]), worst.label, worstAt)
}

func tailLegend(panels []panel) []legendEntry {
	var entries []legendEntry
	any := func(test func(row) bool) bool {
		return slices.ContainsFunc(panels, func(p panel) bool { return slices.ContainsFunc(p.rows, test) })
	}
	for q := range tailQuantiles {
		if any(func(r row) bool { return r.tail[q] != absent }) {
			entries = append(entries, glyphEntry(tailNames[q]+", trials merged", tailColours[q], glyphRadius, tailShapes[q]))
		}
	}
	if any(func(r row) bool { return len(r.byTrial[0]) > 0 }) {
		entries = append(entries, glyphEntry("one trial each", noteColour, trialRadius, draw.CircleGlyph{}))
	}
	if any(func(r row) bool { return r.bounds }) {
		entries = append(entries, legendEntry{text: "a lower bound: saturated", sample: func(c *draw.Canvas, centre vg.Point) {
			c.FillText(style(labelSize, noteColour, draw.XCenter, draw.YCenter), centre, atLeast)
		}})
	}
	var outcomes []string
	for _, p := range panels {
		for _, r := range p.rows {
			outcomes = withOutcome(outcomes, r.stands, r.outcome)
		}
	}
	if len(outcomes) > 0 {
		entries = append(entries, glyphEntry("hollow: "+strings.Join(outcomes, ", "), noteColour, glyphRadius, draw.RingGlyph{}))
	}
	return entries
}

// withOutcome adds the outcome of numbers that do not stand, once.
func withOutcome(outcomes []string, stands bool, outcome string) []string {
	if stands || slices.Contains(outcomes, outcome) {
		return outcomes
	}
	return append(outcomes, outcome)
}

func glyphEntry(text string, colour color.Color, radius vg.Length, shape draw.GlyphDrawer) legendEntry {
	return legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
		c.DrawGlyph(draw.GlyphStyle{Color: colour, Radius: radius, Shape: shape}, centre)
	}}
}
