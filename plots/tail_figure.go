package plots

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/results"
)

// tailFigure is the clients' view: the tail of what they waited, a panel per
// consumers level.
func tailFigure(experiment string, s source) (figure, bool) {
	waited, _ := s.waited()
	panels := s.panels(waited.key)
	low, high, found := tailRange(panels, 0)
	if !found {
		return figure{}, false
	}
	f := figure{
		width: max(9.5*vg.Inch, widestRow(panels)+6.5*vg.Inch), title: experiment + ": " + waited.title + ", p99 and p99.9 by " + strings.Join(s.rowKnobs(), ", "),
		notes: []string{headline(panels)}, legend: tailLegend(panels),
	}
	rows := 0
	for i, p := range panels {
		view := &panelPlot{Plot: tailPlot(p, low*0.97, high*1.03, 10, true), title: "consumers: " + p.consumers}
		if i == len(panels)-1 {
			view.foot = waited.axis + ", log scale"
		}
		f.panels = append(f.panels, []*panelPlot{view})
		rows += len(p.rows)
	}
	f.height = 130 + vg.Length(len(panels))*60 + vg.Length(rows)*25
	return f, true
}

// headline says in numbers what the figure shows: who has the shortest and the
// longest p99 among the cells that stand.
func headline(panels []panel) string {
	var best, worst *row
	var bestAt, worstAt string
	for _, p := range panels {
		for i := range p.rows {
			r := &p.rows[i]
			if !r.stands || r.bounds || r.tail[0] == absent {
				continue
			}
			if best == nil || r.tail[0] < best.tail[0] {
				best, bestAt = r, p.consumers
			}
			if worst == nil || r.tail[0] > worst.tail[0] {
				worst, worstAt = r, p.consumers
			}
		}
	}
	if best == nil {
		return "no cell is valid"
	}
	if len(panels) > 1 {
		bestAt, worstAt = ", consumers "+bestAt, ", consumers "+worstAt
	} else {
		bestAt, worstAt = "", ""
	}
	return fmt.Sprintf("p99 from %s (%s%s) to %s (%s%s)",
		results.FormatDuration(best.tail[0]), best.label, bestAt, results.FormatDuration(worst.tail[0]), worst.label, worstAt)
}

func intervalEntry() legendEntry {
	text := fmt.Sprintf("interval of the trials' median, at least %.0f %% sure", 100*results.LeastCoverage)
	return legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
		drawInterval(c, noteColour, centre.X-sampleWidth/3, centre.X+sampleWidth/3, centre.Y)
	}}
}

func tailLegend(panels []panel) []legendEntry {
	var entries []legendEntry
	any := func(test func(row) bool) bool {
		return slices.ContainsFunc(panels, func(p panel) bool { return slices.ContainsFunc(p.rows, test) })
	}
	for q := range tailQuantiles {
		if any(func(r row) bool { return r.tail[q] != absent }) {
			entries = append(entries, glyphEntry(tailNames[q]+", trials merged", tailColours[q], glyphRadius, tailShapes[q]))
		}
	}
	if any(func(r row) bool { return len(r.byTrial[0]) > 0 }) {
		entries = append(entries, glyphEntry("one trial each", noteColour, trialRadius, draw.CircleGlyph{}))
	}
	if any(func(r row) bool { return r.interval(0).Bounded() }) {
		entries = append(entries, intervalEntry())
	}
	if any(func(r row) bool { return r.bounds }) {
		entries = append(entries, legendEntry{text: "a lower bound: saturated", sample: func(c *draw.Canvas, centre vg.Point) {
			c.FillText(style(labelSize, noteColour, draw.XCenter, draw.YCenter), centre, atLeast)
		}})
	}
	var outcomes []string
	for _, p := range panels {
		for _, r := range p.rows {
			outcomes = withOutcome(outcomes, r.stands, r.outcome)
		}
	}
	if len(outcomes) > 0 {
		entries = append(entries, glyphEntry("hollow: "+strings.Join(outcomes, ", "), noteColour, glyphRadius, draw.RingGlyph{}))
	}
	return entries
}

// withOutcome adds the outcome of numbers that do not stand, once.
func withOutcome(outcomes []string, stands bool, outcome string) []string {
	if stands || slices.Contains(outcomes, outcome) {
		return outcomes
	}
	return append(outcomes, outcome)
}

func glyphEntry(text string, colour color.Color, radius vg.Length, shape draw.GlyphDrawer) legendEntry {
	return legendEntry{text: text, sample: func(c *draw.Canvas, centre vg.Point) {
		c.DrawGlyph(draw.GlyphStyle{Color: colour, Radius: radius, Shape: shape}, centre)
	}}
}
