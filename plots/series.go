package plots

import (
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/results"
)

// row is one cell in a figure of tails, in nanoseconds. An unsupported
// percentile is absent: its value is −1.
type row struct {
	label   string
	outcome string // of the trials that the numbers are from
	stands  bool
	bounds  bool  // the numbers are lower bounds
	count   int64 // durations merged
	trials  int
	tail    [len(tailQuantiles)]float64
	byTrial [len(tailQuantiles)][]float64 // at least two trials, or none
}

const absent = -1

// values lists all durations of the row, merged and by trial.
func (r row) values() []float64 {
	values := slices.Concat(append(r.byTrial[:], r.tail[:])...)
	return slices.DeleteFunc(values, func(ns float64) bool { return ns == absent })
}

// interval estimates the median over trials of a percentile.
func (r row) interval(q int) results.Estimate { return results.MedianOf(r.byTrial[q]) }

var tailQuantiles = [...]float64{0.99, 0.999}

// panel is the rows of one consumers level.
type panel struct {
	consumers string
	rows      []row
}

// curve is one cell's percentile curve.
type curve struct {
	label   string
	outcome string
	stands  bool
	count   int64
	points  []hdr.Bracket // quantiles that at least one sample lies beyond
}

// source gives figures their data from one experiment of a run.
type source struct {
	cells  []results.Cell
	run    *results.Run
	ratios []Ratio
	// timelines are of one trial of each cell but for those left.
	timelines     []timeline
	timelinesLeft int
}

func newSource(run *results.Run, cells []results.Cell) (source, error) {
	s := source{run: run, cells: cells}
	var err error
	s.timelines, s.timelinesLeft, err = s.readTimelines()
	return s, err
}

func tailOf(h hdr.Digest) (tail [len(tailQuantiles)]float64) {
	for i, q := range tailQuantiles {
		tail[i] = absent
		if ns, supported := h.Quantile(q); supported {
			tail[i] = float64(ns)
		}
	}
	return tail
}

// panels returns the tails of one span, a panel for each consumers level that
// measured it, a row for each cell of the level.
func (s source) panels(key hdr.Key) []panel {
	var panels []panel
	for _, level := range s.levels() {
		p, measured := panel{consumers: level}, false
		for _, cell := range s.cells {
			if cell.Knobs["consumers"] == level {
				p.rows = append(p.rows, s.row(cell, key))
				measured = measured || cell.Spans[key].Count > 0
			}
		}
		if measured {
			panels = append(panels, p)
		}
	}
	return panels
}

func (s source) row(cell results.Cell, key hdr.Key) row {
	r := row{label: s.label(cell), outcome: string(cell.Basis), stands: cell.Stands(), bounds: cell.LowerBounds()}
	r.count, r.tail = cell.Spans[key].Count, tailOf(cell.Spans[key])
	for _, t := range cell.Measured {
		span, measured := t.Spans[key]
		if !measured {
			continue
		}
		r.trials++
		for i, ns := range tailOf(span) {
			if ns != absent {
				r.byTrial[i] = append(r.byTrial[i], ns)
			}
		}
	}
	for i := range r.byTrial {
		if len(r.byTrial[i]) < 2 {
			r.byTrial[i] = nil
		}
	}
	return r
}

// levels lists the consumers levels in the order of the cells.
func (s source) levels() []string {
	return s.distinct(func(cell results.Cell) string { return cell.Knobs["consumers"] })
}

// rowKnobs are the knobs that tell the rows of a panel apart: the model, unless there
// is but one and something else differs, and what else differs.
func (s source) rowKnobs() []string {
	names := slices.DeleteFunc(results.VaryingKnobs(s.cells), func(name string) bool { return name == "consumers" })
	oneModel := !slices.ContainsFunc(s.cells, func(c results.Cell) bool { return c.Knobs["model"] != s.cells[0].Knobs["model"] })
	if oneModel && len(names) > 1 {
		names = slices.DeleteFunc(names, func(name string) bool { return name == "model" })
	}
	return names
}

// label is a cell's values of the row knobs; numbers carry the knob's name.
func (s source) label(cell results.Cell) string { return s.labelBy(cell, s.rowKnobs()) }

func (s source) labelBy(cell results.Cell, knobs []string) string {
	var parts []string
	for _, name := range knobs {
		value := cell.Knobs[name]
		if value != "" && '0' <= value[0] && value[0] <= '9' {
			value = name + " " + value
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, labelSeparator)
}

// waited is what clients waited for the answers of the experiment's first API, that is
// for those that fall due, or in closed loops for those asked for; false: for none.
func (s source) waited() (wait, bool) {
	for _, key := range measure.Clients(results.KeysOf(s.cells)) {
		if span := measure.SpanNamed(key.Stage); !measure.EndToEnd.Is(key) {
			return wait{key, span.Title + " of " + key.API, span.Title + " (" + span.Meaning + ")"}, true
		}
	}
	return wait{}, false
}

// wait is what clients waited, with what titles and axes call it.
type wait struct {
	key         hdr.Key
	title, axis string
}

// api is the first API whose stages the servers measured; empty: of none.
func (s source) api() string {
	keys := results.KeysOf(s.cells)
	for _, api := range measure.APIs(keys) {
		if slices.Contains(keys, measure.LocalTime.Key(api)) {
			return api
		}
	}
	return ""
}

// curves returns the percentile curves of a facet.
func (s source) curves(key hdr.Key, fs facets, f facet) []curve {
	var curves []curve
	for _, cell := range s.cells {
		if !f.has(cell.Knobs) || cell.Curves[key] == nil {
			continue
		}
		c := curve{label: fs.label(s, cell), outcome: string(cell.Basis), stands: cell.Stands(), count: cell.Spans[key].Count}
		for _, point := range cell.Curves[key] {
			if (1-point.Quantile)*float64(c.count) >= 1 && point.ValueNs > 0 {
				c.points = append(c.points, point)
			}
		}
		curves = append(curves, c)
	}
	return curves
}
