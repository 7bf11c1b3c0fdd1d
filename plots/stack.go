package plots

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"c10klab/internal/hdr"
	"c10klab/results"
)

// stackStages are the stages in the order of a request's journey, without gap and
// overlap, so that their means add up. Waits are drawn hatched, work plain.
var stackStages = []struct {
	name   string
	waits  bool
	colour color.RGBA
}{
	{"SocketQueue", true, skyBlue},
	{"Receive", false, skyBlue},
	{"Dispatch", true, reddishPurple},
	{"RequestQueue", true, orange},
	{"LocalTime", false, orange},
	{"RemoteTime", true, bluishGreen},
	{"ResponseQueue", true, vermillion},
	{"SendWait", true, blue},
	{"Send", false, blue},
	{"Reap", false, black},
}

// stack is the mean time of one cell's requests in each stage, in nanoseconds.
type stack struct {
	label, outcome string
	stands         bool
	count          int64
	means          []float64 // parallel to stackStages
	total          results.Estimate
}

// name is the stack's label with how much was measured.
func (s stack) name() string {
	name := fmt.Sprintf("%s, n=%s in %s", s.label, countLabel(s.count), plural(s.total.N, "trial"))
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
		st := stack{label: s.label(cell), outcome: string(cell.Basis), stands: cell.Stands(), means: make([]float64, len(stackStages))}
		whole := true // SocketQueue is not measured without kernel stamps
		for i, stage := range stackStages {
			d := s.digests[cell.ID].Merged[hdr.Key{Stage: stage.name, API: api}]
			st.means[i] = d.MeanNs
			st.count = max(st.count, d.Count)
			whole = whole && (d.Count > 0 || stage.name == "SocketQueue")
		}
		if !whole {
			continue
		}
		st.total = results.MedianOf(s.means(cell.ID, api))
		stacks = append(stacks, st)
	}
	return stacks
}

// means returns the summed mean of all stages in each trial of a cell.
func (s source) means(cell, api string) []float64 {
	var sums []float64
	for _, t := range s.digests[cell].Measured {
		sum := 0.0
		for _, stage := range stackStages {
			sum += t.Spans[hdr.Key{Stage: stage.name, API: api}].MeanNs
		}
		sums = append(sums, sum)
	}
	return sums
}

// stackFigure shows where the mean request spends its time in the broker, in
// durations and in shares.
func stackFigure(experiment string, s source) (figure, bool) {
	api := "Produce"
	if !s.measured("LocalTime", api) {
		api = "Fetch"
	}
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

// measured reports whether any cell has the span.
func (s source) measured(stage, api string) bool {
	for _, cell := range s.cells {
		if s.digests[cell.ID].Merged[hdr.Key{Stage: stage, API: api}].Count > 0 {
			return true
		}
	}
	return false
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
			tell(&c, box, "%s: %s, mean %s, %s %%", st.label, stackStages[j].name, results.FormatDuration(mean), results.Significant(100*mean/st.sum()))
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
	style := stackStages[stage]
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
	for j, stage := range stackStages {
		if !anyStack(all, func(st stack) bool { return st.means[j] > 0 }) {
			continue
		}
		entries = append(entries, legendEntry{text: stage.name, sample: func(c *draw.Canvas, centre vg.Point) {
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
