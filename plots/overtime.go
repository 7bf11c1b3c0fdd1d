package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

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
			groups := merged(t.steps, n)
			if len(groups) < leastPoints {
				return pace{1, 1}
			}
			counts := make([]int64, len(groups))
			for i, group := range groups {
				counts[i] = total(group)
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
func (t timeline) points(p pace) []sample {
	var points []sample
	for i, counts := range merged(t.steps, p.steps) {
		from, to := i*p.steps, min((i+1)*p.steps, len(t.steps))
		if ns := quantileNs(counts, p.quantile); ns > 0 {
			points = append(points, sample{float64(from+to) / 2 * t.stepSeconds, ns})
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
	f := figure{title: experiment + ": one trial of each cell over time", notes: []string{overTimeNote(p, s.timelines)},
		legend: append(curveLegend(labelsOf(lines, fs.labels(s)), styles, outcomesOf(s.timelines)), eventLegend(s.timelines)...)}
	if s.timelinesLeft > 0 {
		f.notes = append(f.notes, fmt.Sprintf("the first %d of %d cells", mostTimelines, mostTimelines+s.timelinesLeft))
	}
	low, high := latencyRange(s.timelines, p)
	rows := []struct {
		side  string
		there func(timeline) bool
		make  func(lines []timeline, first bool) *plot.Plot
	}{
		{p.String() + ", log scale", func(t timeline) bool { return t.steps != nil }, func(lines []timeline, _ bool) *plot.Plot {
			pl := timePlot(lines, styles, func(t timeline) []sample { return t.points(p) }, results.FormatDuration)
			logAxis(&pl.Y, low*0.97, high*1.03, 8)
			return pl
		}},
		{"busiest disk, time in use", func(t timeline) bool { return t.util != nil }, func(lines []timeline, _ bool) *plot.Plot {
			pl := timePlot(lines, styles, func(t timeline) []sample { return t.util }, percent)
			pl.Y.Min, pl.Y.Max, pl.Y.Tick.Marker = 0, 1.02, percentTicks{}
			return pl
		}},
		{"events of the store", func(t timeline) bool { return t.events != nil }, eventPlot},
	}
	seconds := s.longest()
	for _, row := range rows {
		if !slices.ContainsFunc(s.timelines, row.there) {
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

// labelsOf are those of the labels that lines have.
func labelsOf(lines []timeline, labels []string) []string {
	return slices.DeleteFunc(labels, func(label string) bool {
		return !slices.ContainsFunc(lines, func(t timeline) bool { return t.label == label })
	})
}

// longest is the time of the last thing that any timeline shows, a little enlarged.
func (s source) longest() (seconds float64) {
	for _, t := range s.timelines {
		seconds = max(seconds, float64(len(t.steps))*t.stepSeconds)
		if n := len(t.util); n > 0 {
			seconds = max(seconds, t.util[n-1].seconds)
		}
		for _, e := range t.events {
			seconds = max(seconds, e.seconds)
		}
	}
	return seconds * 1.01
}

func overTimeNote(p pace, timelines []timeline) string {
	var spans []string
	step := 0.0
	for _, t := range timelines {
		if t.steps == nil {
			continue
		}
		step = float64(p.steps) * t.stepSeconds
		if !slices.Contains(spans, t.span) {
			spans = append(spans, t.span)
		}
	}
	if len(spans) == 0 {
		return "this run's record has no latency over time: the version that made it did not keep it"
	}
	return fmt.Sprintf("%s of %s, requests due in each step of %s s; buckets are an eighth wide", p, strings.Join(spans, " and "), results.Significant(step))
}

func percent(share float64) string { return results.Significant(100*share) + " %" }

func outcomesOf(timelines []timeline) (outcomes []string) {
	for _, t := range timelines {
		outcomes = withOutcome(outcomes, t.stands, t.outcome)
	}
	return outcomes
}

func latencyRange(timelines []timeline, p pace) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, t := range timelines {
		for _, point := range t.points(p) {
			low, high = min(low, point.value), max(high, point.value)
		}
	}
	return low, high
}

// timePlot draws one value of each timeline as a line.
func timePlot(timelines []timeline, styles map[string]lineStyle, values func(timeline) []sample, format func(float64) string) *plot.Plot {
	pl := newPlot()
	pl.X.Min = 0
	pl.X.Tick.Marker = secondTicks{}
	pl.Add(horizontalGrid{}, verticalGrid{})
	for i, t := range timelines {
		samples := values(t)
		if len(samples) == 0 {
			continue
		}
		points := make(plotter.XYs, len(samples))
		for j, s := range samples {
			points[j] = plotter.XY{X: s.seconds, Y: s.value}
		}
		style := styles[t.label]
		if !t.stands {
			style = style.faint()
		}
		pl.Add(&plotter.Line{XYs: points, LineStyle: style.LineStyle}, timeMarks{t, samples, style, format, i})
	}
	return pl
}

// marksApart is from how many values of a line over time one has a marker; of few
// values every other.
const marksApart = 8

// timeMarks tells the values of the nth line of a panel, and marks some of them, not
// those that the next line has its marks at.
type timeMarks struct {
	timeline
	samples []sample
	style   lineStyle
	format  func(float64) string
	n       int
}

// Plot implements plot.Plotter.
func (t timeMarks) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	apart := max(1, min(marksApart, len(t.samples)/2))
	for i, s := range t.samples {
		at := vg.Point{X: trX(s.seconds), Y: trY(s.value)}
		if i%apart == t.n%apart {
			t.style.mark(&c, at, !t.stands)
		}
		tellAt(&c, at, glyphRadius, "%s, %s s: %s", t.label, results.Significant(s.seconds), t.format(s.value))
	}
}
