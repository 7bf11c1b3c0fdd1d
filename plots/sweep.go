package plots

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/results"
)

// sweepAxes are the knobs that a sweep runs along, with what is written under the axis.
var sweepAxes = []struct{ knob, foot string }{
	{"connections", "connections"},
	{"rate", "offered rate, MB/s (10⁶ bytes)"},
	{"rate-requests", "offered requests a second"},
}

// leastLevels is how many levels make a curve.
const leastLevels = 3

// sweepPoint is one cell in one panel: the median of its trials with the exact
// interval, where there are trials enough.
type sweepPoint struct {
	x        float64
	estimate results.Estimate
	outcome  string
	stands   bool
	bounds   bool // a lower bound
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
	axis, found := s.sweepAxis()
	if !found {
		return figure{}, false
	}
	foot := sweepAxes[slices.IndexFunc(sweepAxes, func(a struct{ knob, foot string }) bool { return a.knob == axis })].foot
	var panels [][]*panelPlot
	var all []sweepLine
	labels := s.sweepLabels(axis)
	styles := lineStylesOf(labels)
	for _, row := range s.sweptRows(axis) {
		if line := s.sweepRow(row, axis, labels, styles, &all); line != nil {
			panels = append(panels, line)
		}
	}
	if len(panels) == 0 {
		return figure{}, false
	}
	for _, p := range panels[len(panels)-1] {
		if p != nil {
			p.foot = foot + ", log scale"
		}
	}
	return figure{
		width: 15 * vg.Inch, height: 150 + vg.Length(len(panels))*3.4*vg.Inch,
		title:  experiment + ": by " + axis,
		notes:  []string{"each point the median of its cell's trials" + trialCount(all) + ", bars their exact interval of 95 % or more (from 6 trials on); the points of a level stand side by side"},
		panels: panels, legend: sweepLegend(labels, styles, all),
	}, true
}

// sweepRow makes the panels of one row; nil where nothing of it was measured.
func (s source) sweepRow(row []swept, axis string, labels []string, styles map[string]lineStyle, all *[]sweepLine) []*panelPlot {
	line := make([]*panelPlot, sweepColumns)
	measured := false
	for i, m := range row {
		lines := s.sweepLines(m, axis, labels)
		if len(lines) == 0 {
			continue
		}
		measured = true
		*all = append(*all, lines...)
		line[i] = &panelPlot{Plot: sweepPlot(m, lines, styles), title: m.title}
	}
	if !measured {
		return nil
	}
	return line
}

// sweepAxis is the knob of sweepAxes that has levels enough.
func (s source) sweepAxis() (string, bool) {
	for _, a := range sweepAxes {
		levels := map[float64]bool{}
		for _, c := range s.cells {
			if x, err := strconv.ParseFloat(c.Knobs[a.knob], 64); err == nil && x > 0 {
				levels[x] = true
			}
		}
		if len(levels) >= leastLevels {
			return a.knob, true
		}
	}
	return "", false
}

// sweepLabel names a cell by what varies beside the axis.
func (s source) sweepLabel(cell results.Cell, axis string) string {
	return s.labelBy(cell, slices.DeleteFunc(s.rowKnobs(), func(name string) bool { return name == axis || cell.Knobs[name] == "" }))
}

func (s source) sweepLabels(axis string) []string {
	return s.distinct(func(cell results.Cell) string { return s.sweepLabel(cell, axis) })
}

// sweepLines reads one metric from every cell that has it, ordered along the axis.
func (s source) sweepLines(m swept, axis string, labels []string) []sweepLine {
	var lines []sweepLine
	for _, label := range labels {
		l := sweepLine{label: label}
		apart := false
		for _, x := range s.sweepLevels(axis) {
			cell, values := s.levelOf(label, axis, x, m)
			if len(values) == 0 {
				apart = len(l.points) > 0
				continue
			}
			l.points = append(l.points, sweepPoint{
				x: x, estimate: results.MedianOf(values), outcome: string(cell.Basis), stands: cell.Stands(), bounds: cell.LowerBounds(), apart: apart,
			})
			apart = false
		}
		if len(l.points) > 0 {
			lines = append(lines, l)
		}
	}
	return lines
}

// sweepLevels are those along the axis, of any line.
func (s source) sweepLevels(axis string) []float64 {
	var levels []float64
	for _, c := range s.cells {
		if x, err := strconv.ParseFloat(c.Knobs[axis], 64); err == nil && !slices.Contains(levels, x) {
			levels = append(levels, x)
		}
	}
	slices.Sort(levels)
	return levels
}

