package plots

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"c10klab/internal/hdr"
	"c10klab/results"
)

// curve is one cell's percentile curve.
type curve struct {
	caption
	count  int64
	digest hdr.Digest
	points []hdr.Bracket // quantiles that at least one sample lies beyond
}

// curves returns the percentile curves of a facet.
func (s source) curves(key hdr.Key, fs facets, f facet) []curve {
	var curves []curve
	for _, cell := range s.cells {
		if !f.has(cell.Knobs) || cell.Curves[key] == nil {
			continue
		}
		c := curve{caption: captionOf(cell, fs.label(s, cell)), count: cell.Spans[key].Count, digest: cell.Spans[key]}
		for _, point := range cell.Curves[key] {
			if (1-point.Quantile)*float64(c.count) >= 1 && point.ValueNs > 0 {
				c.points = append(c.points, point)
			}
		}
		c.points = thinned(c.points)
		curves = append(curves, c)
	}
	return curves
}

// thinnedBy is by how much, as a share, a drawn curve may miss a point that is left out: less than a
// line's width.
const thinnedBy = 0.004

// thinned leaves out the points that a straight line between its neighbours passes near enough, on
// the axes that are drawn. It keeps those at which percentiles are labelled.
func thinned(points []hdr.Bracket) (kept []hdr.Bracket) {
	at := func(i int) (x, y float64) { return hdrAxis(points[i].Quantile), math.Log(float64(points[i].ValueNs)) }
	labelled := map[int]bool{}
	for _, tick := range hdrTicks {
		labelled[slices.IndexFunc(points, func(p hdr.Bracket) bool { return hdrAxis(p.Quantile) >= tick.Value })] = true
	}
	from, low, high := 0, math.Inf(-1), math.Inf(1) // slopes of the lines that miss none so far
	for i := range points {
		x0, y0 := at(from)
		x, y := at(i)
		slope := (y - y0) / (x - x0)
		if i == 0 || i-1 > from && (labelled[i-1] || slope < low || slope > high) {
			from, low, high = max(0, i-1), math.Inf(-1), math.Inf(1)
			kept = append(kept, points[from])
			x0, y0 = at(from)
		}
		low, high = max(low, (y-thinnedBy-y0)/(x-x0)), min(high, (y+thinnedBy-y0)/(x-x0))
	}
	if last := len(points) - 1; last > 0 {
		kept = append(kept, points[last])
	}
	return kept
}

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
	key, span := s.waited()
	fs := s.facetsOf(mostLines)
	labels := fs.labels(s)
	styles := lineStylesOf(labels)
	low, high, last := math.Inf(1), math.Inf(-1), 0.0
	var all []curve
	var panels []*panelPlot
	for _, f := range fs.all {
		curves := s.curves(key, fs, f)
		for _, c := range curves {
			for _, point := range c.points {
				ns := float64(point.ValueNs)
				low, high, last = min(low, ns), max(high, ns), max(last, hdrAxis(point.Quantile))
			}
		}
		panels = append(panels, &panelPlot{Plot: curvePlot(curves, styles), title: f.title() + " " + counts(curves)})
		all = append(all, curves...)
	}
	if last == 0 {
		return figure{}, false
	}
	for _, p := range panels {
		logAxis(&p.Y, low*0.97, high*1.03, 10)
		p.X.Max = last * 1.03
	}
	rows := fs.rows(panels)
	sideRows(rows, span.Title+", log scale")
	footColumns(rows, "share of requests at most this slow")
	const panelWidth, panelHeight, leastWidth, around = 6.2 * vg.Inch, 4.2 * vg.Inch, 9.5 * vg.Inch, 2 * vg.Inch
	return figure{
		width: max(leastWidth, vg.Length(len(rows[0]))*panelWidth+0.4*vg.Inch), height: vg.Length(len(rows))*panelHeight + around,
		title: fmt.Sprintf("%s: %s of %s by percentile", experiment, span.Title, key.API),
		notes: []string{"from due until answered, all trials of a cell merged; each curve ends at its last sample but one,",
			"or before a p99.9 that the generator's lateness spoilt"},
		panels: rows,
		legend: lineLegend(labels, styles, outcomesOf(all, func(c curve) caption { return c.caption })),
	}, true
}

// counts says how many requests the curves of a panel have.
func counts(curves []curve) string {
	least, most := int64(math.MaxInt64), int64(0)
	for _, c := range curves {
		least, most = min(least, c.count), max(most, c.count)
	}
	return "(" + fromTo(countLabel(least), countLabel(most)) + " per curve)"
}

// fromTo says how many there are, or between which numbers.
func fromTo(least, most string) string {
	if least == most {
		return "n = " + most
	}
	return "n = " + least + " to " + most
}

// curvePlot marks and tells where a curve crosses the labelled percentiles, and its end.
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
		marks := map[int]bool{len(points) - 1: true}
		for _, tick := range hdrTicks {
			marks[slices.IndexFunc(points, func(at plotter.XY) bool { return at.X >= tick.Value })] = true
		}
		marked := func(i int) bool { return marks[i] }
		addLine(p, points, styles[c.label], !c.stands, marked, func(i int) string {
			if !marked(i) {
				return ""
			}
			bound := "at most"
			if c.bounds || c.digest.IsBound(c.points[i].ValueNs) {
				bound = "up to a time of at least"
			}
			return fmt.Sprintf("%s: %.5g %% of requests took %s %s",
				c.label, 100*c.points[i].Quantile, bound, results.FormatDuration(points[i].Y))
		})
	}
	return p
}
