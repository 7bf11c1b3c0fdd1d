package plots

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/internal/hdr"
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
	caption
	count int64
	means []float64 // parallel to measure.Stages
	total results.Estimate
}

// name is the stack's label with how much was measured.
func (s stack) name() string {
	name := fmt.Sprintf("%s, n=%s in %s", s.label, countLabel(s.count), results.Plural(s.total.N, "trial"))
	if !s.stands {
		name += ", " + s.outcome
	}
	return name
}

// stacks returns the stages of an API, a stack for each cell of a consumers level
// that has them all: evidence may keep only some, which would add up to a wrong whole.
func (s source) stacks(api, level string) []stack {
	var stacks []stack
	for _, cell := range s.cells {
		if consumersOf(cell) != level {
			continue
		}
		st := stack{caption: captionOf(cell, s.label(cell)), means: stageMeans(cell.Spans, api)}
		whole := true // SocketQueue is not measured without kernel stamps
		for _, stage := range measure.Stages {
			n := cell.Spans[stage.Key(api)].Count
			st.count = max(st.count, n)
			whole = whole && (n > 0 || stage == measure.SocketQueue)
		}
		if !whole {
			continue
		}
		var sums []float64
		for _, t := range cell.Measured {
			sums = append(sums, floats.Sum(stageMeans(t.Spans, api)))
		}
		st.total = results.MedianOf(sums)
		stacks = append(stacks, st)
	}
	return stacks
}

func stageMeans(spans map[hdr.Key]hdr.Digest, api string) []float64 {
	means := make([]float64, len(measure.Stages))
	for i, stage := range measure.Stages {
		means[i] = spans[stage.Key(api)].MeanNs
	}
	return means
}

// stackFigure shows where the mean request spends its time in the broker, in
// durations and in shares.
func stackFigure(experiment string, s source) (figure, bool) {
	api := s.api()
	var all []stack
	longest := 0.0
	for _, level := range s.levels() {
		for _, st := range s.stacks(api, level) {
			all = append(all, st)
			longest = max(longest, floats.Sum(st.means))
			if st.total.Bounded() {
				longest = max(longest, st.total.Hi)
			}
		}
	}
	if longest == 0 {
		return figure{}, false
	}
	f := figure{
		title:  fmt.Sprintf("%s: where the mean %s request spends its time in the broker", experiment, api),
		notes:  []string{"stages have neither gaps nor overlaps, so their means add up; hatched: waiting; plain: being worked on"},
		width:  max(14*vg.Inch, widest(texts(all, stack.name))+10*vg.Inch),
		legend: stackLegend(all),
	}
	for _, level := range s.levels() {
		if stacks := s.stacks(api, level); len(stacks) > 0 {
			f.panels = append(f.panels, []*panelPlot{
				{Plot: stackPlot(stacks, longest, false), side: "consumers: " + level},
				{Plot: stackPlot(stacks, longest, true)},
			})
		}
	}
	f.panels[0][0].title, f.panels[0][1].title = "mean time", "share of it"
	f.height = 160 + vg.Length(len(f.panels))*50 + vg.Length(len(all))*26
	return f, true
}

// stackPlot draws stacks as bars, one above the other.
func stackPlot(stacks []stack, longest float64, shares bool) *plot.Plot {
	const halfHeight = 0.32 // of a bar, in rows
	pl := rowPlot(texts(stacks, stack.name), shares)
	pl.X.Min, pl.X.Max, pl.X.Tick.Marker = 0, longest*1.03, linearDurations
	if shares {
		pl.X.Max, pl.X.Tick.Marker = 1, percentTicks
	}
	pl.Add(verticalGrid{}, painted(func(c *draw.Canvas, x, y func(float64) vg.Length) {
		for i, st := range stacks {
			at, whole, scale, from := -float64(i), floats.Sum(st.means), 1.0, 0.0
			if shares {
				scale = 1 / whole
			}
			for j, mean := range st.means {
				box := vg.Rectangle{
					Min: vg.Point{X: x(from * scale), Y: y(at - halfHeight)},
					Max: vg.Point{X: x((from + mean) * scale), Y: y(at + halfHeight)},
				}
				from += mean
				drawSegment(c, box, j)
				tell(c, box, "%s: %s, mean %s, %s %%", st.label, measure.Stages[j].Name, results.FormatDuration(mean), results.Significant(100*mean/whole))
			}
			if !shares && st.total.Bounded() {
				drawInterval(c, black, x(st.total.Lo), x(st.total.Hi), y(at))
			}
		}
	}))
	return pl
}

// drawSegment fills a box in the manner of a stage; boxes too narrow to see are left out.
func drawSegment(c *draw.Canvas, box vg.Rectangle, stage int) {
	const visible = vg.Length(0.2)
	if box.Size().X < visible {
		return
	}
	style := stageStyles[stage]
	if !style.waits {
		fill(c, box, style.colour)
		return
	}
	fill(c, box, tint(style.colour))
	hatch(c, box, style.colour, denseHatch)
}

// tint is a light shade of a colour.
func tint(c color.RGBA) color.RGBA {
	light := func(v uint8) uint8 { return v + uint8((255-int(v))*2/3) }
	return color.RGBA{R: light(c.R), G: light(c.G), B: light(c.B), A: 255}
}

func stackLegend(all []stack) []legendEntry {
	var entries []legendEntry
	for j, stage := range measure.Stages {
		if slices.ContainsFunc(all, func(st stack) bool { return st.means[j] > 0 }) {
			entries = append(entries, boxEntry(stage.Name, func(c *draw.Canvas, box vg.Rectangle) { drawSegment(c, box, j) }))
		}
	}
	if slices.ContainsFunc(all, func(st stack) bool { return st.total.Bounded() }) {
		entries = append(entries, intervalEntry())
	}
	return entries
}
