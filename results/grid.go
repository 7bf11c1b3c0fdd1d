package results

import (
	"strconv"
	"strings"
)

// Table is a table before it is drawn as text, as Markdown or, by package report, as HTML.
type Table struct {
	Title   string
	Columns []Column
	Rows    []Row
}

// Column is one column. Neighbours of the same Group are drawn under it as one heading.
type Column struct {
	Name, Group string
	Meaning     string
	Number      bool
}

// Heading is the column's name where groups have no heading of their own.
func (c Column) Heading() string { return strings.TrimSpace(c.Group + " " + c.Name) }

// Row is one row; Class says how HTML marks it.
type Row struct {
	Class  string
	Values []Value
}

// Value is a text and, for numbers, the value that it sorts by; empty: it sorts last.
type Value struct{ Text, Sort string }

// TextValue is a text that is no number.
func TextValue(text string) Value { return Value{Text: text} }

// NumberValue is a number as text.
func NumberValue(text string, value float64) Value {
	return Value{text, strconv.FormatFloat(value, 'g', -1, 64)}
}

// columnGroup is neighbouring columns under one heading.
type columnGroup struct {
	heading     string // empty over a column that is alone
	first, size int
}

func (t Table) groups() (groups []columnGroup) {
	for i, c := range t.Columns {
		if last := len(groups) - 1; c.Group != "" && last >= 0 && groups[last].heading == c.Group {
			groups[last].size++
			continue
		}
		groups = append(groups, columnGroup{c.Group, i, 1})
	}
	return groups
}

// labels is how many columns name a row: those before the first number.
func (t Table) labels() int {
	for i, c := range t.Columns {
		if c.Number {
			return i
		}
	}
	return len(t.Columns)
}

// texts are the columns' names and then the rows.
func (t Table) texts() [][]string {
	all := make([][]string, 1, len(t.Rows)+1)
	for _, c := range t.Columns {
		all[0] = append(all[0], c.Name)
	}
	for _, row := range t.Rows {
		texts := make([]string, len(row.Values))
		for i, v := range row.Values {
			texts[i] = v.Text
		}
		all = append(all, texts)
	}
	return all
}

// Markdown draws the table with one column per group, its values separated by slashes.
func (t Table) Markdown() string {
	var b strings.Builder
	b.WriteString("**" + t.Title + "**\n\n")
	line := func(cell func(g columnGroup) string) {
		var cells []string
		for _, g := range t.groups() {
			cells = append(cells, cell(g))
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	texts := t.texts()
	line(func(g columnGroup) string {
		names := strings.Join(texts[0][g.first:g.first+g.size], " / ")
		if g.heading != "" && names != "" {
			return g.heading + "<br>" + names
		}
		return g.heading + names
	})
	labels := t.labels()
	line(func(g columnGroup) string {
		if g.first < labels {
			return "---"
		}
		return "---:"
	})
	for _, row := range texts[1:] {
		line(func(g columnGroup) string { return strings.Join(row[g.first:g.first+g.size], " / ") })
	}
	return b.String()
}
