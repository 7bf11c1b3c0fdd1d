package plots

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// brokerStages are the columns of the stage figure, in the order of a request's
// journey.
var brokerStages = []string{"SocketQueue+Dispatch", "RequestQueue", "LocalTime", "ResponseQueue", "ResponseSend"}

// stageFloorNs keeps waits too short to matter from stretching the axis.
const stageFloorNs = 1000

// stageFigure is the broker's view: the tails of its stages side by side over
// one range, so that the eye finds where the time goes.
func stageFigure(experiment string, s source) (figure, bool) {
	byStage := make([][]panel, len(brokerStages))
	var all []panel
	for i, stage := range brokerStages {
		byStage[i] = s.panels(stage, "Produce")
		all = append(all, byStage[i]...)
	}
	low, high, found := tailRange(all, stageFloorNs)
	if !found {
		return figure{}, false
	}
	f := figure{
		width: 15 * vg.Inch, title: experiment + ": where Produce requests spend their time in the broker, p99 and p99.9",
		notes:  []string{"one row per model, one column per stage, equal scales; percentiles of different stages do not add up"},
		legend: append(tailLegend(all), glyphEntry("below the axis", noteColour, glyphRadius, leftArrow{})),
	}
	levels, rows := s.levels(), 0
	for i, level := range levels {
		line := make([]*plot.Plot, len(brokerStages))
		most := 0
		for j, panels := range byStage {
			for _, p := range panels {
				if p.consumers == level {
					line[j] = stagePlot(p, brokerStages[j], low, high, j == 0, i == len(levels)-1)
					most = max(most, len(p.rows))
				}
			}
		}
		if most > 0 {
			f.plots = append(f.plots, line)
			rows += most
		}
	}
	f.height = 130 + vg.Length(len(f.plots))*62 + vg.Length(rows)*25
	return f, true
}

func stagePlot(p panel, stage string, low, high float64, first, last bool) *plot.Plot {
	label := ""
	if last {
		label = "time, log scale"
	}
	pl := tailPlot(p, stage, label, low, high*1.03, first)
	if first {
		pl.Y.Label.Text = "consumers: " + p.consumers
		pl.Y.Label.TextStyle = bold(style(panelSize, black, draw.XCenter, draw.YBottom))
		pl.Y.Label.TextStyle.Rotation = verticalText
	}
	return pl
}
