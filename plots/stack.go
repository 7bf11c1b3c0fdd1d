package plots

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/internal/measure"
	"c10klab/results"
)

// stageColours tell the stages apart, in their order.
var stageColours = []color.RGBA{skyBlue, reddishPurple, orange, bluishGreen, vermillion, blue, black}

// stageStyle is how a stage is drawn: waits hatched, work plain.
type stageStyle struct {
	colour color.RGBA
	waits  bool
}

// stageStyles are parallel to measure.Stages. Work has the colour of the wait before it.
var stageStyles = func() []stageStyle {
	styles := make([]stageStyle, len(measure.Stages))
	colour := -1
	for i, s := range measure.Stages {
		styles[i].waits = s.WaitsBehind != ""
		if styles[i].waits || i == 0 || !styles[i-1].waits {
			colour++
		}
		styles[i].colour = stageColours[colour%len(stageColours)]
	}
	return styles
}()

// stack is the mean time of one cell's requests in each stage, in nanoseconds.
type stack struct {
	label, outcome string
	stands         bool
	count          int64
	means          []float64 // parallel to measure.Stages
	total          results.Estimate
}

// name is the stack's label with how much was measured.
func (s stack) name() string {
	name := fmt.Sprintf("%s, n=%s in %s", s.label, countLabel(s.count), results.Plural(s.total.N, "trial"))
	if !s.stands {
		name += ", " + s.outcome
	}
	return name
}

func (s stack) sum() (sum float64) {
	for _, mean := range s.means {
		sum += mean
	}
	return sum
}

// stacks returns the stages of an API, a stack for each cell of a consumers level
// that has them all: evidence may keep only some, which would add up to a wrong whole.
func (s source) stacks(api, level string) []stack {
	var stacks []stack
	for _, cell := range s.cells {
		if cell.Knobs["consumers"] != level {
			continue
		}
		st := stack{label: s.label(cell), outcome: string(cell.Basis), stands: cell.Stands(), means: make([]float64, len(measure.Stages))}
		whole := true // SocketQueue is not measured without kernel stamps
		for i, stage := range measure.Stages {
			d := cell.Spans[stage.Key(api)]
			st.means[i] = d.MeanNs
			st.count = max(st.count, d.Count)
			whole = whole && (d.Count > 0 || stage == measure.SocketQueue)
		}
		if !whole {
			continue
		}
		st.total = results.MedianOf(means(cell, api))
		stacks = append(stacks, st)
	}
	return stacks
}

// means returns the summed mean of all stages in each trial of a cell.
func means(cell results.Cell, api string) []float64 {
	var sums []float64
	for _, t := range cell.Measured {
		sum := 0.0
		for _, stage := range measure.Stages {
			sum += t.Spans[stage.Key(api)].MeanNs
		}
		sums = append(sums, sum)
	}
	return sums
}

// stackFigure shows where the mean request spends its time in the broker, in
// durations and in shares.
func stackFigure(experiment string, s source) (figure, bool) {
	api := s.api()
	f := figure{
		title: fmt.Sprintf("%s: where the mean %s request spends its time in the broker", experiment, api),
		notes: []string{"stages have neither gaps nor overlaps, so their means add up; hatched: waiting; plain: being worked on"},
	}
	rows, longest := 0, 0.0
	var levels []string
	var all [][]stack
	for _, level := range s.levels() {
		if stacks := s.stacks(api, level); len(stacks) > 0 {
			levels, all = append(levels, level), append(all, stacks)
			for _, st := range stacks {
				longest = max(longest, st.sum())
				if st.total.Bounded() {
					longest = max(longest, st.total.Hi)
				}
			}
		}
	}
	if longest == 0 {
		return figure{}, false
	}
	bounded := false
	for i, level := range levels {
		absolute := &panelPlot{Plot: stackPlot(all[i], longest, false), side: "consumers: " + level}
		shares := &panelPlot{Plot: stackPlot(all[i], longest, true)}
		if i == 0 {
			absolute.title, shares.title = "mean time", "share of it"
		}
		f.panels = append(f.panels, []*panelPlot{absolute, shares})
		rows += len(all[i])
		for _, st := range all[i] {
			bounded = bounded || st.total.Bounded()
		}
	}
	var names []string
	for _, stacks := range all {
		for _, st := range stacks {
			names = append(names, st.name())
		}
	}
	f.width, f.legend = max(14*vg.Inch, widest(names)+10*vg.Inch), stackLegend(all)
	if bounded {
		f.legend = append(f.legend, intervalEntry())
	}
	f.height = 160 + vg.Length(len(levels))*50 + vg.Length(rows)*26
	return f, true
}

func stackPlot(stacks []stack, longest float64, shares bool) *plot.Plot {
	pl := newPlot()
	pl.X.Min, pl.X.Max = 0, longest*1.03
	pl.X.Tick.Marker = linearDurations{}
	if shares {
		pl.X.Max = 1
		pl.X.Tick.Marker = percentTicks{}
	}
	labels := make([]string, len(stacks))
	for i, st := range stacks {
		labels[i] = " "
		if !shares {
			labels[i] = st.name()
		}
	}
	rowTicks(pl, labels)
	pl.Add(verticalGrid{}, stackBars{stacks, shares})
	return pl
}

// stackBars draws the stacks as bars, one above the other.
type stackBars struct {
	stacks []stack
	shares bool
}

// stackHalfHeight is half a bar's height, in rows.
const stackHalfHeight = 0.32

// Plot implements plot.Plotter.
func (b stackBars) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for i, st := range b.stacks {
		at := float64(len(b.stacks) - 1 - i)
		scale, from := 1.0, 0.0
		if b.shares {
			scale = 1 / st.sum()
		}
		for j, mean := range st.means {
			box := vg.Rectangle{
				Min: vg.Point{X: trX(from * scale), Y: trY(at - stackHalfHeight)},
				Max: vg.Point{X: trX((from + mean) * scale), Y: trY(at + stackHalfHeight)},
			}
			from += mean
			drawSegment(&c, box, j)
			tell(&c, box, "%s: %s, mean %s, %s %%", st.label, measure.Stages[j].Name, results.FormatDuration(mean), results.Significant(100*mean/st.sum()))
		}
		if !b.shares && st.total.Bounded() {
			drawInterval(&c, black, trX(st.total.Lo), trX(st.total.Hi), trY(at))
		}
	}
}

// drawSegment fills a box in the manner of a stage; boxes too narrow to see are left out.
func drawSegment(c *draw.Canvas, box vg.Rectangle, stage int) {
	const visible = vg.Length(0.2)
	if box.Size().X < visible {
		return
	}
	style := stageStyles[stage]
	if !style.waits {
		c.SetColor(style.colour)
		c.Fill(box.Path())
		return
	}
	c.SetColor(tint(style.colour))
	c.Fill(box.Path())
	hatch(c, box, style.colour, denseHatch)
}

func stackLegend(all [][]stack) []legendEntry {
	var entries []legendEntry
	for j, stage := range measure.Stages {
		if !anyStack(all, func(st stack) bool { return st.means[j] > 0 }) {
			continue
		}
		entries = append(entries, legendEntry{text: stage.Name, sample: func(c *draw.Canvas, centre vg.Point) {
			half := vg.Point{X: sampleWidth / 2, Y: 6}
			drawSegment(c, vg.Rectangle{Min: centre.Sub(half), Max: centre.Add(half)}, j)
		}})
	}
	return entries
}

func anyStack(all [][]stack, test func(stack) bool) bool {
	for _, stacks := range all {
		for _, st := range stacks {
			if test(st) {
				return true
			}
		}
	}
	return false
}
