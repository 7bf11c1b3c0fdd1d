package plots

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/internal/record"
	"c10klab/results"
)

const (
	heatColumns = 2
	// mostHeatMaps bounds a figure's panels.
	mostHeatMaps = 12
)

// heatMaps are the timelines that a figure shows as heat maps, and what all their axes
// and colours have in common.
type heatMaps struct {
	shown         []timeline
	left          int // timelines that found no room
	lowNs, highNs float64
	most          int64 // the highest count of a field
}

func newHeatMaps(timelines []timeline) heatMaps {
	m := heatMaps{lowNs: math.Inf(1), highNs: math.Inf(-1)}
	for _, t := range timelines {
		switch {
		case t.steps == nil:
		case len(m.shown) == mostHeatMaps:
			m.left++
		default:
			m.add(t)
		}
	}
	return m
}

func (m *heatMaps) add(t timeline) {
	m.shown = append(m.shown, t)
	for _, step := range t.steps {
		for j := 0; j+1 < len(step); j += 2 {
			from, to := record.SeriesBounds(int(step[j]))
			m.lowNs, m.highNs, m.most = min(m.lowNs, float64(max(1, from))), max(m.highNs, float64(to)), max(m.most, step[j+1])
		}
	}
}

// heatFigure shows for one trial of each cell how many requests took how long, over
// time.
func heatFigure(experiment string, s source) (figure, bool) {
	m := newHeatMaps(s.timelines)
	m.left += s.timelinesLeft
	if m.most == 0 {
		return figure{}, false
	}
	f := figure{title: experiment + ": how many requests took how long, over time", legend: heatLegend(m.most, m.shown)}
	first := m.shown[0]
	f.notes = append(f.notes, fmt.Sprintf("%s; one trial of each cell; a column of a panel is a step of %s s", first.span, results.Significant(first.stepSeconds)))
	if m.left > 0 {
		f.notes = append(f.notes, fmt.Sprintf("the first %d of %d cells", mostHeatMaps, mostHeatMaps+m.left))
	}
	columns := min(heatColumns, len(m.shown))
	for i, t := range m.shown {
		panel := &panelPlot{Plot: heatPlot(t, m.most), title: t.title()}
		logAxis(&panel.Y, m.lowNs, m.highNs, 6)
		if i%columns == 0 {
			f.panels = append(f.panels, make([]*panelPlot, columns))
		}
		f.panels[len(f.panels)-1][i%columns] = panel
		if i >= len(m.shown)-columns {
			panel.foot = "time since the window began"
		}
	}
	f.width = max(9.5, 6*vg.Length(columns)) * vg.Inch
	f.height = vg.Length(len(f.panels))*2.5*vg.Inch + 110
	return f, true
}

// title names the cell, the trial, and how many requests it shows.
func (t timeline) title() string {
	var n int64
	for _, step := range t.steps {
		for j := 1; j < len(step); j += 2 {
			n += step[j]
		}
	}
	return fmt.Sprintf("%s, consumers: %s (block %d, n = %s)", t.label, t.consumers, t.block, countLabel(n))
}

func heatPlot(t timeline, most int64) *plot.Plot {
	pl := newPlot()
	pl.X.Min, pl.X.Max = 0, float64(len(t.steps))*t.stepSeconds
	pl.X.Tick.Marker = secondTicks{}
	pl.Add(heat{t, most})
	return pl
}

// heat draws a timeline's counts as colours, hatched where they do not stand.
type heat struct {
	timeline
	most int64 // the highest count of any panel
}

// heatBackground differs from the page's white, which viewers may replace.
var heatBackground = color.RGBA{R: 253, G: 253, B: 253, A: 255}

// Plot implements plot.Plotter.
func (h heat) Plot(c draw.Canvas, p *plot.Plot) {
	c.SetColor(heatBackground)
	c.Fill(c.Rectangle.Path())
	c.DrawImage(c.Rectangle, h.image(p.Y.Min, p.Y.Max))
	if !h.stands {
		hatch(&c, c.Rectangle, noteColour, wideHatch)
	}
	trX, _ := p.Transforms(&c)
	for i, counts := range merged(h.steps, 1) {
		from, to := float64(i)*h.stepSeconds, float64(i+1)*h.stepSeconds
		box := vg.Rectangle{Min: vg.Point{X: trX(from), Y: c.Min.Y}, Max: vg.Point{X: trX(to), Y: c.Max.Y}}
		tell(&c, box, "%s, %s to %s s: %d requests, half took at most %s, the slowest %s", h.label, results.Significant(from), results.Significant(to),
			total(counts), results.FormatDuration(quantileNs(counts, 0.5)), results.FormatDuration(quantileNs(counts, 1)))
	}
}

// pixels a side of one field, and fields of durations.
const (
	heatPixels = 4
	heatRows   = 96
)

// image colours the fields between two durations of a logarithmic axis.
func (h heat) image(lowNs, highNs float64) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, len(h.steps)*heatPixels, heatRows*heatPixels))
	for _, f := range h.fields(lowNs, highNs) {
		colour := h.colour(f.requests)
		for x := range heatPixels {
			for y := range heatPixels {
				m.SetNRGBA(f.step*heatPixels+x, (heatRows-1-f.row)*heatPixels+y, colour)
			}
		}
	}
	return m
}

// field is one of a heat map's: the requests of a step that took as long as a row says.
type field struct {
	step, row int // rows from the shortest duration
	requests  int64
}

// fields are those that are not empty, between two durations of a logarithmic axis.
func (t timeline) fields(lowNs, highNs float64) (fields []field) {
	for i, counts := range merged(t.steps, 1) {
		for row := range heatRows {
			ns := lowNs * math.Pow(highNs/lowNs, (float64(row)+0.5)/heatRows)
			if n := counts[record.SeriesBucket(int64(ns))]; n > 0 {
				fields = append(fields, field{i, row, n})
			}
		}
	}
	return fields
}

func (h heat) colour(n int64) color.NRGBA { return heatColour(n, h.most) }

// The ramp's ends: luminance falls with the logarithm of the count.
var fewColour, manyColour = color.NRGBA{R: 158, G: 202, B: 225, A: 255}, color.NRGBA{R: 8, G: 29, B: 88, A: 255}

func heatColour(n, most int64) color.NRGBA {
	share := 1.0
	if most > 1 {
		share = math.Log(float64(n)) / math.Log(float64(most))
	}
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + share*(float64(b)-float64(a)))) }
	return color.NRGBA{R: mix(fewColour.R, manyColour.R), G: mix(fewColour.G, manyColour.G), B: mix(fewColour.B, manyColour.B), A: 255}
}

func heatLegend(most int64, shown []timeline) []legendEntry {
	var entries []legendEntry
	box := func(text string, fill func(c *draw.Canvas, r vg.Rectangle)) {
		entries = append(entries, legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
			half := vg.Point{X: sampleWidth / 2, Y: 6}
			fill(c, vg.Rectangle{Min: centre.Sub(half), Max: centre.Add(half)})
		}})
	}
	for n := int64(1); n <= most; n *= 10 {
		text := countLabel(n)
		if n == 1 {
			text += " request"
		}
		box(text, func(c *draw.Canvas, r vg.Rectangle) {
			c.SetColor(heatColour(n, most))
			c.Fill(r.Path())
		})
	}
	for _, outcome := range outcomesOf(shown) {
		box("hatched: "+outcome, func(c *draw.Canvas, r vg.Rectangle) { hatch(c, r, noteColour, wideHatch) })
	}
	return entries
}
