package plots

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/internal/record"
	"c10klab/results"
)

// event is one of a store's events: its end, in seconds since the window began, and
// what it took.
type event struct {
	kind          string
	seconds, took float64
	path          string
}

// eventKinds are drawn each in its own way.
var eventKinds = []struct {
	kind  string
	glyph draw.GlyphStyle
}{
	{record.EventRoll, draw.GlyphStyle{Color: vermillion, Radius: glyphRadius, Shape: diamond}},
	{record.EventFsync, draw.GlyphStyle{Color: blue, Radius: 3.5, Shape: draw.CircleGlyph{}}},
	{record.EventIndexFlush, draw.GlyphStyle{Color: noteColour, Radius: 2, Shape: draw.BoxGlyph{}}},
}

// eventsOf lists the store's events within the window.
func eventsOf(t record.Trial, startNs int64) []event {
	after := t.Measurement.Broker().After
	if after == nil || after.Store == nil {
		return nil
	}
	var events []event
	for _, e := range after.Store.Events {
		if startNs <= e.AtNs && e.AtNs <= startNs+t.Measurement.WindowNs {
			events = append(events, event{e.Kind, float64(e.AtNs-startNs) / nsPerSecond, float64(e.TookNs) / nsPerSecond, e.Path})
		}
	}
	return events
}

// eventPlot has a row for each timeline.
func eventPlot(timelines []timeline, unnamed bool) *plot.Plot {
	pl := rowPlot(texts(timelines, func(t timeline) string { return t.label }), unnamed)
	pl.X.Min = 0
	pl.X.Tick.Marker = secondTicks
	pl.Add(verticalGrid{}, painted(func(c *draw.Canvas, x, y func(float64) vg.Length) {
		for i, t := range timelines {
			row := y(-float64(i))
			c.StrokeLine2(gridLine, c.Min.X, row, c.Max.X, row)
			for _, e := range t.events {
				for _, kind := range eventKinds {
					if kind.kind != e.kind {
						continue
					}
					at := vg.Point{X: x(e.seconds), Y: row}
					c.StrokeLine2(draw.LineStyle{Color: color.Gray{Y: 120}, Width: 1.5}, x(max(0, e.seconds-e.took)), row, at.X, row)
					c.DrawGlyph(kind.glyph, at)
					tellAt(c, at, glyphRadius, "%s, %s s: %s of %s took %s", t.label, results.Significant(e.seconds), e.kind, e.path, results.FormatDuration(e.took*nsPerSecond))
				}
			}
		}
	}))
	return pl
}

// eventLegend explains the kinds that some timeline has.
func eventLegend(timelines []timeline) []legendEntry {
	var entries []legendEntry
	for _, kind := range eventKinds {
		if slices.ContainsFunc(timelines, func(t timeline) bool {
			return slices.ContainsFunc(t.events, func(e event) bool { return e.kind == kind.kind })
		}) {
			entries = append(entries, glyphEntry(kind.kind, kind.glyph.Color, kind.glyph.Radius, kind.glyph.Shape))
		}
	}
	return entries
}
