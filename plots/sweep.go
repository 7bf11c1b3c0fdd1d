package plots

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/internal/measure"
	"c10klab/results"
)

// sweepAxes are the knobs that a sweep runs along, with what is written under the axis.
var sweepAxes = []struct{ knob, foot string }{
	{"connections", "connections"},
	{"rate", "offered rate, MB/s (10⁶ bytes)"},
	{"rate-requests", "offered requests a second"},
}

const (
	// leastLevels is how many levels make a curve.
	leastLevels  = 3
	sweepColumns = 3
)

// swept is what one panel of a sweep shows: durations on a logarithmic axis, other
// numbers on a linear one from 0.
type swept struct {
	measure.Metric
	title string
}

// sweepPoint is one cell in one panel: the median of its trials with the exact
// interval, where there are trials enough.
type sweepPoint struct {
	caption
	x        float64
	estimate results.Estimate
	// apart: a level between the point before and this one has no value, so no line
	// leads here.
	apart bool
}

// sweepLine is the cells that differ in nothing but the knob on the axis.
type sweepLine struct {
	label  string
	points []sweepPoint
}

// sweepFigure draws what is measured against a number of connections or a rate, a line
// for each model or whatever else varies.
func sweepFigure(experiment string, s source) (figure, bool) {
	axis, foot, found := s.sweepAxis()
	if !found {
		return figure{}, false
	}
	var panels [][]*panelPlot
	var all []sweepPoint
	labels := s.sweepLabels(axis)
	styles := lineStylesOf(labels)
	for _, row := range s.sweptRows(axis) {
		line := make([]*panelPlot, sweepColumns)
		before := len(all)
		for i, m := range row {
			lines := s.sweepLines(m, axis, labels)
			if points := allPoints(lines); points != nil {
				line[i] = &panelPlot{Plot: sweepPlot(m, lines, styles), title: m.title}
				all = append(all, points...)
			}
		}
		if len(all) > before {
			panels = append(panels, line)
		}
	}
	if len(panels) == 0 {
		return figure{}, false
	}
	footColumns(panels, foot+", log scale")
	return figure{
		width: 15 * vg.Inch, height: 150 + vg.Length(len(panels))*3.4*vg.Inch,
		title:  experiment + ": by " + axis,
		notes:  []string{"each point the median of its cell's trials" + trialCount(all) + ", bars their exact interval of 95 % or more (from 6 trials on); the points of a level stand side by side"},
		panels: panels, legend: append(lineLegend(labels, styles, nil), hollowPoints(all)...),
	}, true
}

func allPoints(lines []sweepLine) (points []sweepPoint) {
	for _, l := range lines {
		points = append(points, l.points...)
	}
	return points
}

// sweepAxis is the knob of sweepAxes that has levels enough.
func (s source) sweepAxis() (knob, foot string, found bool) {
	for _, a := range sweepAxes {
		if len(s.sweepLevels(a.knob)) >= leastLevels {
			return a.knob, a.foot, true
		}
	}
	return "", "", false
}

