package results

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// BoundReason is why a duration is a lower bound.
const BoundReason = "the cell saturated or requests had no answer yet"

const (
	notSupported = "n/a"
	// NotMeasured stands in tables where a cell has nothing of a column.
	NotMeasured = "–"
	legend      = "p50, p99, p999 of all valid trials' merged histograms; n/a: too few independent samples for the percentile"
	trialLegend = "; by trial: median and range of the trials' own"
	boundLegend = "; ≥: a lower bound, " + BoundReason
	// maxProblems is how many a table is followed by.
	maxProblems   = 20
	limitedLegend = "; in parentheses: not valid, limited by generator or environment"
	// connectionsKnob is set in experiments about numbers of connections.
	connectionsKnob = "connections"
)

// InTables reports whether WriteMarkdown shows a histogram.
func InTables(key hdr.Key) bool {
	s := measure.SpanNamed(key.Stage)
	return s != nil && s.In&(measure.ClientTable|measure.BrokerTable) != 0
}

// WriteMarkdown writes the cells as GitHub's Markdown: the client's view, what connections
// take, the servers' stages for each API, then the problems.
func WriteMarkdown(w io.Writer, cells []Cell) error {
	if len(cells) == 0 {
		return nil
	}
	var parts []string
	tables, keys := cellTables(cells, measure.BrokerTable)
	for _, t := range tables {
		parts = append(parts, t.Markdown())
	}
	_, err := io.WriteString(w, strings.Join(parts, "\n")+notes(cells, keys))
	return err
}

// DetailedTables are the tables of cells with every stage, for readers who can scroll.
func DetailedTables(cells []Cell) []Table {
	if len(cells) == 0 {
		return nil
	}
	tables, _ := cellTables(cells, measure.StageTable)
	return tables
}

// cellTables are the client's view, what connections take, what each of several servers
// took, and the servers' part of each API, which shows the spans of a view; and the
// histograms that are in them.
func cellTables(cells []Cell, broker measure.View) (tables []Table, shown []hdr.Key) {
	keys := KeysOf(cells)
	client := newTable("client", "Client: rate held and latency as clients see it", cells)
	for _, n := range ClientNumbers(cells) {
		client.addNumber(n)
	}
	waited := measure.Clients(keys)
	if broker == measure.BrokerTable && slices.ContainsFunc(waited, measure.ResponseTime.Is) { // narrow
		waited = slices.DeleteFunc(waited, measure.ServiceTime.Is)
	}
	for _, key := range waited {
		name := key.Stage
		alike := func(k hdr.Key) bool {
			return k.Stage == key.Stage || !measure.EndToEnd.Is(k) && !measure.EndToEnd.Is(key)
		}
		if slices.ContainsFunc(waited, func(k hdr.Key) bool { return k.API != key.API && alike(k) }) {
			name = key.String()
		}
		client.addSpan(key, name, tableQuantiles)
	}
	client.Add(Column{Name: "outcome", Right: true}, func(c *Cell) Value { return TextValue(outcomeText(c)) })
	tables, shown = append(tables, client.Fill()), client.keys
	if slices.ContainsFunc(cells, func(c Cell) bool { return c.Knobs[connectionsKnob] != "" }) {
		b := newTable("connections", "Connections: what they take, medians of trials", cells)
		for _, n := range measure.Numbers(measure.ConnectionsTable) {
			b.addNumber(n)
		}
		if b.measured {
			tables = append(tables, b.Fill())
		}
	}
	if t := ServerTable(cells); len(t.Rows) > 0 {
		tables = append(tables, t)
	}
	each := byServer(cells)
	for _, server := range serversOf(cells...) {
		title := "Broker"
		if server != record.Broker {
			title = "Server " + server
		}
		own := slices.DeleteFunc(slices.Clone(each), func(c Cell) bool { return cmp.Or(c.Server, server) != server })
		for _, api := range measure.APIs(KeysOf(own)) {
			b := newTable("stages", title+", "+api+": where requests spend their time", slices.DeleteFunc(slices.Clone(own), func(c Cell) bool {
				return c.Spans[measure.Total.Key(api)].Count == 0
			}))
			for _, s := range measure.SpansIn(broker) {
				quantiles := tableQuantiles
				if broker == measure.StageTable && s != measure.Total {
					quantiles = []measure.Quantile{measure.P99}
				}
				b.addSpan(s.Key(api), s.Name, quantiles)
			}
			if b.measured {
				tables, shown = append(tables, b.Fill()), append(shown, b.keys...)
			}
		}
	}
	return tables, shown
}

