package results

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table is a table before it is drawn as text, as Markdown or, by package report, as HTML.
type Table struct {
	Kind    string // what commands call it, with others of its kind
	Title   string
	Columns []Column
	Rows    []Row
}

// Column is one column. Neighbours of the same Group are drawn under it as one heading.
type Column struct {
	Name, Group string
	Meaning     string
	Number      bool
	Most        int // how wide it may be as text; 0: as it is
	// Right: Markdown puts it to the right though it is no number, as evidence has it.
	Right bool
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

// TextColumns are columns without numbers.
func TextColumns(names ...string) []Column {
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i].Name = name
	}
	return columns
}

// Add adds a row of Values, Estimates, counts and anything else that prints as text.
func (t *Table) Add(class string, values ...any) {
	row := Row{Class: class}
	for _, value := range values {
		switch v := value.(type) {
		case Value:
			row.Values = append(row.Values, v)
		case Estimate:
			row.Values = append(row.Values, NumberValue(v.String(), v.Median))
		case int:
			row.Values = append(row.Values, NumberValue(strconv.Itoa(v), float64(v)))
		default:
			row.Values = append(row.Values, TextValue(fmt.Sprint(v)))
		}
	}
	t.Rows = append(t.Rows, row)
}

// Without leaves columns out.
func (t Table) Without(left func(i int, c Column) bool) Table {
	shown := t
	shown.Columns, shown.Rows = nil, make([]Row, len(t.Rows))
	for i, c := range t.Columns {
		if left(i, c) {
			continue
		}
		shown.Columns = append(shown.Columns, c)
		for n, r := range t.Rows {
			shown.Rows[n].Class, shown.Rows[n].Values = r.Class, append(shown.Rows[n].Values, r.Values[i])
		}
	}
	return shown
}

// columnGroup is neighbouring columns under one heading.
type columnGroup struct {
	heading   string // empty over a column that is alone
	first, to int
}

func (g columnGroup) width(widths []int) int { return total(widths[g.first:g.to]) }

func (t Table) groups() (groups []columnGroup) {
	for i, c := range t.Columns {
		if last := len(groups) - 1; c.Group != "" && last >= 0 && groups[last].heading == c.Group {
			groups[last].to++
			continue
		}
		groups = append(groups, columnGroup{c.Group, i, i + 1})
	}
	return groups
}

// labels is how many columns name a row: those before the first number.
func (t Table) labels() int {
	if i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Number }); i >= 0 {
		return i
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
	if t.Title != "" {
		b.WriteString("**" + t.Title + "**\n\n")
	}
	line := func(cell func(g columnGroup) string) {
		var cells []string
		for _, g := range t.groups() {
			cells = append(cells, cell(g))
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	texts := t.texts()
	line(func(g columnGroup) string {
		names := strings.Join(texts[0][g.first:g.to], " / ")
		if g.heading != "" && names != "" {
			return g.heading + "<br>" + names
		}
		return g.heading + names
	})
	line(func(g columnGroup) string {
		if c := t.Columns[g.first]; c.Number || c.Right {
			return "---:"
		}
		return "---"
	})
	for _, row := range texts[1:] {
		line(func(g columnGroup) string { return strings.Join(row[g.first:g.to], " / ") })
	}
	return b.String()
}

const (
	columnGap = "  "
	// leastLabel is how narrow columns that name rows may become; where there is no room
	// for that they become one.
	leastLabel = 8
)

// Width is how many columns of a terminal the table takes as text, without its title.
func (t Table) Width() int { return total(t.widths()) }

// Text draws the table in lines of at most a width, each after an indent; width 0: however
// long. What rows are named by comes first, and again with the columns that find no room
// beside the others; columns of a group stay together under its heading. Long texts go on
// beneath. What all rows of a table with a title are named alike stands in the title.
// Columns without any name have no heading.
func (t Table) Text(indent string, width int) string {
	width = max(0, width-runes(indent))
	var lines []string
	if t.Title != "" {
		t = t.withoutConstants()
		lines = append(Wrap(t.Title, width), "")
	}
	widths, labels := t.widths(), t.labels()
	beside := math.MaxInt
	if width > 0 && t.Width() > width {
		room := width
		if labels < len(t.Columns) {
			room = max(width*3/5, width-len(columnGap)-total(widths[labels:]))
		}
		if labels > 1 && total(widths[:labels]) > room && total(slices.Repeat([]int{leastLabel}, labels)) > room {
			t, labels = t.namedByOne(labels), 1
			widths = t.widths()
		}
		for total(widths[:labels]) > room { // take from the widest
			widths[slices.Index(widths, slices.Max(widths[:labels]))]--
		}
		beside = width - total(widths[:labels]) - len(columnGap)
		for i, c := range t.Columns[labels:] {
			if !c.Number {
				widths[labels+i] = min(widths[labels+i], beside)
			}
		}
	}
	groups := t.groups()
	names, rest := groups[:labels], groups[labels:] // a column that names rows is a group of its own
	for first := true; first || len(rest) > 0; first = false {
		n, used := 0, 0
		for ; n < len(rest) && (n == 0 || used+rest[n].width(widths) <= beside); n++ {
			used += rest[n].width(widths) + len(columnGap)
		}
		if !first {
			lines = append(lines, "")
		}
		lines = append(lines, t.lines(slices.Concat(names, rest[:n]), widths)...)
		rest = rest[n:]
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
	}
	return b.String()
}

// lines draws some groups of columns.
func (t Table) lines(block []columnGroup, widths []int) (lines []string) {
	var headings []string
	var columns []int
	for _, g := range block {
		room := g.width(widths)
		headings = append(headings, fmt.Sprintf("%-*s", room, strings.Repeat(" ", max(0, room-runes(g.heading))/2)+g.heading))
		for i := g.first; i < g.to; i++ {
			columns = append(columns, i)
		}
	}
	lines = append(lines, strings.Join(headings, columnGap))
	rows := t.texts()
	for n, row := range rows {
		cells, height := make([][]string, len(columns)), 0
		for i, c := range columns {
			cells[i] = wrapAll(row[c], widths[c])
			height = max(height, len(cells[i]))
		}
		for at := range height {
			parts := make([]string, len(columns))
			for i, c := range columns {
				text, room := "", -widths[c] // to the left
				if at < len(cells[i]) {
					text = cells[i][at]
				}
				if t.Columns[c].Number {
					room = widths[c]
				}
				parts[i] = fmt.Sprintf("%*s", room, text)
			}
			lines = append(lines, strings.Join(parts, columnGap))
		}
		if n == 0 {
			lines = slices.DeleteFunc(lines, func(line string) bool { return strings.TrimSpace(line) == "" })
		}
	}
	return lines
}

// withoutConstants takes out columns that name all of several rows alike.
func (t Table) withoutConstants() Table {
	var constant []string
	labels := t.labels()
	shown := t.Without(func(i int, c Column) bool {
		if i >= labels || len(t.Rows) < 2 || slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Values[i].Text != t.Rows[0].Values[i].Text }) {
			return false
		}
		constant = append(constant, c.Name+"="+t.Rows[0].Values[i].Text)
		return true
	})
	if len(constant) > 0 {
		shown.Title += " (" + strings.Join(constant, " ") + ")"
	}
	return shown
}

