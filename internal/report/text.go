package report

import (
	"io"
	"slices"
	"strings"

	"c10klab/internal/measure"
	"c10klab/results"
)

// TableNames are the tables of Tables.
var TableNames = []string{"client", "stages", "numbers", "predictions", "problems", "all"}

// Tables writes tables by name, of each experiment in turn, as text no wider than Width
// or as Markdown; all without names.
func (r *Run) Tables(w io.Writer, names []string, markdown bool) error {
	wanted := func(name string) bool {
		return len(names) == 0 || slices.Contains(names, name) || slices.Contains(names, "all")
	}
	var b strings.Builder
	for _, j := range r.judged {
		own := cellsOf(r.cells, j.Spec.ID)
		for i, t := range results.DetailedTables(own) {
			if i == 0 && wanted("client") || i > 0 && wanted("stages") {
				writeTable(&b, t, j.Spec.ID, markdown)
			}
		}
		if t := numberTable(own); wanted("numbers") && len(t.Columns) > 0 {
			writeTable(&b, t, j.Spec.ID, markdown)
		}
		if t := verdictTable(j); wanted("predictions") && len(t.Rows) > 0 {
			t.Title = "Predictions"
			writeTable(&b, t, j.Spec.ID, markdown)
		}
		if t := problemTable(own); wanted("problems") && len(t.Rows) > 0 {
			writeTable(&b, t, j.Spec.ID, markdown)
		}
	}
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// numberTable is every number that a cell measured and that is not 0 everywhere.
func numberTable(cells []results.Cell) results.Table {
	t := results.Table{Title: "Numbers, of several trials together"}
	knobs := differingKnobs(cells)
	for _, name := range knobs {
		t.Columns = append(t.Columns, results.Column{Name: name})
	}
	numbers := slices.DeleteFunc(measure.Numbers(0), func(n *measure.Number) bool {
		return !slices.ContainsFunc(cells, func(c results.Cell) bool { value, known := c.Number(n); return known && value != 0 })
	})
	for _, n := range numbers {
		t.Columns = append(t.Columns, results.Column{Name: n.Name, Meaning: n.Meaning, Number: true})
	}
	for _, c := range cells {
		var r results.Row
		for _, name := range knobs {
			r.Values = append(r.Values, results.TextValue(c.Knobs[name]))
		}
		for _, n := range numbers {
			r.Values = append(r.Values, c.Shown(n))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// problemTable is every problem of every cell.
func problemTable(cells []results.Cell) results.Table {
	t := results.Table{Title: "Problems", Columns: []results.Column{{Name: "cell"}, {Name: "problem"}}}
	for _, c := range cells {
		for _, problem := range c.Problems {
			t.Rows = append(t.Rows, results.Row{Values: []results.Value{results.TextValue(c.ID), results.TextValue(problem)}})
		}
	}
	return t
}

func writeTable(b *strings.Builder, t results.Table, experiment string, markdown bool) {
	t.Title = experiment + ": " + t.Title
	b.WriteString("\n")
	if markdown {
		b.WriteString(t.Markdown())
	} else {
		textTable(t).text(b, Width)
	}
}

// textTable is a table to be drawn as text.
type textTable results.Table

// text draws the table in a width. What its rows are named by comes first, and again
// with the columns that find no room beside the others; columns of a group stay together
// under its heading. Long texts go on beneath. What all rows are named alike stands in the
// title.
func (t textTable) text(b *strings.Builder, width int) {
	t = t.withoutConstants()
	b.WriteString(wrapped(t.Title, "", width))
	labels := slices.IndexFunc(t.Columns, func(c results.Column) bool { return c.Number })
	room := width * 3 / 5
	if labels < 0 {
		labels, room = len(t.Columns), width
	}
	widths := t.widths()
	for total(widths[:labels]) > room { // take from the widest
		widths[slices.Index(widths, slices.Max(widths[:labels]))]--
	}
	beside := width - total(widths[:labels]) - len(columnGap)
	for i, c := range t.Columns[labels:] {
		if !c.Number {
			widths[labels+i] = min(widths[labels+i], beside)
		}
	}
	for from := labels; ; {
		to := from
		for to < len(t.Columns) {
			next := t.groupEnd(to)
			if to > from && total(widths[from:next]) > beside {
				break
			}
			to = next
		}
		b.WriteString("\n")
		t.writeColumns(b, labels, from, to, widths)
		if from = to; from >= len(t.Columns) {
			return
		}
	}
}

// withoutConstants takes out columns that name all of several rows alike.
func (t textTable) withoutConstants() textTable {
	shown := t
	shown.Columns, shown.Rows = nil, make([]results.Row, len(t.Rows))
	var constant []string
	naming := true
	for i, c := range t.Columns {
		naming = naming && !c.Number
		if len(t.Rows) > 1 && naming && !slices.ContainsFunc(t.Rows, func(r results.Row) bool { return r.Values[i].Text != t.Rows[0].Values[i].Text }) {
			constant = append(constant, c.Name+"="+t.Rows[0].Values[i].Text)
			continue
		}
		shown.Columns = append(shown.Columns, c)
		for n, r := range t.Rows {
			shown.Rows[n].Values = append(shown.Rows[n].Values, r.Values[i])
		}
	}
	if len(constant) > 0 {
		shown.Title += " (" + strings.Join(constant, " ") + ")"
	}
	return shown
}

// groupEnd is the end of the group that begins with a column.
func (t textTable) groupEnd(from int) int {
	to := from + 1
	for to < len(t.Columns) && t.Columns[from].Group != "" && t.Columns[to].Group == t.Columns[from].Group {
		to++
	}
	return to
}

// widths fit every column, and the last of a group its heading.
func (t textTable) widths() []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = runes(c.Name)
		for _, r := range t.Rows {
			widths[i] = max(widths[i], runes(r.Values[i].Text))
		}
	}
	for from := 0; from < len(widths); {
		to := t.groupEnd(from)
		widths[to-1] += max(0, runes(t.Columns[from].Group)-total(widths[from:to]))
		from = to
	}
	return widths
}

// writeColumns draws the labels and, beside them, some columns.
func (t textTable) writeColumns(b *strings.Builder, labels, from, to int, widths []int) {
	groups := strings.Repeat(" ", total(widths[:labels]))
	for at := from; at < to; at = t.groupEnd(at) {
		room := total(widths[at:t.groupEnd(at)])
		left := (room - runes(t.Columns[at].Group)) / 2
		groups += columnGap + padded(strings.Repeat(" ", max(0, left))+t.Columns[at].Group, room)
	}
	if groups = strings.TrimRight(groups, " "); groups != "" {
		b.WriteString(groups + "\n")
	}
	heading := make([]results.Value, len(t.Columns))
	for i, c := range t.Columns {
		heading[i] = results.TextValue(c.Name)
	}
	for _, r := range append([]results.Row{{Values: heading}}, t.Rows...) {
		var columns [][]string
		most := 0
		for i, v := range r.Values {
			columns = append(columns, cellLines(v.Text, widths[i]))
			if i < labels || i >= from && i < to {
				most = max(most, len(columns[i]))
			}
		}
		for n := range most {
			var line string
			for i, lines := range columns {
				if i >= labels && (i < from || i >= to) {
					continue
				}
				text := ""
				if n < len(lines) {
					text = lines[n]
				}
				if t.Columns[i].Number {
					text = strings.Repeat(" ", widths[i]-runes(text)) + text
				}
				line += padded(text, widths[i]) + columnGap
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
}

// cellLines breaks a cell's text into lines of a width, words too that are wider.
func cellLines(text string, width int) (lines []string) {
	for line := range strings.Lines(wrapped(text, "", width)) {
		rest := []rune(strings.TrimSuffix(line, "\n"))
		for len(rest) > width {
			lines, rest = append(lines, string(rest[:width])), rest[width:]
		}
		lines = append(lines, string(rest))
	}
	return lines
}
