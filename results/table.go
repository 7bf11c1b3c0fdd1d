package results

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// grid is a table before it is drawn as text or as Markdown.
type grid struct {
	title  string
	labels []string // the columns that name a row
	groups []group
	rows   [][]string // labels, then each group's values in order
}

// group is a set of neighbouring columns under one heading; without columns of
// its own it is one column.
type group struct {
	heading string
	columns []string
}

func (g group) width() int { return max(1, len(g.columns)) }

var shownQuantiles = []struct {
	name string
	q    float64
}{{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}}

// brokerSpans are the columns of the broker's tables.
var brokerSpans = []string{"SocketQueue+Dispatch", "RequestQueue", "LocalTime", "RemoteTime", "ResponseQueue", "ResponseSend", "Total"}

// tableSpans are the columns of all tables.
var tableSpans = append([]string{"ResponseTime", "ServiceTime", "EndToEnd"}, brokerSpans...)

func inTable(key hdr.Key) bool { return InTables(key) && slices.Contains(tableSpans, key.Stage) }

const (
	notSupported = "n/a"
	legend       = "p50, p99, p999 of all valid trials' merged histograms; n/a: too few independent samples for the percentile"
	boundLegend  = "; ≥: a lower bound, the cell saturated"
	// maxProblems is how many a table is followed by.
	maxProblems   = 20
	limitedLegend = "; in parentheses: not valid, limited by generator or environment"
)

// Table writes the cells as text tables of at most about 160 columns: the
// client's view, then the broker's stages for each API, then the problems.
func Table(w io.Writer, cells []Cell) error { return writeTables(w, cells, grid.text) }

// MarkdownTable writes the same tables as GitHub's Markdown.
func MarkdownTable(w io.Writer, cells []Cell) error { return writeTables(w, cells, grid.markdown) }

func writeTables(w io.Writer, cells []Cell, draw func(grid) string) error {
	if len(cells) == 0 {
		return nil
	}
	var parts []string
	grids := []grid{clientGrid(cells)}
	if g, found := costGrid(cells); found {
		grids = append(grids, g)
	}
	for _, g := range append(grids, brokerGrids(cells)...) {
		parts = append(parts, draw(g))
	}
	_, err := io.WriteString(w, strings.Join(parts, "\n")+notes(cells))
	return err
}

func clientGrid(cells []Cell) grid {
	g := newGrid("Client: rate held and latency as clients see it", cells)
	if slices.ContainsFunc(cells, func(c Cell) bool { return c.RateMBps > 0 || c.FetchedMBps > 0 }) {
		g.addColumn("MB/s", func(c Cell) string { return figure(c, c.RateMBps > 0, c.RateMBps) })
		g.addColumn("held", func(c Cell) string { return figure(c, c.OfferedMBps > 0, c.RateHeld()) })
	} else {
		g.addColumn("requests/s", func(c Cell) string { return figure(c, c.cost.requestsPerSec > 0, c.cost.requestsPerSec) })
	}
	if slices.ContainsFunc(cells, func(c Cell) bool { return c.FetchedMBps > 0 }) {
		g.addColumn("fetched", func(c Cell) string { return figure(c, c.FetchedMBps > 0, c.FetchedMBps) })
	}
	if slices.ContainsFunc(cells, func(c Cell) bool { return c.cost.hasAvailability && c.cost.availability < 1 }) {
		g.addColumn("available %", availabilityText)
	}
	for _, api := range []string{"Produce", "Echo"} {
		g.addSpan(cells, clientSpan(cells, api), api)
	}
	g.addSpan(cells, "EndToEnd", "Fetch")
	g.addColumn("outcome", outcomeText)
	return g.fill(cells)
}

// clientSpan is what clients waited: ResponseTime, or in closed loops, where nothing
// falls due, ServiceTime.
func clientSpan(cells []Cell, api string) string {
	if slices.ContainsFunc(cells, func(c Cell) bool { return c.Metric("ResponseTime", api) != nil }) {
		return "ResponseTime"
	}
	return "ServiceTime"
}

func brokerGrids(cells []Cell) []grid {
	var grids []grid
	for _, api := range []string{"Produce", "Fetch"} {
		measured := slices.DeleteFunc(slices.Clone(cells), func(c Cell) bool { return c.Metric("Total", api) == nil })
		if len(measured) == 0 {
			continue
		}
		g := newGrid("Broker, "+api+": where requests spend their time", measured)
		for _, span := range brokerSpans {
			if spent(measured, span, api) {
				g.addSpan(measured, span, api)
			}
		}
		grids = append(grids, g.fill(measured))
	}
	return grids
}

// spent reports whether any request of any cell spent time in the span.
func spent(cells []Cell, stage, api string) bool {
	return slices.ContainsFunc(cells, func(c Cell) bool {
		h := c.Metric(stage, api)
		return h != nil && h.MaxNs() > 0
	})
}

