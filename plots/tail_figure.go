package plots

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"c10klab/internal/measure"
	"c10klab/results"
)

// tailFigure is the clients' view: the tail of what they waited, a panel per
// consumers level.
func tailFigure(experiment string, s source) (figure, bool) {
	key, span := s.waited()
	panels := s.panels(key)
	rows := allRows(panels)
	low, high, found := tailRange(rows, 0)
	if !found {
		return figure{}, false
	}
	f := figure{
		width:  max(9.5*vg.Inch, widest(texts(rows, row.name))+6.5*vg.Inch),
		height: 130 + vg.Length(len(panels))*60 + vg.Length(len(rows))*25,
		title:  fmt.Sprintf("%s: %s of %s, p99 and p99.9 by %s", experiment, span.Title, key.API, strings.Join(s.rowKnobs(), ", ")),
		notes:  []string{headline(panels)}, legend: durationTails.entries(rows),
	}
	for _, p := range panels {
		view := &panelPlot{Plot: tailPlot(p.rows, low*0.97, high*1.03, 10, false), title: "consumers: " + p.consumers}
		f.panels = append(f.panels, []*panelPlot{view})
	}
	meaning, _, _ := strings.Cut(span.Meaning, ";") // what follows is for tables
	footColumns(f.panels, fmt.Sprintf("%s (%s), log scale", span.Title, meaning))
	return f, true
}

func allRows(panels []panel) (rows []row) {
	for _, p := range panels {
		rows = append(rows, p.rows...)
	}
	return rows
}

// headline says in numbers what the figure shows: who has the shortest and the
// longest p99 among the cells that stand.
func headline(panels []panel) string {
	var standing []row
	for _, p := range panels {
		for _, r := range p.rows {
			if len(panels) > 1 {
				r.label += ", consumers " + p.consumers
			}
			if r.stands && !r.bounds && r.tail[0] != absent {
				standing = append(standing, r)
			}
		}
	}
	if len(standing) == 0 {
		return "no cell is valid"
	}
	byTail := func(a, b row) int { return cmp.Compare(a.tail[0], b.tail[0]) }
	best, worst := slices.MinFunc(standing, byTail), slices.MaxFunc(standing, byTail)
	return fmt.Sprintf("p99 from %s (%s) to %s (%s)",
		results.FormatDuration(best.tail[0]), best.label, results.FormatDuration(worst.tail[0]), worst.label)
}

// stageFloorNs keeps waits too short to matter from stretching the axis.
const stageFloorNs = 1000

// stageFigure is the broker's view: the tails of its stages side by side over
// one range, so that the eye finds where the time goes.
func stageFigure(experiment string, s source) (figure, bool) {
	api, stages, levels := s.api(), measure.SpansIn(measure.StageFigure), s.levels()
	byLevel := make([][]panel, len(levels)) // a panel for each stage, of those that were not measured without rows
	var all []row
	for i, level := range levels {
		for _, stage := range stages {
			byLevel[i] = append(byLevel[i], panel{level, s.rows(level, stage.Key(api))})
		}
		all = append(all, allRows(byLevel[i])...)
	}
	low, high, found := tailRange(all, stageFloorNs)
	if !found {
		return figure{}, false
	}
	f := figure{
		width:  max(15*vg.Inch, widest(texts(all, row.name))+vg.Length(len(stages))*2.2*vg.Inch),
		title:  experiment + ": where " + api + " requests spend their time in the broker, p99 and p99.9",
		notes:  []string{"one row per cell, one column per stage, equal scales; percentiles of different stages do not add up"},
		legend: append(durationTails.entries(all), glyphEntry("below the axis", noteColour, glyphRadius, leftArrow)),
	}
	rows := 0
	for _, panels := range byLevel {
		spreadCounts(panels)
		line, most := make([]*panelPlot, len(stages)), 0
		for j, p := range panels {
			if p.rows != nil {
				line[j] = &panelPlot{Plot: tailPlot(p.rows, low, high*1.03, 3, j > 0)}
				most = len(p.rows)
			}
		}
		if line[0] != nil {
			line[0].side = "consumers: " + panels[0].consumers
		}
		if most > 0 {
			f.panels = append(f.panels, line)
			rows += most
		}
	}
	for j, stage := range stages {
		if top := f.panels[0][j]; top != nil {
			top.title = stage.Name
		}
	}
	footColumns(f.panels, "log scale")
	f.height = 130 + vg.Length(len(f.panels))*62 + vg.Length(rows)*25
	return f, true
}

// spreadCounts gives the rows of the first panel, which carry the labels, the counts of
// the stage that was measured most often.
func spreadCounts(panels []panel) {
	for i := range panels[0].rows {
		for _, p := range panels {
			if p.rows != nil {
				panels[0].rows[i].count = max(panels[0].rows[i].count, p.rows[i].count)
			}
		}
	}
}
