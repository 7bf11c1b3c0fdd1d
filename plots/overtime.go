package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"c10klab/internal/hdr"
	"c10klab/results"
)

// leastPoints is how many points a line over time has at least; rather than
// fewer, it shows each step's slowest request.
const leastPoints = 6

// pace is what lines over time show: the quantile of every so many steps.
type pace struct {
	quantile float64
	steps    int
}

// choosePace takes the fewest steps together of which most support p99 in all
// timelines; where too few points would be left, single steps and their slowest request.
func choosePace(timelines []timeline) pace {
	const q = 0.99
	for n := 1; ; n++ {
		enough := true
		for _, t := range timelines {
			if t.steps == nil {
				continue
			}
			var counts []int64
			for _, group := range merged(t.steps, n) {
				counts = append(counts, total(group))
			}
			if len(counts) < leastPoints {
				return pace{1, 1}
			}
			slices.Sort(counts)
			enough = enough && hdr.Supports(counts[len(counts)/4], q)
		}
		if enough {
			return pace{q, n}
		}
	}
}

func (p pace) String() string {
	if p.quantile == 1 {
		return "slowest request"
	}
	return fmt.Sprintf("p%g", 100*p.quantile)
}

// points are a timeline's latencies in ns, in the middle of their steps; steps
// without a request have none.
func (t timeline) points(p pace) (points plotter.XYs) {
	for i, counts := range merged(t.steps, p.steps) {
		from, to := i*p.steps, min((i+1)*p.steps, len(t.steps))
		if ns := quantileNs(counts, p.quantile); ns > 0 {
			points = append(points, plotter.XY{X: float64(from+to) / 2 * t.stepSeconds, Y: ns})
		}
	}
	return points
}

// overTimeFigure shows one trial of each cell over its window: latency, and beneath
// it how busy the busiest disk was and what the store did. A column per consumers level; of
// latency alone a panel per facet.
func overTimeFigure(experiment string, s source) (figure, bool) {
	if len(s.timelines) == 0 {
		return figure{}, false
	}
	p := choosePace(s.timelines)
	fs := s.timelineFacets()
	lines := slices.Clone(s.timelines)
	for i := range lines {
		lines[i].label = fs.label(s, lines[i].cell)
	}
	styles := lineStylesOf(fs.labels(s))
	shown := distinct(texts(lines, func(t timeline) string { return t.label }))
	outcomes := outcomesOf(lines, func(t timeline) caption { return t.caption })
	f := figure{title: experiment + ": one trial of each cell over time", notes: []string{overTimeNote(p, lines)},
		legend: append(lineLegend(shown, styles, outcomes), eventLegend(lines)...)}
	low, high := math.Inf(1), math.Inf(-1)
	for _, t := range lines {
		for _, point := range t.points(p) {
			low, high = min(low, point.Y), max(high, point.Y)
		}
	}
	rows := []struct {
		side  string
		there func(timeline) bool
		make  func(lines []timeline, first bool) *plot.Plot
	}{
		{p.String() + ", log scale", func(t timeline) bool { return t.steps != nil }, func(lines []timeline, _ bool) *plot.Plot {
			pl := timePlot(lines, styles, func(t timeline) plotter.XYs { return t.points(p) }, results.FormatDuration)
			logAxis(&pl.Y, low*0.97, high*1.03, 8)
			return pl
		}},
		{"busiest disk, time in use", func(t timeline) bool { return t.util != nil }, func(lines []timeline, _ bool) *plot.Plot {
			pl := timePlot(lines, styles, func(t timeline) plotter.XYs { return t.util }, percent)
			pl.Y.Min, pl.Y.Max, pl.Y.Tick.Marker = 0, 1.02, percentTicks
			return pl
		}},
		{"events of the store", func(t timeline) bool { return t.events != nil }, func(lines []timeline, first bool) *plot.Plot {
			return eventPlot(lines, !first)
		}},
	}
	seconds := longest(lines)
	for _, row := range rows {
		if !slices.ContainsFunc(lines, row.there) {
			continue
		}
		var panels []*panelPlot
		for i, facet := range fs.all {
			shown := slices.DeleteFunc(slices.Clone(lines), func(t timeline) bool { return !facet.has(t.cell.Knobs) })
			panel := &panelPlot{Plot: row.make(shown, i == 0)}
			panel.X.Max = seconds
			if len(f.panels) == 0 {
				panel.title = fmt.Sprintf("%s (n = %s)", facet.title(), results.Plural(len(shown), "trial"))
			}
			panels = append(panels, panel)
		}
		rows := fs.rows(panels)
		sideRows(rows, row.side)
		f.panels = append(f.panels, rows...)
	}
	footColumns(f.panels, "time since the window began")
	f.width = max(9.5*vg.Inch, vg.Length(len(f.panels[0]))*5.5*vg.Inch)
	f.height = vg.Length(len(f.panels))*3*vg.Inch + 130
	return f, true
}

// timelineFacets are those of the cells, parted by model only where nothing but latency
// is shown, which leaves room for them.
func (s source) timelineFacets() facets {
	if slices.ContainsFunc(s.timelines, func(t timeline) bool { return t.util != nil || t.events != nil }) {
		return s.facetsOf(math.MaxInt)
	}
	return s.facetsOf(mostLines)
}

// longest is the time of the last thing that any timeline shows, a little enlarged.
func longest(timelines []timeline) (seconds float64) {
	for _, t := range timelines {
		seconds = max(seconds, float64(len(t.steps))*t.stepSeconds)
		if n := len(t.util); n > 0 {
			seconds = max(seconds, t.util[n-1].X)
		}
		for _, e := range t.events {
			seconds = max(seconds, e.seconds)
		}
	}
	return seconds * 1.01
}

func overTimeNote(p pace, timelines []timeline) string {
	recorded := slices.DeleteFunc(slices.Clone(timelines), func(t timeline) bool { return t.steps == nil })
	if len(recorded) == 0 {
		return "this run's record has no latency over time: the version that made it did not keep it"
	}
	spans := distinct(texts(recorded, func(t timeline) string { return t.span }))
	step := float64(p.steps) * recorded[len(recorded)-1].stepSeconds
	return fmt.Sprintf("%s of %s, requests due in each step of %s s; buckets are an eighth wide", p, strings.Join(spans, " and "), results.Significant(step))
}

func percent(share float64) string { return results.Significant(100*share) + " %" }

// marksApart is from how many values of a line over time one has a marker; of few
// values every other.
const marksApart = 8

// timePlot draws one value of each timeline as a line, and marks some of the values, not
// those that the next line has its marks at.
func timePlot(timelines []timeline, styles map[string]lineStyle, values func(timeline) plotter.XYs, format func(float64) string) *plot.Plot {
	pl := newPlot()
	pl.X.Min = 0
	pl.X.Tick.Marker = secondTicks
	pl.Add(horizontalGrid{}, verticalGrid{})
	for n, t := range timelines {
		points := values(t)
		if len(points) == 0 {
			continue
		}
		apart := max(1, min(marksApart, len(points)/2))
		addLine(pl, points, styles[t.label], !t.stands, func(i int) bool { return i%apart == n%apart }, func(i int) string {
			return fmt.Sprintf("%s, %s s: %s", t.label, results.Significant(points[i].X), format(points[i].Y))
		})
	}
	return pl
}