// namedByOne puts what names a row into one column.
func (t Table) namedByOne(labels int) Table {
	named := Table{Columns: append(TextColumns("cell"), t.Columns[labels:]...)}
	for _, row := range t.Rows {
		var settings []string
		for i, c := range t.Columns[:labels] {
			settings = append(settings, c.Name+"="+row.Values[i].Text)
		}
		named.Rows = append(named.Rows, Row{row.Class, append([]Value{TextValue(strings.Join(settings, " "))}, row.Values[labels:]...)})
	}
	return named
}

// widths fit every column, and the last of a group its heading.
func (t Table) widths() []int {
	widths := make([]int, len(t.Columns))
	for _, row := range t.texts() {
		for i, text := range row {
			widths[i] = max(widths[i], runes(text))
		}
	}
	for i, c := range t.Columns {
		if c.Most > 0 {
			widths[i] = min(widths[i], c.Most)
		}
	}
	for _, g := range t.groups() {
		widths[g.to-1] += max(0, runes(g.heading)-g.width(widths))
	}
	return widths
}

// total is the width of columns with the gaps between them.
func total(widths []int) int {
	sum := len(columnGap) * max(0, len(widths)-1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

func runes(text string) int { return utf8.RuneCountInString(text) }

// unbroken holds numbers and their units together.
var unbroken = regexp.MustCompile(`([0-9]) (%|×|s|ms|µs|MB/s|of|block)`)

const noBreak = "\u00a0"

// Wrap breaks a text between words into lines of a width, 0: of any. A word that is wider,
// as a path may be, stays whole.
func Wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsFuncSeq(unbroken.ReplaceAllString(text, "$1"+noBreak+"$2"), func(r rune) bool {
		return unicode.IsSpace(r) && string(r) != noBreak
	}) {
		switch {
		case line == "":
			line = word
		case width > 0 && runes(line)+1+runes(word) > width:
			lines, line = append(lines, strings.ReplaceAll(line, noBreak, " ")), word
		default:
			line += " " + word
		}
	}
	return append(lines, strings.ReplaceAll(line, noBreak, " "))
}

// wrapAll is Wrap that breaks words too, behind a sign if there is one.
func wrapAll(text string, width int) (lines []string) {
	for _, line := range Wrap(text, width) {
		for runes(line) > width {
			head := string([]rune(line)[:width])
			if sign := strings.LastIndexAny(head, "-=/.,"); sign > 0 {
				head = head[:sign+1]
			}
			lines, line = append(lines, head), line[len(head):]
		}
		lines = append(lines, line)
	}
	return lines
}
