package report

import (
	"io"
	"slices"
	"strings"

	"c10klab/results"
)

// TableNames are the tables of Tables.
var TableNames = []string{"client", "stages", "predictions", "problems", "all"}

// Tables writes tables by name, of each experiment in turn, as text no wider than Width
// or as Markdown; all without names.
func (r *Run) Tables(w io.Writer, names []string, markdown bool) error {
	wanted := func(name string) bool {
		return len(names) == 0 || slices.Contains(names, name) || slices.Contains(names, "all")
	}
	var b strings.Builder
	for _, j := range r.judged {
		own := cellsOf(r.cells, j.Spec.ID)
		tables := results.DetailedTables(own)
		for i, t := range tables {
			if i == 0 && wanted("client") || i > 0 && wanted("stages") {
				writeTable(&b, t, j.Spec.ID, markdown)
			}
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
// with the columns that find no room beside the others; long texts go on beneath.
func (t textTable) text(b *strings.Builder, width int) {
	b.WriteString(wrapped(t.Title, "", width))
	widths := t.widths()
	labels := slices.IndexFunc(t.Columns, func(c results.Column) bool { return c.Number })
	if labels < 0 {
		labels = len(t.Columns)
	}
	room := width
	if labels < len(t.Columns) {
		room = width * 3 / 5
	}
	t.narrow(widths[:labels], room)
	t.narrowTexts(widths[labels:], labels, width-total(widths[:labels])-len(columnGap))
	for from := labels; ; {
		used, to := total(widths[:labels]), from
		for to < len(t.Columns) && used+len(columnGap)+widths[to] <= width {
			used += len(columnGap) + widths[to]
			to++
		}
		var columns []int
		for i := range t.Columns {
			if i < labels || i >= from && i < to {
				columns = append(columns, i)
			}
		}
		b.WriteString("\n")
		t.writeColumns(b, columns, widths)
		if from = to; from >= len(t.Columns) {
			return
		}
	}
}

func (t textTable) widths() []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = runes(c.Heading())
		for _, r := range t.Rows {
			widths[i] = max(widths[i], runes(r.Values[i].Text))
		}
	}
	return widths
}

// narrow takes from the widest columns until all fit.
func (t textTable) narrow(widths []int, room int) {
	for total(widths) > room {
		widths[slices.Index(widths, slices.Max(widths))]--
	}
}

// narrowTexts takes what is beyond a room from columns of text, from the nth on.
func (t textTable) narrowTexts(widths []int, n, room int) {
	const least = 24
	for i := range widths {
		if !t.Columns[n+i].Number {
			widths[i] = min(widths[i], max(least, room-total(widths)+widths[i]))
		}
	}
}

// writeColumns draws some of the columns.
func (t textTable) writeColumns(b *strings.Builder, columns, widths []int) {
	heading := make([]results.Value, len(t.Columns))
	for i, c := range t.Columns {
		heading[i] = results.TextValue(c.Heading())
	}
	for _, r := range append([]results.Row{{Values: heading}}, t.Rows...) {
		lines := make([][]string, len(columns))
		most := 0
		for i, column := range columns {
			lines[i] = cellLines(r.Values[column].Text, widths[column])
			most = max(most, len(lines[i]))
		}
		for n := range most {
			var line string
			for i, column := range columns {
				text := ""
				if n < len(lines[i]) {
					text = lines[i][n]
				}
				if t.Columns[column].Number {
					line += strings.Repeat(" ", widths[column]-runes(text)) + text + columnGap
				} else {
					line += padded(text, widths[column]) + columnGap
				}
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
