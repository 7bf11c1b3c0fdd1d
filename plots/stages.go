package plots

import (
	"gonum.org/v1/plot/vg"

	"c10klab/internal/measure"
)

// stageFloorNs keeps waits too short to matter from stretching the axis.
const stageFloorNs = 1000

// stageFigure is the broker's view: the tails of its stages side by side over
// one range, so that the eye finds where the time goes.
func stageFigure(experiment string, s source) (figure, bool) {
	api, stages := s.api(), measure.SpansIn(measure.StageFigure)
	byStage := make([][]panel, len(stages))
	var all []panel
	for i, stage := range stages {
		byStage[i] = s.panels(stage.Key(api))
		all = append(all, byStage[i]...)
	}
	low, high, found := tailRange(all, stageFloorNs)
	if !found {
		return figure{}, false
	}
	f := figure{
		width: max(15*vg.Inch, widestRow(all)+vg.Length(len(stages))*2.2*vg.Inch), title: experiment + ": where " + api + " requests spend their time in the broker, p99 and p99.9",
		notes:  []string{"one row per cell, one column per stage, equal scales; percentiles of different stages do not add up"},
		legend: append(tailLegend(all), glyphEntry("below the axis", noteColour, glyphRadius, leftArrow{})),
	}
	spreadCounts(byStage)
	rows := 0
	for _, level := range s.levels() {
		line, most := stageRow(byStage, level, low, high)
		if most > 0 {
			f.panels = append(f.panels, line)
			rows += most
		}
	}
	for j, stage := range stages {
		if top := f.panels[0][j]; top != nil {
			top.title = stage.Name
		}
		if bottom := f.panels[len(f.panels)-1][j]; bottom != nil {
			bottom.foot = "log scale"
		}
	}
	f.height = 130 + vg.Length(len(f.panels))*62 + vg.Length(rows)*25
	return f, true
}

// spreadCounts gives the rows of the first column, which carry the labels, the
// counts of the stage that was measured most often.
func spreadCounts(byStage [][]panel) {
	for _, first := range byStage[0] {
		for _, panels := range byStage[1:] {
			for _, p := range panels {
				if p.consumers != first.consumers {
					continue
				}
				for i := range p.rows {
					first.rows[i].count = max(first.rows[i].count, p.rows[i].count)
				}
			}
		}
	}
}

// stageRow makes the panels of one consumers level, and tells how many rows the
// fullest has.
func stageRow(byStage [][]panel, level string, low, high float64) (line []*panelPlot, most int) {
	line = make([]*panelPlot, len(byStage))
	for j, panels := range byStage {
		for _, p := range panels {
			if p.consumers == level {
				line[j] = &panelPlot{Plot: tailPlot(p, low, high*1.03, 3, j == 0)}
				most = max(most, len(p.rows))
			}
		}
	}
	if line[0] != nil {
		line[0].side = "consumers: " + level
	}
	return line, most
}
