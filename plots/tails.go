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

	"c10klab/internal/hdr"
	"c10klab/results"
)

const (
	glyphRadius = vg.Length(4.5)
	trialRadius = vg.Length(1.6)
	// trialOffset sets the trials' dots beneath the merged value, in rows.
	trialOffset = 0.26
)

var tailQuantiles = [...]float64{0.99, 0.999}

// tails are the values of a row, parallel to tailQuantiles; of rates there is but one.
type tails [len(tailQuantiles)]float64

// absent stands for an unsupported percentile.
const absent = -1

var (
	tailShapes   = [len(tailQuantiles)]draw.GlyphDrawer{draw.CircleGlyph{}, diamond}
	hollowShapes = [len(tailQuantiles)]draw.GlyphDrawer{draw.RingGlyph{}, outline{diamond}}
)

// row is one cell in a figure of tails, in nanoseconds, or of rates.
type row struct {
	caption
	count   int64 // durations merged
	trials  int
	tail    tails
	byTrial [len(tailQuantiles)][]float64 // at least two trials, or none
}

// values lists all values of the row, merged and by trial.
func (r row) values() []float64 {
	values := slices.Concat(append(r.byTrial[:], r.tail[:])...)
	return slices.DeleteFunc(values, func(value float64) bool { return value == absent })
}

// interval estimates the median over trials of a percentile.
func (r row) interval(q int) results.Estimate { return results.MedianOf(r.byTrial[q]) }

