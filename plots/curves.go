package plots

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// verticalText turns a label of a Y axis, in radians.
const verticalText = math.Pi / 2

// hdrAxis is the position of a quantile on the HDR axis: how many times the
// share beyond it fell to a tenth.
func hdrAxis(quantile float64) float64 { return -math.Log10(1 - quantile) }

var hdrTicks = []plot.Tick{
	{Value: hdrAxis(0), Label: "0 %"}, {Value: hdrAxis(0.5), Label: "50 %"}, {Value: hdrAxis(0.9), Label: "90 %"},
	{Value: hdrAxis(0.99), Label: "99 %"}, {Value: hdrAxis(0.999), Label: "99.9 %"},
	{Value: hdrAxis(0.9999), Label: "99.99 %"}, {Value: hdrAxis(0.99999), Label: "99.999 %"},
}

// curveFigure shows the whole distribution of ResponseTime on the HDR axis, a
// panel per consumers level. A curve ends where samples end.
func curveFigure(experiment string, s source) (figure, bool) {
	levels := s.levels()
	all := make([][]curve, len(levels))
	low, high, last := math.Inf(1), math.Inf(-1), 0.0
	invalid := false
	for i, level := range levels {
		all[i] = s.curves("ResponseTime", "Produce", level)
		for _, c := range all[i] {
			invalid = invalid || !c.stands
			for _, point := range c.points {
				ns := float64(point.ValueNs)
				low, high, last = min(low, ns), max(high, ns), max(last, hdrAxis(point.Quantile))
			}
		}
	}
	if last == 0 {
		return figure{}, false
	}
	styles := s.lineStyles()
	line := make([]*plot.Plot, len(levels))
	for i, level := range levels {
		line[i] = curvePlot("consumers: "+level, all[i], styles)
		logAxis(&line[i].Y, "", low*0.97, high*1.03)
		line[i].X.Max = last * 1.03
		if i == 0 {
			line[i].Y.Label.Text = "response time, log scale"
		}
	}
	return figure{
		width: vg.Length(len(levels))*6.2*vg.Inch + 0.4*vg.Inch, height: 6.2 * vg.Inch,
		title:  experiment + ": response time of Produce by percentile",
		notes:  []string{"from due until answered, all trials of a cell merged; each curve ends at its last sample but one"},
		plots:  [][]*plot.Plot{line},
		legend: curveLegend(s.labels(), styles, invalid),
	}, true
}

func curvePlot(title string, curves []curve, styles map[string]draw.LineStyle) *plot.Plot {
	p := newPlot(title)
	p.X.Label.Text = "share of requests at most this slow"
	p.X.Min = 0
	p.X.Tick.Marker = plot.ConstantTicks(hdrTicks)
	p.Add(verticalGrid{}, horizontalGrid{})
	for _, c := range curves {
		points := make(plotter.XYs, len(c.points))
		for i, point := range c.points {
			points[i] = plotter.XY{X: hdrAxis(point.Quantile), Y: float64(point.ValueNs)}
		}
		line := &plotter.Line{XYs: points, LineStyle: styles[c.label]}
		if !c.stands {
			line.LineStyle = faint(line.LineStyle)
		}
		p.Add(line)
	}
	return p
}

// lineStyles gives each label the same line in all panels.
func (s source) lineStyles() map[string]draw.LineStyle {
	styles := map[string]draw.LineStyle{}
	for i, label := range s.labels() {
		styles[label] = draw.LineStyle{Color: lineColours[i%len(lineColours)], Width: 2, Dashes: dashes[(i+i/len(lineColours))%len(dashes)]}
	}
	return styles
}

// faint marks a line whose numbers do not stand.
func faint(s draw.LineStyle) draw.LineStyle {
	c := color.NRGBAModel.Convert(s.Color).(color.NRGBA)
	c.A = 90
	return draw.LineStyle{Color: c, Width: 0.8, Dashes: []vg.Length{1, 2}}
}

func curveLegend(labels []string, styles map[string]draw.LineStyle, invalid bool) []legendEntry {
	var entries []legendEntry
	for _, label := range labels {
		entries = append(entries, lineEntry(label, styles[label]))
	}
	if invalid {
		entries = append(entries, lineEntry("faint and dotted: not valid", faint(draw.LineStyle{Color: black})))
	}
	return entries
}

func lineEntry(text string, s draw.LineStyle) legendEntry {
	return legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
		c.StrokeLine2(s, centre.X-sampleWidth/2, centre.Y, centre.X+sampleWidth/2, centre.Y)
	}}
}
