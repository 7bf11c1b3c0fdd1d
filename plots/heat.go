package plots

import (
	"fmt"
	"image"
	"image/color"
	imagedraw "image/draw"
	"math"
	"slices"

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
		if t.steps == nil {
			continue
		}
		if len(m.shown) == mostHeatMaps {
			m.left++
			continue
		}
		m.shown = append(m.shown, t)
		for _, counts := range merged(t.steps, 1) {
			for bucket, n := range counts {
				from, to := record.SeriesBounds(bucket)
				m.lowNs, m.highNs, m.most = min(m.lowNs, float64(max(1, from))), max(m.highNs, float64(to)), max(m.most, n)
			}
		}
	}
	return m
}

// heatFigure shows for one trial of each cell how many requests took how long, over
// time.
func heatFigure(experiment string, s source) (figure, bool) {
	m := newHeatMaps(s.timelines)
	if m.most == 0 {
		return figure{}, false
	}
	f := figure{title: experiment + ": how many requests took how long, over time", legend: heatLegend(m.most, m.shown)}
	first := m.shown[0]
	f.notes = append(f.notes, fmt.Sprintf("%s; one trial of each cell; a column of a panel is a step of %s s", first.span, results.Significant(first.stepSeconds)))
	f.noteLeft(mostHeatMaps, m.left, "cells")
	columns := min(heatColumns, len(m.shown))
	for panels := range slices.Chunk(m.shown, columns) {
		row := make([]*panelPlot, columns)
		for i, t := range panels {
			row[i] = &panelPlot{Plot: heatPlot(t, m.most), title: t.title()}
			logAxis(&row[i].Y, m.lowNs, m.highNs, 6)
		}
		f.panels = append(f.panels, row)
	}
	footColumns(f.panels, "time since the window began")
	f.width = max(9.5, 6*vg.Length(columns)) * vg.Inch
	f.height = vg.Length(len(f.panels))*2.5*vg.Inch + 110
	return f, true
}

// title names the cell, the trial, and how many requests it shows.
func (t timeline) title() string {
	n := int64(0)
	for _, counts := range merged(t.steps, 1) {
		n += total(counts)
	}
	return fmt.Sprintf("%s, consumers: %s (block %d, n = %s)", t.label, t.consumers, t.block, countLabel(n))
}

// heatBackground differs from the page's white, which viewers may replace.
var heatBackground = color.RGBA{R: 253, G: 253, B: 253, A: 255}

// heatPlot draws a timeline's counts as colours, hatched where they do not stand. most is
// the highest count of any panel.
func heatPlot(t timeline, most int64) *plot.Plot {
	pl := newPlot()
	pl.X.Min, pl.X.Max = 0, float64(len(t.steps))*t.stepSeconds
	pl.X.Tick.Marker = secondTicks
	pl.Add(painted(func(c *draw.Canvas, x, _ func(float64) vg.Length) {
		fill(c, c.Rectangle, heatBackground)
		c.DrawImage(c.Rectangle, heatImage(t, most, pl.Y.Min, pl.Y.Max))
		if !t.stands {
			hatch(c, c.Rectangle, noteColour, wideHatch)
		}
		for i, counts := range merged(t.steps, 1) {
			from, to := float64(i)*t.stepSeconds, float64(i+1)*t.stepSeconds
			box := vg.Rectangle{Min: vg.Point{X: x(from), Y: c.Min.Y}, Max: vg.Point{X: x(to), Y: c.Max.Y}}
			tell(c, box, "%s, %s to %s s: %d requests, half took at most %s, the slowest %s", t.label, results.Significant(from), results.Significant(to),
				total(counts), results.FormatDuration(quantileNs(counts, 0.5)), results.FormatDuration(quantileNs(counts, 1)))
		}
	}))
	return pl
}

// pixels a side of one field, and fields of durations.
const (
	heatPixels = 4
	heatRows   = 96
)

// heatImage colours the fields between two durations of a logarithmic axis.
func heatImage(t timeline, most int64, lowNs, highNs float64) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, len(t.steps)*heatPixels, heatRows*heatPixels))
	for _, f := range t.fields(lowNs, highNs) {
		corner := image.Pt(f.step*heatPixels, (heatRows-1-f.row)*heatPixels)
		field := image.Rectangle{corner, corner.Add(image.Pt(heatPixels, heatPixels))}
		imagedraw.Draw(m, field, image.NewUniform(heatColour(f.requests, most)), image.Point{}, imagedraw.Src)
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
	for n := int64(1); n <= most; n *= 10 {
		text := countLabel(n)
		if n == 1 {
			text += " request"
		}
		entries = append(entries, boxEntry(text, func(c *draw.Canvas, box vg.Rectangle) { fill(c, box, heatColour(n, most)) }))
	}
	for _, outcome := range outcomesOf(shown, func(t timeline) caption { return t.caption }) {
		entries = append(entries, boxEntry("hatched: "+outcome, func(c *draw.Canvas, box vg.Rectangle) { hatch(c, box, noteColour, wideHatch) }))
	}
	return entries
}
