package plots

import (
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/internal/measure"
	"c10klab/results"
)

// hdrAxis is the position of a quantile on the HDR axis: how many times the
// share beyond it fell to a tenth.
func hdrAxis(quantile float64) float64 { return -math.Log10(1 - quantile) }

var hdrTicks = []plot.Tick{
	{Value: hdrAxis(0.5), Label: "50 %"}, {Value: hdrAxis(0.9), Label: "90 %"},
	{Value: hdrAxis(0.99), Label: "99 %"}, {Value: hdrAxis(0.999), Label: "99.9 %"},
	{Value: hdrAxis(0.9999), Label: "99.99 %"}, {Value: hdrAxis(0.99999), Label: "99.999 %"},
}

// curveFigure shows the whole distribution of what clients waited on the HDR axis, a
// panel per facet. A curve ends where samples end.
func curveFigure(experiment string, s source) (figure, bool) {
	waited, _ := s.waited()
	fs := s.facetsOf(mostLines)
	all := make([][]curve, len(fs.all))
	low, high, last := math.Inf(1), math.Inf(-1), 0.0
	var outcomes []string
	for i, f := range fs.all {
		all[i] = s.curves(waited.key, fs, f)
		for _, c := range all[i] {
			outcomes = withOutcome(outcomes, c.stands, c.outcome)
			for _, point := range c.points {
				ns := float64(point.ValueNs)
				low, high, last = min(low, ns), max(high, ns), max(last, hdrAxis(point.Quantile))
			}
		}
	}
	if last == 0 {
		return figure{}, false
	}
	labels := fs.labels(s)
	styles := lineStylesOf(labels)
	panels := make([]*panelPlot, len(fs.all))
	for i, f := range fs.all {
		panels[i] = &panelPlot{Plot: curvePlot(all[i], styles), title: f.title() + " " + counts(all[i])}
		logAxis(&panels[i].Y, low*0.97, high*1.03, 10)
		panels[i].X.Max = last * 1.03
	}
	rows := fs.rows(panels)
	sideRows(rows, measure.SpanNamed(waited.key.Stage).Title+", log scale")
	footColumns(rows, "share of requests at most this slow")
	const panelWidth, panelHeight, leastWidth, around = 6.2 * vg.Inch, 4.2 * vg.Inch, 9.5 * vg.Inch, 2 * vg.Inch
	return figure{
		width: max(leastWidth, vg.Length(len(rows[0]))*panelWidth+0.4*vg.Inch), height: vg.Length(len(rows))*panelHeight + around,
		title: experiment + ": " + waited.title + " by percentile",
		notes: []string{"from due until answered, all trials of a cell merged; each curve ends at its last sample but one,",
			"or before a p99.9 that the generator's lateness spoilt"},
		panels: rows,
		legend: curveLegend(labels, styles, outcomes),
	}, true
}

// counts says how many requests the curves of a panel have.
func counts(curves []curve) string {
	least, most := int64(math.MaxInt64), int64(0)
	for _, c := range curves {
		least, most = min(least, c.count), max(most, c.count)
	}
	if from, to := countLabel(least), countLabel(most); from != to {
		return "(n = " + from + " to " + to + " per curve)"
	}
	return "(n = " + countLabel(most) + " per curve)"
}

func curvePlot(curves []curve, styles map[string]lineStyle) *plot.Plot {
	p := newPlot()
	p.X.Min = 0
	p.X.Tick.Marker = plot.ConstantTicks(hdrTicks)
	p.Add(verticalGrid{}, horizontalGrid{})
	for _, c := range curves {
		points := make(plotter.XYs, len(c.points))
		for i, point := range c.points {
			points[i] = plotter.XY{X: hdrAxis(point.Quantile), Y: float64(point.ValueNs)}
		}
		style := styles[c.label]
		if !c.stands {
			style = style.faint()
		}
		p.Add(&plotter.Line{XYs: points, LineStyle: style.LineStyle}, curveMarks{c, style})
	}
	return p
}

// curveMarks marks and tells where a curve crosses the labelled percentiles, and its end.
type curveMarks struct {
	curve curve
	style lineStyle
}

// Plot implements plot.Plotter.
func (t curveMarks) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	next := 0
	for i, point := range t.curve.points {
		at := hdrAxis(point.Quantile)
		last := i == len(t.curve.points)-1
		if !last && (next == len(hdrTicks) || at < hdrTicks[next].Value) {
			continue
		}
		for next < len(hdrTicks) && at >= hdrTicks[next].Value {
			next++
		}
		place := vg.Point{X: trX(at), Y: trY(float64(point.ValueNs))}
		t.style.mark(&c, place, !t.curve.stands)
		tellAt(&c, place, glyphRadius, "%s: %.5g %% of requests took at most %s",
			t.curve.label, 100*point.Quantile, results.FormatDuration(float64(point.ValueNs)))
	}
}

func curveLegend(labels []string, styles map[string]lineStyle, outcomes []string) []legendEntry {
	var entries []legendEntry
	for _, label := range labels {
		entries = append(entries, lineEntry(label, styles[label]))
	}
	if len(outcomes) > 0 {
		entries = append(entries, lineEntry("thin: "+strings.Join(outcomes, ", "), lineStyle{LineStyle: draw.LineStyle{Color: black}}.faint()))
	}
	return entries
}
