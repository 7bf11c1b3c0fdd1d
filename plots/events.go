package plots

import (
	"image/color"

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
	{record.EventRoll, draw.GlyphStyle{Color: vermillion, Radius: glyphRadius, Shape: diamond{}}},
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
func eventPlot(timelines []timeline, showLabels bool) *plot.Plot {
	pl := newPlot()
	pl.X.Min = 0
	pl.X.Tick.Marker = secondTicks{}
	labels := make([]string, len(timelines))
	for i, t := range timelines {
		labels[i] = " "
		if showLabels {
			labels[i] = t.label
		}
	}
	rowTicks(pl, labels)
	pl.Add(verticalGrid{}, eventRows{timelines})
	return pl
}

type eventRows struct{ timelines []timeline }

// Plot implements plot.Plotter.
func (r eventRows) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for i, t := range r.timelines {
		y := trY(float64(len(r.timelines) - 1 - i))
		c.StrokeLine2(gridLine, c.Min.X, y, c.Max.X, y)
		for _, e := range t.events {
			for _, kind := range eventKinds {
				if kind.kind != e.kind {
					continue
				}
				at := vg.Point{X: trX(e.seconds), Y: y}
				c.StrokeLine2(draw.LineStyle{Color: color.Gray{Y: 120}, Width: 1.5}, trX(max(0, e.seconds-e.took)), y, at.X, y)
				c.DrawGlyph(kind.glyph, at)
				tellAt(&c, at, glyphRadius, "%s, %s s: %s of %s took %s", t.label, results.Significant(e.seconds), e.kind, e.path, results.FormatDuration(e.took*nsPerSecond))
			}
		}
	}
}

// eventLegend explains the kinds that some timeline has.
func eventLegend(timelines []timeline) []legendEntry {
	var entries []legendEntry
	for _, kind := range eventKinds {
		for _, t := range timelines {
			if t.has(kind.kind) {
				entries = append(entries, glyphEntry(kind.kind, kind.glyph.Color, kind.glyph.Radius, kind.glyph.Shape))
				break
			}
		}
	}
	return entries
}

func (t timeline) has(kind string) bool {
	for _, e := range t.events {
		if e.kind == kind {
			return true
		}
	}
	return false
}
