package plots

import (
	"slices"

	"c10klab/results"
)

const (
	// mostLines is how many lines a panel shows; where cells are more, each model has a
	// panel of its own.
	mostLines = 12
	// facetColumns is how many such panels stand side by side.
	facetColumns = 3
)

// facet is the cells that share a panel of lines: those of a consumers level, and where
// these are too many of a model.
type facet struct{ consumers, model string }

// facets are the panels of lines, in the cells' order.
type facets struct {
	all    []facet
	parted bool // by model
}

// facetsOf parts by model what would be more lines in a panel.
func (s source) facetsOf(mostLines int) facets {
	var whole, parted []facet
	crowded := false
	for _, level := range s.levels() {
		whole = append(whole, facet{consumers: level})
		lines := 0
		for _, cell := range s.cells {
			if consumersOf(cell) != level {
				continue
			}
			lines++
			if f := (facet{level, cell.Knobs["model"]}); !slices.Contains(parted, f) {
				parted = append(parted, f)
			}
		}
		crowded = crowded || lines > mostLines
	}
	if crowded && len(parted) > len(whole) {
		return facets{parted, true}
	}
	return facets{whole, false}
}

// has reports whether a cell belongs to the facet.
func (f facet) has(knobs map[string]string) bool {
	return knobs["consumers"] == f.consumers && (f.model == "" || knobs["model"] == f.model)
}

func (f facet) title() string {
	if f.model == "" {
		return "consumers: " + f.consumers
	}
	return f.model + ", consumers: " + f.consumers
}

// label names a cell's line, without what its panel's title says.
func (fs facets) label(s source, cell results.Cell) string {
	if !fs.parted {
		return s.label(cell)
	}
	return labelBy(cell, without(s.rowKnobs(), "model"))
}

// labels lists those of all cells, each once.
func (fs facets) labels(s source) []string {
	return distinct(texts(s.cells, func(cell results.Cell) string { return fs.label(s, cell) }))
}

// rows arranges the panels, one for each facet.
func (fs facets) rows(panels []*panelPlot) [][]*panelPlot {
	if !fs.parted {
		return [][]*panelPlot{panels}
	}
	return slices.Collect(slices.Chunk(panels, facetColumns))
}

// sideRows writes what the Y axes show beside each row.
func sideRows(rows [][]*panelPlot, side string) {
	for _, row := range rows {
		row[0].side = side
	}
}

// footColumns writes what the X axes show beneath the last panel of each column.
func footColumns(rows [][]*panelPlot, foot string) {
	for i, row := range rows {
		for j, panel := range row {
			if panel != nil && (i == len(rows)-1 || j >= len(rows[i+1]) || rows[i+1][j] == nil) {
				panel.foot = foot
			}
		}
	}
}