// NumberTable is every number that a cell measured and that is not 0 everywhere.
func NumberTable(cells []Cell) Table {
	cells = byServer(cells)
	b := newTable("numbers", "Numbers, of several trials together", cells)
	for _, n := range measure.Numbers(0) {
		if anyHas(cells, n, func(value float64) bool { return value != 0 }) {
			b.Add(Column{Name: n.Name, Meaning: n.Meaning, Number: true}, func(c *Cell) Value { return c.Shown(n) })
			b.measured = true
		}
	}
	if !b.measured {
		return Table{}
	}
	return b.Fill()
}

// ClientNumbers are those numbers of what clients got that cells have anything to show of.
// Requests a second stand in for rates of records, and availability is shown once it is not
// whole.
func ClientNumbers(cells []Cell) []*measure.Number {
	there := func(value float64) bool { return value > 0 }
	records := anyHas(cells, measure.Rate, there) || anyHas(cells, measure.Fetched, there)
	return slices.DeleteFunc(measure.Numbers(measure.ClientTable), func(n *measure.Number) bool {
		switch n {
		case measure.RequestRate:
			return records || !anyHas(cells, n, there)
		case measure.Availability:
			return !anyHas(cells, n, func(share float64) bool { return share < 1 })
		}
		return !anyHas(cells, n, there)
	})
}

// anyHas reports whether any of the cells has a number that passes a test.
func anyHas(cells []Cell, n *measure.Number, test func(float64) bool) bool {
	return slices.ContainsFunc(cells, func(c Cell) bool {
		value, known := c.Number(n)
		return known && test(value)
	})
}

// KeysOf are those of the histograms that any of the cells has.
func KeysOf(cells []Cell) []hdr.Key {
	all := map[hdr.Key]hdr.Digest{}
	for _, c := range cells {
		maps.Copy(all, c.Spans)
	}
	return hdr.SortedKeys(all)
}

// CellTable is a table with a row for each cell, made of columns that are functions of a
// cell.
type CellTable struct {
	Table
	cells    []Cell
	values   []func(*Cell) Value
	keys     []hdr.Key
	measured bool // some column has a value
}

// NewCellTable begins with columns for the knobs, and servers, that tell cells apart.
func NewCellTable(cells []Cell, knobs []string) *CellTable {
	b := &CellTable{cells: cells}
	for _, name := range knobs {
		b.Add(Column{Name: name}, func(c *Cell) Value { return TextValue(c.Knobs[name]) })
	}
	if len(cells) > 0 && cells[0].Server != "" {
		b.Add(Column{Name: "server"}, func(c *Cell) Value { return TextValue(c.serverText()) })
	}
	return b
}

func newTable(kind, title string, cells []Cell) *CellTable {
	b := NewCellTable(cells, VaryingKnobs(cells))
	b.Kind, b.Title = kind, title
	return b
}

// Add adds a column.
func (b *CellTable) Add(column Column, value func(*Cell) Value) {
	b.Columns, b.values = append(b.Columns, column), append(b.values, value)
}

func whatever(float64) bool { return true }

func (b *CellTable) addNumber(n *measure.Number) {
	b.measured = b.measured || anyHas(b.cells, n, whatever)
	column := Column{Name: n.Heading, Group: n.Group, Meaning: n.Meaning, Number: true}
	if n.Heading == "" { // alone under its group
		column.Name, column.Group = n.Group, ""
	}
	b.Add(column, func(c *Cell) Value { return c.Shown(n) })
}

// Shown is a number of the cell as tables show it.
func (c *Cell) Shown(n *measure.Number) Value {
	value, known := c.Number(n)
	switch {
	case n == measure.Availability: // a percentage with as many digits as tell it from 100 %
		return c.Standing(known, false, fmt.Sprintf("%.4g", 100*value), value)
	case n.In&measure.ClientTable != 0 && n != measure.Starved: // 0: there was no such load
		known = value > 0
	}
	return c.Standing(known, false, Significant(value), value)
}

// addSpan adds percentiles of a span in the unit that suits it, unless no request of any
// cell spent time in it.
func (b *CellTable) addSpan(key hdr.Key, name string, quantiles []measure.Quantile) {
	var p99s []float64
	spent := false
	for _, c := range b.cells {
		if d := c.Spans[key]; d.Count > 0 {
			ns, _ := d.Quantile(0.99)
			p99s = append(p99s, float64(ns))
			spent = spent || d.MaxNs > 0
		}
	}
	if !spent {
		return
	}
	b.keys, b.measured = append(b.keys, key), true
	unit := unitFor(MedianOf(p99s).Median)
	column := Column{Group: name + " " + unit.name, Number: true}
	if s := measure.SpanNamed(key.Stage); s != nil {
		column.Meaning = s.Meaning
	}
	for _, q := range quantiles {
		column.Name = q.Name
		b.Add(column, func(c *Cell) Value {
			return c.Percentile(key, q.Q, func(ns float64) string { return Significant(ns / unit.ns) })
		})
	}
	if len(quantiles) > 1 && slices.ContainsFunc(b.cells, severalTrials) {
		column.Name = "p99 by trial"
		b.Add(column, func(c *Cell) Value {
			return c.ByTrial(key, measure.P99.Q, func(ns float64) string { return Significant(ns / unit.ns) })
		})
	}
}

