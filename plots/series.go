package plots

import (
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/results"
)

// caption is what figures say of a cell beside its values.
type caption struct {
	label   string
	outcome string // of the trials that the numbers are from
	stands  bool
	bounds  bool // durations are lower bounds
}

func captionOf(cell results.Cell, label string) caption {
	return caption{label, string(cell.Basis), cell.Stands(), cell.LowerBounds()}
}

// outcomesOf lists the outcomes of what does not stand, each once.
func outcomesOf[T any](shown []T, of func(T) caption) []string {
	var outcomes []string
	for _, one := range shown {
		if c := of(one); !c.stands {
			outcomes = append(outcomes, c.outcome)
		}
	}
	return distinct(outcomes)
}

// texts is a text for each of the items.
func texts[T any](items []T, text func(T) string) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = text(item)
	}
	return all
}

// distinct lists each text once, in order.
func distinct(texts []string) (once []string) {
	for _, text := range texts {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return once
}

// source gives figures their data from one experiment of a run.
type source struct {
	cells     []results.Cell
	run       *results.Run
	ratios    []Ratio
	timelines []timeline // of one trial of each cell
}

func newSource(run *results.Run, cells []results.Cell) (source, error) {
	s := source{run: run, cells: cells}
	var err error
	s.timelines, err = s.readTimelines()
	return s, err
}

// levels lists the consumers levels in the order of the cells.
func (s source) levels() []string { return distinct(texts(s.cells, consumersOf)) }

func consumersOf(cell results.Cell) string { return cell.Knobs["consumers"] }

// rowKnobs are the knobs that tell the rows of a panel apart: the model, unless there
// is but one and something else differs, and what else differs.
func (s source) rowKnobs() []string {
	names := without(results.VaryingKnobs(s.cells), "consumers")
	models := distinct(texts(s.cells, func(c results.Cell) string { return c.Knobs["model"] }))
	if len(models) == 1 && len(names) > 1 {
		return without(names, "model")
	}
	return names
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(names, func(other string) bool { return other == name })
}

// label is a cell's values of the row knobs.
func (s source) label(cell results.Cell) string { return labelBy(cell, s.rowKnobs()) }

// labelBy is a cell's values of knobs that it has; numbers carry the knob's name.
func labelBy(cell results.Cell, knobs []string) string {
	var parts []string
	for _, name := range knobs {
		value := cell.Knobs[name]
		if value != "" && '0' <= value[0] && value[0] <= '9' {
			value = name + " " + value
		}
		if value != "" {
			parts = append(parts, value)
		}
	}
	return strings.Join(parts, labelSeparator)
}

// waited is the span that clients waited for the answers of the experiment's first API, that
// is for those that fall due, or in closed loops for those asked for; nil: none.
func (s source) waited() (hdr.Key, *measure.Span) {
	for _, key := range measure.Clients(results.KeysOf(s.cells)) {
		if !measure.EndToEnd.Is(key) {
			return key, measure.SpanNamed(key.Stage)
		}
	}
	return hdr.Key{}, nil
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