// sweepLevels are those along the axis, of any line.
func (s source) sweepLevels(axis string) []float64 {
	var levels []float64
	for _, c := range s.cells {
		if x := levelOf(c, axis); x > 0 {
			levels = append(levels, x)
		}
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}

// levelOf is where a cell is along an axis; 0: nowhere.
func levelOf(cell results.Cell, axis string) float64 {
	x, err := strconv.ParseFloat(cell.Knobs[axis], 64)
	if err != nil {
		return 0
	}
	return x
}

// sweepLabel names a cell by what varies beside the axis.
func (s source) sweepLabel(cell results.Cell, axis string) string {
	return labelBy(cell, without(s.rowKnobs(), axis))
}

func (s source) sweepLabels(axis string) []string {
	return distinct(texts(s.cells, func(cell results.Cell) string { return s.sweepLabel(cell, axis) }))
}

// sweptRows are the rows of panels along an axis: what clients waited, a percentile a
// panel, and the numbers that belong to the axis.
func (s source) sweptRows(axis string) (rows [][]swept) {
	for _, key := range measure.Clients(results.KeysOf(s.cells)) {
		span := measure.SpanNamed(key.Stage)
		if span.In&measure.Sweep == 0 {
			continue
		}
		title := span.Title
		if span != measure.EndToEnd {
			title += " of " + key.API
		}
		rows = append(rows, []swept{
			{measure.At(key, measure.P50), title + ", p50"},
			{measure.At(key, measure.P99), title + ", p99"},
			{measure.At(key, measure.P999), title + ", p99.9"},
		})
	}
	var numbers []swept
	for _, n := range measure.Numbers(measure.Sweep) {
		if n.Along == axis {
			numbers = append(numbers, swept{n.Metric(), n.Title})
		}
	}
	return slices.AppendSeq(rows, slices.Chunk(numbers, sweepColumns))
}

// sweepLines reads one metric from every cell that has it, ordered along the axis.
func (s source) sweepLines(m swept, axis string, labels []string) []sweepLine {
	var lines []sweepLine
	levels := s.sweepLevels(axis)
	for _, label := range labels {
		l := sweepLine{label: label}
		apart := false
		for _, x := range levels {
			i := slices.IndexFunc(s.cells, func(c results.Cell) bool { return levelOf(c, axis) == x && s.sweepLabel(c, axis) == label })
			if i < 0 {
				apart = len(l.points) > 0
				continue
			}
			cell := s.cells[i]
			values, bounds := m.valuesOf(cell)
			if len(values) == 0 {
				apart = len(l.points) > 0
				continue
			}
			point := sweepPoint{captionOf(cell, label), x, results.MedianOf(values), apart}
			point.bounds = point.bounds || bounds
			l.points = append(l.points, point)
			apart = false
		}
		if len(l.points) > 0 {
			lines = append(lines, l)
		}
	}
	return lines
}

// valuesOf reads the metric from those of a cell's trials that support it, and says whether
// some values are lower bounds.
func (m swept) valuesOf(cell results.Cell) (values []float64, bounds bool) {
	key, isDuration := m.Key()
	for _, t := range cell.Measured {
		var v measure.Value
		if isDuration {
			v = m.OfDigest(t.Spans[key])
		} else {
			v = m.Of(t.Trial)
		}
		if v.Supported {
			values, bounds = append(values, v.Value), bounds || v.Bound
		}
	}
	return values, bounds
}

// trialCount says how many trials a point has.
func trialCount(points []sweepPoint) string {
	least, most := points[0].estimate.N, 0
	for _, p := range points {
		least, most = min(least, p.estimate.N), max(most, p.estimate.N)
	}
	return " (" + fromTo(strconv.Itoa(least), strconv.Itoa(most)) + ")"
}

// sweepPlot draws lines with their points, hollow where a point is a lower bound or
// does not stand, and intervals as bars.
func sweepPlot(m swept, lines []sweepLine, styles map[string]lineStyle) *plot.Plot {
	p := newPlot()
	var levels, values []float64
	for _, point := range allPoints(lines) {
		levels, values = append(levels, point.x), append(values, point.estimate.Median)
		if point.estimate.Bounded() {
			values = append(values, point.estimate.Lo, point.estimate.Hi)
		}
	}
	levelAxis(&p.X, levels)
	m.axis(&p.Y, slices.Min(values), slices.Max(values))
	p.Add(verticalGrid{}, horizontalGrid{}, painted(func(c *draw.Canvas, x, y func(float64) vg.Length) {
		for n, l := range lines {
			aside := shift(n, len(lines))
			at := func(point sweepPoint, value float64) vg.Point {
				return vg.Point{X: x(point.x) + aside, Y: y(max(value, p.Y.Min))}
			}
			m.drawLine(c, l, styles[l.label], at)
		}
	}))
	return p
}

func (m swept) drawLine(c *draw.Canvas, l sweepLine, style lineStyle, at func(sweepPoint, float64) vg.Point) {
	var path []vg.Point
	for _, point := range l.points {
		if point.apart {
			c.StrokeLines(style.LineStyle, path)
			path = nil
		}
		path = append(path, at(point, point.estimate.Median))
	}
	c.StrokeLines(style.LineStyle, path)
	for _, point := range l.points {
		e := point.estimate
		text := fmt.Sprintf("%s at %s: median of %s %s", l.label, plain(point.x), results.Plural(e.N, "trial"), results.Format(m.Metric, e.Median))
		if e.Bounded() {
			low, high := at(point, e.Lo), at(point, e.Hi)
			c.StrokeLine2(draw.LineStyle{Color: style.Color, Width: 1}, low.X, low.Y, high.X, high.Y)
			text += fmt.Sprintf(", interval %s to %s", results.Format(m.Metric, e.Lo), results.Format(m.Metric, e.Hi))
		}
		centre := at(point, e.Median)
		style.mark(c, centre, !point.stands || point.bounds && m.IsDuration())
		tellAt(c, centre, markerRadius, "%s, %s", text, point.outcome)
	}
}

// shift sets the nth of some lines aside, so that the bars of a level do not cover each other.
func shift(n, lines int) vg.Length {
	const apart, widest = 3, 18
	return min(apart, widest/vg.Length(lines)) * (vg.Length(n) - vg.Length(lines-1)/2)
}

// levelAxis is logarithmic, with a tick at each level.
func levelAxis(axis *plot.Axis, levels []float64) {
	axis.Scale = plot.LogScale{}
	var ticks []plot.Tick
	slices.Sort(levels)
	for _, x := range slices.Compact(levels) {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'g', -1, 64)})
	}
	const room = 1.2
	axis.Min, axis.Max = ticks[0].Value/room, ticks[len(ticks)-1].Value*room
	axis.Tick.Marker = plot.ConstantTicks(ticks)
}

// axis makes the Y axis for a range of values.
func (m swept) axis(axis *plot.Axis, low, high float64) {
	const room = 1.05
	if m.IsDuration() {
		logAxis(axis, max(1, low/room), max(2, high*room), 10)
		return
	}
	axis.Min, axis.Max = min(0, low*room), high*room
	if axis.Max <= 0 {
		axis.Max = 1
	}
	axis.Tick.Marker = plot.TickerFunc(countTicks)
}

// hollowPoints explains why some points are hollow, if any is.
func hollowPoints(points []sweepPoint) []legendEntry {
	outcomes := outcomesOf(points, func(p sweepPoint) caption { return p.caption })
	if slices.ContainsFunc(points, func(p sweepPoint) bool { return p.bounds }) {
		outcomes = append(outcomes, "durations that are lower bounds, since "+results.BoundReason)
	}
	if len(outcomes) == 0 {
		return nil
	}
	return []legendEntry{glyphEntry("hollow: "+strings.Join(outcomes, "; "), noteColour, markerRadius, draw.RingGlyph{})}
}