func severalTrials(c Cell) bool { return len(c.Measured) > 1 }

// ByTrial is the median and the range of a span's percentile over the trials that support it,
// which verdicts rest on; that of all their durations together is another number.
func (c *Cell) ByTrial(key hdr.Key, q float64, format func(ns float64) string) Value {
	var values []float64
	bounds := c.LowerBounds()
	for _, t := range c.Measured {
		if ns, supported := t.Spans[key].Quantile(q); supported {
			values, bounds = append(values, float64(ns)), bounds || t.Spans[key].IsBound(ns)
		}
	}
	if c.Spans[key].Count == 0 {
		return TextValue(NotMeasured)
	}
	if len(values) == 0 {
		return TextValue(notSupported)
	}
	median := MedianOf(values).Median
	return c.Standing(true, bounds, fmt.Sprintf("%s [%s, %s]", format(median), format(slices.Min(values)), format(slices.Max(values))), median)
}

// Percentile is a span's as tables show it.
func (c *Cell) Percentile(key hdr.Key, q float64, format func(ns float64) string) Value {
	span := c.Spans[key]
	if span.Count == 0 {
		return TextValue(NotMeasured)
	}
	ns, supported := span.Quantile(q)
	return c.Standing(supported, c.LowerBounds() || span.IsBound(ns), format(float64(ns)), float64(ns))
}

// Standing prints a number of the cell so that one that does not stand is never read as
// one that does, nor a lower bound as what is exact.
func (c *Cell) Standing(supported, bound bool, text string, value float64) Value {
	switch {
	case !supported:
		return TextValue(notSupported)
	case !c.Stands():
		text = "(" + text + ")"
	case bound:
		text = "≥" + text
	}
	return NumberValue(text, value)
}

// Fill asks the columns for each cell.
func (b *CellTable) Fill() Table {
	for i := range b.cells {
		c := &b.cells[i]
		row := Row{Values: make([]Value, len(b.values))}
		if c.Basis != record.Valid {
			row.Class = string(c.Basis)
		}
		for i, value := range b.values {
			row.Values[i] = value(c)
		}
		b.Rows = append(b.Rows, row)
	}
	return b.Table
}

// outcomeText says the outcome and, where trials disagree, how many had which.
func outcomeText(c *Cell) string {
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

func notes(cells []Cell, shown []hdr.Key) string {
	var b strings.Builder
	b.WriteString("\n" + legend)
	if slices.ContainsFunc(cells, severalTrials) {
		b.WriteString(trialLegend)
	}
	if slices.ContainsFunc(cells, func(c Cell) bool { return c.LowerBounds() || c.boundsAny(shown) }) {
		b.WriteString(boundLegend)
	}
	if slices.ContainsFunc(cells, func(c Cell) bool { return !c.Stands() && c.Basis != record.Failed }) {
		b.WriteString(limitedLegend)
	}
	b.WriteString(".\n" + stillNeeded(cells, shown) + LimitedNote(cells))
	writeProblems(&b, cells)
	return b.String()
}

// boundsAny reports whether a percentile that tables show of some spans is a lower bound.
func (c *Cell) boundsAny(shown []hdr.Key) bool {
	return slices.ContainsFunc(shown, func(key hdr.Key) bool {
		ns, _ := c.Spans[key].Quantile(0.999)
		return c.Spans[key].IsBound(ns)
	})
}

// stillNeeded says how many more samples would support the percentiles that lack
// support, the most that any cell needs.
func stillNeeded(cells []Cell, shown []hdr.Key) string {
	var most int64
	var of measure.Metric
	for _, c := range cells {
		for _, key := range hdr.SortedKeys(c.Spans) {
			for _, q := range tableQuantiles {
				if n := c.Spans[key].StillNeeded(q.Q); n > most && slices.Contains(shown, key) && c.Spans[key].Count > 0 && c.Stands() {
					most, of = n, measure.At(key, q)
				}
			}
		}
	}
	if most == 0 {
		return ""
	}
	return fmt.Sprintf("Percentiles that are n/a need up to %d more samples (%s).\n", most, of)
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
			fmt.Fprintf(b, "- and %d more, in the records of the trials\n", len(problems)-i)
			break
		}
		fmt.Fprintf(b, "- %s: %s\n", strings.Join(where[problem], ", "), problem)
	}
}
