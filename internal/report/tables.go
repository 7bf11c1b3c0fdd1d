package report

import (
	"fmt"
	"slices"
	"strconv"

	"c10klab/experiments/verdict"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

// table is a table that the page sorts by column and filters by text.
type table struct {
	Title   string
	Columns []column
	Rows    []row
}

type column struct {
	Name    string
	Meaning string // shown when pointed at
	Number  bool
}

type row struct {
	Class string
	Cells []cell
}

// cell is a text and, for numbers, the value that it sorts by; empty: it sorts last.
type cell struct{ Text, Sort string }

func textCell(text string) cell { return cell{Text: text} }

func numberCell(text string, value float64) cell {
	return cell{text, strconv.FormatFloat(value, 'g', -1, 64)}
}

const missing = "–"

func verdictTable(j verdict.Judged) table {
	t := table{Columns: []column{{Name: "claim"}, {Name: "prediction"}, {Name: "cells"}, {Name: "median [interval]", Number: true,
		Meaning: "over blocks; the exact interval by order statistics"}, {Name: "blocks", Number: true}, {Name: "verdict"}}}
	for _, f := range j.Findings {
		for _, c := range f.Comparisons {
			verdict := string(c.Verdict)
			if c.Reason != "" {
				verdict += " (" + c.Reason + ")"
			}
			t.Rows = append(t.Rows, row{string(c.Verdict), []cell{
				textCell(f.Prediction.Claim), textCell(f.Prediction.String()), textCell(c.Cells),
				numberCell(f.Format(c.Estimate), c.Estimate.Median), numberCell(strconv.Itoa(c.Estimate.N), float64(c.Estimate.N)), textCell(verdict),
			}})
		}
	}
	return t
}

// shownSpan is a span with the percentiles that a table has of it.
type shownSpan struct {
	stage, api string
	quantiles  []float64
}

var (
	all3 = []float64{0.5, 0.99, 0.999}
	tail = []float64{0.99}
)

var clientSpans = []shownSpan{{"ResponseTime", "Produce", all3}, {"EndToEnd", "Fetch", all3}, {"ServiceTime", "Fetch", all3}}

func brokerSpans(api string) []shownSpan {
	var spans []shownSpan
	for _, stage := range []string{"SocketQueue", "Receive", "Dispatch", "RequestQueue", "LocalTime", "RemoteTime", "ResponseQueue", "SendWait", "Send", "Reap"} {
		spans = append(spans, shownSpan{stage, api, tail})
	}
	return append(spans, shownSpan{"Total", api, all3})
}

// cellTables are the client's view and the broker's, a row for each cell.
func cellTables(cells []results.CellDigest) []table {
	if len(cells) == 0 {
		return nil
	}
	tables := []table{clientTable(cells)}
	for _, api := range []string{"Produce", "Fetch"} {
		b := newBuilder("Broker, "+api+": where requests spend their time", cells)
		if b.addSpans(cells, brokerSpans(api)) {
			tables = append(tables, b.fill(cells))
		}
	}
	return tables
}

func clientTable(cells []results.CellDigest) table {
	b := newBuilder("Clients: rate held, and latency as clients see it", cells)
	b.add(column{Name: "outcome"}, func(c results.CellDigest) cell {
		return textCell(fmt.Sprintf("%s (%d of %d trials)", c.Outcome, c.Trials[c.Outcome], trials(c)))
	})
	rate := func(name, meaning string, of func(results.CellDigest) float64) {
		if slices.ContainsFunc(cells, func(c results.CellDigest) bool { return of(c) > 0 }) {
			b.add(column{Name: name, Meaning: meaning, Number: true}, func(c results.CellDigest) cell {
				return standing(c, of(c) > 0, results.Significant(of(c)), of(c))
			})
		}
	}
	rate("MB/s", "record batches acknowledged, 10⁶ bytes a second", func(c results.CellDigest) float64 { return c.RateMBps })
	rate("held", "acknowledged share of the offered rate", func(c results.CellDigest) float64 { return c.RateHeld() })
	rate("fetched MB/s", "record batches that consumers got", func(c results.CellDigest) float64 { return c.FetchedMBps })
	b.addSpans(cells, clientSpans)
	return b.fill(cells)
}

func trials(c results.CellDigest) (n int) {
	for _, count := range c.Trials {
		n += count
	}
	return n
}

// builder collects columns as functions of a cell.
type builder struct {
	table
	values []func(results.CellDigest) cell
}

// newBuilder begins with the knobs that tell cells apart.
func newBuilder(title string, cells []results.CellDigest) *builder {
	b := &builder{table: table{Title: title}}
	for _, name := range results.VaryingKnobs(plain(cells)) {
		b.add(column{Name: name}, func(c results.CellDigest) cell { return textCell(c.Knobs[name]) })
	}
	return b
}

func (b *builder) add(c column, value func(results.CellDigest) cell) {
	b.Columns, b.values = append(b.Columns, c), append(b.values, value)
}

// addSpans adds the percentiles of spans that any cell measured and spent time in,
// and reports whether there was one.
func (b *builder) addSpans(cells []results.CellDigest, spans []shownSpan) (any bool) {
	for _, s := range spans {
		key := hdr.Key{Stage: s.stage, API: s.api}
		if !slices.ContainsFunc(cells, func(c results.CellDigest) bool { return c.Merged[key].MaxNs > 0 }) {
			continue
		}
		any = true
		for _, q := range s.quantiles {
			b.add(column{Name: fmt.Sprintf("%s p%g", s.stage, 100*q), Meaning: meaning(s.stage), Number: true}, func(c results.CellDigest) cell {
				span, measured := c.Merged[key]
				if !measured {
					return textCell(missing)
				}
				ns, supported := span.Quantile(q)
				return standing(c, supported, results.FormatDuration(float64(ns)), float64(ns))
			})
		}
	}
	return any
}

func meaning(stage string) string {
	if s := measure.SpanNamed(stage); s != nil {
		return s.Meaning
	}
	return ""
}

// standing marks numbers that do not stand or are lower bounds.
func standing(c results.CellDigest, supported bool, text string, value float64) cell {
	switch {
	case !supported:
		return textCell("n/a")
	case !c.Stands():
		text = "(" + text + ")"
	case c.LowerBounds():
		text = "≥ " + text
	}
	return numberCell(text, value)
}

func (b *builder) fill(cells []results.CellDigest) table {
	for _, c := range cells {
		r := row{Class: string(c.Basis)}
		if c.Basis == record.Valid {
			r.Class = ""
		}
		for _, value := range b.values {
			r.Cells = append(r.Cells, value(c))
		}
		b.Rows = append(b.Rows, r)
	}
	return b.table
}

// plain are cells without their digests.
func plain(digests []results.CellDigest) []results.Cell {
	cells := make([]results.Cell, len(digests))
	for i, d := range digests {
		cells[i] = d.Cell
	}
	return cells
}