// builder collects columns as functions of a cell.
type builder struct {
	grid
	values []func(Cell) string
}

func newGrid(title string, cells []Cell) *builder {
	b := &builder{grid: grid{title: title}}
	if slices.ContainsFunc(cells, func(c Cell) bool { return c.Experiment != cells[0].Experiment }) {
		b.addLabel("experiment", func(c Cell) string { return c.Experiment })
	}
	for _, name := range VaryingKnobs(cells) {
		b.addLabel(name, func(c Cell) string { return c.Knobs[name] })
	}
	return b
}

func (b *builder) addLabel(name string, value func(Cell) string) {
	b.labels = append(b.labels, name)
	b.values = append(b.values, value)
}

func (b *builder) addColumn(heading string, value func(Cell) string) {
	b.groups = append(b.groups, group{heading: heading})
	b.values = append(b.values, value)
}

// addSpan adds the percentiles of one span in the unit that suits it, or
// nothing when no cell has it.
func (b *builder) addSpan(cells []Cell, stage, api string) {
	var p99s []float64
	for _, c := range cells {
		if h := c.Metric(stage, api); h != nil {
			p99s = append(p99s, float64(h.ValueNs(0.99)))
		}
	}
	if len(p99s) == 0 {
		return
	}
	unit := unitFor(MedianOf(p99s).Median)
	columns := group{heading: stage + " " + unit.name}
	for _, shown := range shownQuantiles {
		columns.columns = append(columns.columns, shown.name)
		b.values = append(b.values, func(c Cell) string {
			h := c.Metric(stage, api)
			if h == nil {
				return "–"
			}
			ns, ok := h.Quantile(shown.q)
			text := figure(c, ok, float64(ns)/unit.ns)
			if ok && c.LowerBounds() {
				return "≥" + text
			}
			return text
		})
	}
	b.groups = append(b.groups, columns)
}

func (b *builder) fill(cells []Cell) grid {
	for _, c := range cells {
		row := make([]string, len(b.values))
		for i, value := range b.values {
			row[i] = value(c)
		}
		b.rows = append(b.rows, row)
	}
	return b.grid
}

// figure prints a number so that one that does not stand is never read as one
// that does.
func figure(c Cell, supported bool, x float64) string {
	switch {
	case !supported:
		return notSupported
	case !c.Stands():
		return "(" + Significant(x) + ")"
	}
	return Significant(x)
}

// outcomeText says the outcome and, where trials disagree, how many had which.
func outcomeText(c Cell) string {
	if len(c.Trials) == 1 {
		return fmt.Sprintf("%s (n=%d)", c.Outcome, c.Trials[c.Outcome])
	}
	var parts []string
	for _, outcome := range byWorth {
		if n := c.Trials[outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", outcome, n))
		}
	}
	return strings.Join(parts, ", ")
}

func notes(cells []Cell) string {
	var b strings.Builder
	b.WriteString("\n" + legend)
	if slices.ContainsFunc(cells, func(c Cell) bool { return c.LowerBounds() }) {
		b.WriteString(boundLegend)
	}
	if slices.ContainsFunc(cells, func(c Cell) bool { return !c.Stands() && c.Basis != record.Failed }) {
		b.WriteString(limitedLegend)
	}
	b.WriteString(".\n" + stillNeeded(cells))
	writeProblems(&b, cells)
	return b.String()
}

// stillNeeded says how many more samples would support the percentiles that lack
// support, the most that any cell needs.
func stillNeeded(cells []Cell) string {
	needed := map[string]int64{}
	var names []string
	for _, c := range cells {
		for _, key := range c.Histograms.Keys() {
			if !inTable(key) || !c.Stands() {
				continue
			}
			for _, shown := range shownQuantiles {
				name := key.String() + " " + shown.name
				if n := c.Histograms[key].StillNeeded(shown.q); n > 0 {
					if needed[name] == 0 {
						names = append(names, name)
					}
					needed[name] = max(needed[name], n)
				}
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	most := slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(needed[a], needed[b]) })
	return fmt.Sprintf("Percentiles that are n/a need up to %d more samples (%s).\n", needed[most], most)
}

// writeProblems lists each problem once with the cells that have it, in the
// order of the cells.
func writeProblems(b *strings.Builder, cells []Cell) {
	where := map[string][]string{}
	var problems []string
	for _, c := range cells {
		for _, problem := range c.Problems {
			if where[problem] == nil {
				problems = append(problems, problem)
			}
			where[problem] = append(where[problem], c.ID)
		}
	}
	for i, problem := range problems {
		if i == 0 {
			b.WriteString("\nProblems:\n\n")
		}
		if i == maxProblems {
			fmt.Fprintf(b, "- and %d more, in the run's %s\n", len(problems)-i, summaryFile)
			break
		}
		fmt.Fprintf(b, "- %s: %s\n", strings.Join(where[problem], ", "), problem)
	}
}