// levelOf is a line's cell at a level, and a metric's values in those of its trials that
// support it; none where there is no such cell.
func (s source) levelOf(label, axis string, level float64, m swept) (cell results.Cell, values []float64) {
	for _, c := range s.cells {
		if x, err := strconv.ParseFloat(c.Knobs[axis], 64); err != nil || x != level || s.sweepLabel(c, axis) != label {
			continue
		}
		for _, trial := range c.Measured {
			if v := m.of(trial); v.Supported {
				values = append(values, v.Value)
			}
		}
		return c, values
	}
	return cell, nil
}

// trialCount says how many trials a point has.
func trialCount(lines []sweepLine) string {
	least, most := 0, 0
	for _, l := range lines {
		for _, p := range l.points {
			if least == 0 || p.estimate.N < least {
				least = p.estimate.N
			}
			most = max(most, p.estimate.N)
		}
	}
	if least == most {
		return fmt.Sprintf(" (n = %d)", most)
	}
	return fmt.Sprintf(" (n = %d to %d)", least, most)
}

func sweepPlot(m swept, lines []sweepLine, styles map[string]lineStyle) *plot.Plot {
	p := newPlot()
	levels := map[float64]bool{}
	var values []float64
	for _, l := range lines {
		for _, point := range l.points {
			levels[point.x] = true
			values = append(values, point.estimate.Median)
			if point.estimate.Bounded() {
				values = append(values, point.estimate.Lo, point.estimate.Hi)
			}
		}
	}
	levelAxis(&p.X, levels)
	m.axis(&p.Y, slices.Min(values), slices.Max(values))
	p.Add(verticalGrid{}, horizontalGrid{}, sweepCurves{m, lines, styles})
	return p
}

// levelAxis is logarithmic, with a tick at each level.
func levelAxis(axis *plot.Axis, levels map[float64]bool) {
	axis.Scale = plot.LogScale{}
	var ticks []plot.Tick
	for x := range levels {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'g', -1, 64)})
	}
	slices.SortFunc(ticks, func(a, b plot.Tick) int { return int(a.Value - b.Value) })
	const room = 1.2
	axis.Min, axis.Max = ticks[0].Value/room, ticks[len(ticks)-1].Value*room
	axis.Tick.Marker = plot.ConstantTicks(ticks)
}

// sweepCurves draws lines with their points, hollow where a point is a lower bound or
// does not stand, and intervals as bars.
type sweepCurves struct {
	swept  swept
	lines  []sweepLine
	styles map[string]lineStyle
}

// Plot implements plot.Plotter.
func (s sweepCurves) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for n, l := range s.lines {
		shift := s.shift(n)
		at := func(x, y float64) vg.Point { return vg.Point{X: trX(x) + shift, Y: trY(max(y, p.Y.Min))} }
		style := s.styles[l.label]
		var path []vg.Point
		from := 0
		for i, point := range l.points {
			if point.apart {
				c.StrokeLines(style.LineStyle, path[from:])
				from = i
			}
			path = append(path, at(point.x, point.estimate.Median))
		}
		c.StrokeLines(style.LineStyle, path[from:])
		bar := draw.LineStyle{Color: style.Color, Width: 1}
		for i, point := range l.points {
			e := point.estimate
			text := fmt.Sprintf("%s at %s: median of %s %s", l.label, strconv.FormatFloat(point.x, 'f', -1, 64), results.Plural(e.N, "trial"), results.Format(s.swept.Metric, e.Median))
			if e.Bounded() {
				low, high := at(point.x, e.Lo), at(point.x, e.Hi)
				c.StrokeLine2(bar, low.X, low.Y, high.X, high.Y)
				text += fmt.Sprintf(", interval %s to %s", results.Format(s.swept.Metric, e.Lo), results.Format(s.swept.Metric, e.Hi))
			}
			style.mark(&c, path[i], !point.stands || point.bounds && s.swept.IsDuration())
			tellAt(&c, path[i], markerRadius, "%s, %s", text, point.outcome)
		}
	}
}

// shift sets the nth line aside, so that the bars of a level do not cover each other.
func (s sweepCurves) shift(n int) vg.Length {
	const apart, widest = 3, 18
	step := min(apart, widest/vg.Length(len(s.lines)))
	return step * (vg.Length(n) - vg.Length(len(s.lines)-1)/2)
}

func sweepLegend(labels []string, styles map[string]lineStyle, lines []sweepLine) []legendEntry {
	var entries []legendEntry
	for _, label := range labels {
		entries = append(entries, lineEntry(label, styles[label]))
	}
	bounds := false
	var outcomes []string
	for _, l := range lines {
		for _, p := range l.points {
			bounds = bounds || p.bounds
			outcomes = withOutcome(outcomes, p.stands, p.outcome)
		}
	}
	if bounds {
		outcomes = append(outcomes, "saturated, whose durations are lower bounds")
	}
	if len(outcomes) > 0 {
		entries = append(entries, glyphEntry("hollow: "+strings.Join(outcomes, "; "), noteColour, markerRadius, draw.RingGlyph{}))
	}
	return entries
}
