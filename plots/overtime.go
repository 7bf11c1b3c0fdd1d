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
	width := float64(p.steps) * t.stepSeconds
	for i, counts := range merged(t.steps, p.steps) {
		if ns := quantileNs(counts, p.quantile); ns > 0 {
			points = append(points, sample{(float64(i) + 0.5) * width, ns})
		}
	}
	return points
}

// overTimeFigure shows one trial of each cell over its window: latency, and
// beneath it how busy the busiest disk was. A column per consumers level.
func overTimeFigure(experiment string, s source) (figure, bool) {
	if len(s.timelines) == 0 {
		return figure{}, false
	}
	p := choosePace(s.timelines)
	styles := s.lineStyles()
	var spans []string
	recorded, disks := false, false
	for _, t := range s.timelines {
		if t.steps != nil && !slices.Contains(spans, t.span) {
			spans = append(spans, t.span)
		}
		recorded, disks = recorded || t.steps != nil, disks || t.util != nil
	}
	f := figure{width: 9.5 * vg.Inch, title: experiment + ": one trial of each cell over time", legend: curveLegend(s.labels(), styles, outcomesOf(s.timelines))}
	f.notes = append(f.notes, overTimeNote(p, spans, s.timelines))
	var latency, util []*panelPlot
	low, high := latencyRange(s.timelines, p)
	for i, level := range s.levels() {
		lines := slices.DeleteFunc(slices.Clone(s.timelines), func(t timeline) bool { return t.consumers != level })
		title := fmt.Sprintf("consumers: %s (n = %s)", level, plural(len(lines), "trial"))
		if recorded {
			panel := &panelPlot{Plot: timePlot(lines, styles, func(t timeline) []sample { return t.points(p) }, results.FormatDuration), title: title}
			logAxis(&panel.Y, low*0.97, high*1.03, 8)
			title = ""
			if i == 0 {
				panel.side = p.String() + ", log scale"
			}
			latency = append(latency, panel)
		}
		if disks {
			panel := &panelPlot{Plot: timePlot(lines, styles, func(t timeline) []sample { return t.util }, percent), title: title}
			panel.Y.Min, panel.Y.Max = 0, 1.02
			panel.Y.Tick.Marker = percentTicks{}
			if i == 0 {
				panel.side = "busiest disk, time in use"
			}
			util = append(util, panel)
		}
	}
	for _, row := range [][]*panelPlot{latency, util} {
		if row != nil {
			f.panels = append(f.panels, row)
		}
	}
	for _, panel := range f.panels[len(f.panels)-1] {
		panel.foot = "time since the window began"
	}
	f.width = max(f.width, vg.Length(len(s.levels()))*5.5*vg.Inch)
	f.height = vg.Length(len(f.panels))*3*vg.Inch + 130
	return f, true
}

func overTimeNote(p pace, spans []string, timelines []timeline) string {
	if len(spans) == 0 {
		return "this run's record has no latency over time: the version that made it did not keep it"
	}
	note := fmt.Sprintf("%s of %s, requests due in each step", p, strings.Join(spans, " and "))
	for _, t := range timelines {
		if t.steps != nil {
			return fmt.Sprintf("%s of %s s; buckets are an eighth wide", note, results.Significant(float64(p.steps)*t.stepSeconds))
		}
	}
	return note
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
func timePlot(timelines []timeline, styles map[string]draw.LineStyle, values func(timeline) []sample, format func(float64) string) *plot.Plot {
	pl := newPlot()
	pl.X.Min = 0
	pl.X.Tick.Marker = secondTicks{}
	pl.Add(horizontalGrid{}, verticalGrid{})
	for _, t := range timelines {
		samples := values(t)
		if len(samples) == 0 {
			continue
		}
		points := make(plotter.XYs, len(samples))
		for i, s := range samples {
			points[i] = plotter.XY{X: s.seconds, Y: s.value}
			pl.X.Max = max(pl.X.Max, s.seconds*1.02)
		}
		line := &plotter.Line{XYs: points, LineStyle: styles[t.label]}
		if !t.stands {
			line.LineStyle = faint(line.LineStyle)
		}
		pl.Add(line, timeTips{t.label, samples, format})
	}
	return pl
}

// timeTips tells the values of a line.
type timeTips struct {
	label   string
	samples []sample
	format  func(float64) string
}

// Plot implements plot.Plotter.
func (t timeTips) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for _, s := range t.samples {
		tellAt(&c, vg.Point{X: trX(s.seconds), Y: trY(s.value)}, glyphRadius, "%s, %s s: %s", t.label, results.Significant(s.seconds), t.format(s.value))
	}
}