// name is the row's label with how much was measured.
func (r row) name() string {
	return fmt.Sprintf("%s, n=%s in %s", r.label, countLabel(r.count), results.Plural(r.trials, "trial"))
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

// panel is the rows of one consumers level.
type panel struct {
	consumers string
	rows      []row
}

// panels returns the tails of one span, a panel for each consumers level that
// measured it.
func (s source) panels(key hdr.Key) (panels []panel) {
	for _, level := range s.levels() {
		if rows := s.rows(level, key); rows != nil {
			panels = append(panels, panel{level, rows})
		}
	}
	return panels
}

// rows are the tails of one span in the cells of a consumers level; none if no cell
// measured it.
func (s source) rows(level string, key hdr.Key) (rows []row) {
	measured := false
	for _, cell := range s.cells {
		if consumersOf(cell) == level {
			rows = append(rows, s.row(cell, key))
			measured = measured || cell.Spans[key].Count > 0
		}
	}
	if !measured {
		return nil
	}
	return rows
}

func (s source) row(cell results.Cell, key hdr.Key) row {
	r := row{caption: captionOf(cell, s.label(cell)), count: cell.Spans[key].Count, tail: tailsOf(cell.Spans[key])}
	for _, ns := range r.tail {
		r.bounds = r.bounds || cell.Spans[key].IsBound(int64(ns))
	}
	for _, t := range cell.Measured {
		span, measured := t.Spans[key]
		if !measured {
			continue
		}
		r.trials++
		for i, ns := range tailsOf(span) {
			if ns != absent {
				r.byTrial[i] = append(r.byTrial[i], ns)
			}
		}
	}
	for i := range r.byTrial {
		if len(r.byTrial[i]) < 2 {
			r.byTrial[i] = nil
		}
	}
	return r
}

func tailsOf(d hdr.Digest) (t tails) {
	for i, q := range tailQuantiles {
		t[i] = absent
		if ns, supported := d.Quantile(q); supported {
			t[i] = float64(ns)
		}
	}
	return t
}

// tailKind is what the values of rows are called.
type tailKind struct {
	names  []string // of the values
	legend []string // parallel
	format func(float64) string
}

var durationTails = tailKind{[]string{"p99", "p99.9"}, []string{"p99, trials merged", "p99.9, trials merged"}, results.FormatDuration}

// draw draws rows in a plot: of each the merged percentiles joined by a bar, hollow where
// they do not stand; beneath, each trial's as small dots and the interval of their median.
// What lies below the axis is an arrow at the left edge.
func (t tailKind) draw(pl *plot.Plot, rows []row) {
	pl.Add(verticalGrid{}, painted(func(c *draw.Canvas, x, y func(float64) vg.Length) {
		d := tailDrawing{t, c, x, pl.X.Min}
		for i, r := range rows {
			at, below := y(-float64(i)), y(-float64(i)-trialOffset)
			c.StrokeLine2(gridLine, c.Min.X, at, c.Max.X, at)
			d.bar(r, at)
			for q := range t.names {
				d.trials(r, q, below)
				d.value(r, q, at)
			}
			d.remark(r, at)
		}
	}))
}

// tailDrawing draws parts of a row.
type tailDrawing struct {
	tailKind
	c     *draw.Canvas
	x     func(float64) vg.Length
	floor float64 // the axis's lower end
}

func (d tailDrawing) bar(r row, y vg.Length) {
	first, last := r.tail[0], r.tail[len(r.tail)-1]
	if first != absent && last >= d.floor {
		d.c.StrokeLine2(draw.LineStyle{Color: color.Gray{Y: 165}, Width: 2.5}, d.x(max(first, d.floor)), y, d.x(last), y)
	}
}

// trials draws one value of each trial and the interval of its median.
func (d tailDrawing) trials(r row, q int, y vg.Length) {
	if e := r.interval(q); e.Bounded() && e.Lo >= d.floor {
		drawInterval(d.c, tailColours[q], d.x(e.Lo), d.x(e.Hi), y)
		tell(d.c, vg.Rectangle{Min: vg.Point{X: d.x(e.Lo), Y: y - intervalCap}, Max: vg.Point{X: d.x(e.Hi), Y: y + intervalCap}},
			"%s: median of %s over %d trials %s, interval %s to %s", r.label, d.names[q], e.N, d.format(e.Median), d.format(e.Lo), d.format(e.Hi))
	}
	for _, value := range r.byTrial[q] {
		if value >= d.floor {
			at := vg.Point{X: d.x(value), Y: y}
			d.c.DrawGlyph(draw.GlyphStyle{Color: tailColours[q], Radius: trialRadius, Shape: draw.CircleGlyph{}}, at)
			tellAt(d.c, at, trialRadius, "%s: %s of one trial %s", r.label, d.names[q], d.format(value))
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

func (d tailDrawing) value(r row, q int, y vg.Length) {
	value := r.tail[q]
	glyph := draw.GlyphStyle{Color: tailColours[q], Radius: glyphRadius, Shape: tailShapes[q]}
	switch {
	case value == absent:
		return
	case value < d.floor:
		glyph.Shape = leftArrow
		d.c.DrawGlyph(glyph, vg.Point{X: d.c.Min.X + glyphRadius + vg.Length(q)*2.4*glyphRadius, Y: y})
		return
	}
	at := vg.Point{X: d.x(value), Y: y}
	if !r.stands {
		d.c.DrawGlyph(draw.GlyphStyle{Color: color.White, Radius: glyphRadius, Shape: tailShapes[q]}, at)
		glyph.Shape = hollowShapes[q]
	}
	d.c.DrawGlyph(glyph, at)
	text := fmt.Sprintf("%s: %s ", r.label, d.names[q])
	if r.bounds {
		text += atLeast
	}
	text += d.format(value)
	if r.count > 0 {
		text += " of " + countLabel(r.count) + " requests"
	}
	tellAt(d.c, at, glyphRadius, "%s, %s", text, r.outcome)
}

// atLeast stands before values that are lower bounds.
const atLeast = "≥"

// remark says why a row is empty, and marks lower bounds, to the left of the values if
// there is room.
func (d tailDrawing) remark(r row, y vg.Length) {
	values := r.values()
	if len(values) == 0 {
		d.c.FillText(style(noteSize, noteColour, draw.XLeft, draw.YCenter), vg.Point{X: d.c.Min.X + 6, Y: y}, r.missing())
		return
	}
	if !r.bounds || slices.Max(values) < d.floor {
		return
	}
	const gap, room = 8, 24
	text := style(labelSize, noteColour, draw.XRight, draw.YCenter)
	at := d.x(max(slices.Min(values), d.floor)) - gap
	if at < d.c.Min.X+room {
		text.XAlign, at = draw.XLeft, d.x(slices.Max(values))+gap
	}
	d.c.FillText(text, vg.Point{X: at, Y: y}, atLeast)
}

// tailPlot makes the plot of the tails of some rows over a given range of durations.
func tailPlot(rows []row, low, high float64, maxLabels int, unnamed bool) *plot.Plot {
	pl := rowPlot(texts(rows, row.name), unnamed)
	logAxis(&pl.X, low, high, maxLabels)
	durationTails.draw(pl, rows)
	return pl
}

// tailRange is the range of all values shown that are at least floorNs; false if
// there is none.
func tailRange(rows []row, floorNs float64) (low, high float64, found bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		for _, ns := range r.values() {
			if ns >= max(floorNs, 1) {
				low, high = min(low, ns), max(high, ns)
			}
		}
	}
	return low, high, low <= high
}

// entries are a legend's, of what some of the rows have.
func (t tailKind) entries(rows []row) []legendEntry {
	var entries []legendEntry
	add := func(entry legendEntry, test func(row) bool) {
		if slices.ContainsFunc(rows, test) {
			entries = append(entries, entry)
		}
	}
	for q, text := range t.legend {
		add(glyphEntry(text, tailColours[q], glyphRadius, tailShapes[q]), func(r row) bool { return r.tail[q] != absent })
	}
	add(glyphEntry("one trial each", noteColour, trialRadius, draw.CircleGlyph{}), func(r row) bool { return len(r.byTrial[0]) > 0 })
	add(intervalEntry(), func(r row) bool { return r.interval(0).Bounded() })
	add(legendEntry{text: "a lower bound: " + results.BoundReason, sample: func(c *draw.Canvas, centre vg.Point) {
		c.FillText(style(labelSize, noteColour, draw.XCenter, draw.YCenter), centre, atLeast)
	}}, func(r row) bool { return r.bounds })
	if outcomes := outcomesOf(rows, func(r row) caption { return r.caption }); len(outcomes) > 0 {
		entries = append(entries, glyphEntry("hollow: "+strings.Join(outcomes, ", "), noteColour, glyphRadius, draw.RingGlyph{}))
	}
	return entries
}

func intervalEntry() legendEntry {
	text := fmt.Sprintf("interval of the trials' median, at least %.0f %% sure", 100*results.LeastCoverage)
	return legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
		drawInterval(c, noteColour, centre.X-sampleWidth/3, centre.X+sampleWidth/3, centre.Y)
	}}
}

func glyphEntry(text string, colour color.Color, radius vg.Length, shape draw.GlyphDrawer) legendEntry {
	return legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
		c.DrawGlyph(draw.GlyphStyle{Color: colour, Radius: radius, Shape: shape}, centre)
	}}
}
