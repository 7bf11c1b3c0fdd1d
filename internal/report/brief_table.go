package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/results"
)

// briefColumn is a column of a brief's table. Of columns that do not fit, that with the
// highest number leaves is left out first; 0 stays.
type briefColumn struct {
	name   string
	leaves int
	value  func(results.Cell) string
}

// section is the rows of one experiment.
type section struct {
	id    string
	cells []results.Cell // those shown
	left  int            // cells that are not
	knobs []string       // that tell its cells apart
	own   []briefColumn
	note  string // what holds for all its cells
}

const (
	columnGap  = "  "
	rowIndent  = "  "
	leastLabel = 8 // columns that a knob's value is shortened to at the least
)

// briefTable writes one table of all cells, a section for each experiment, no wider than
// Width whatever the knobs.
func (r *Run) briefTable(b *strings.Builder) {
	var sections []section
	for _, j := range r.judged {
		if cells := cellsOf(r.cells, j.Spec.ID); len(cells) > 0 {
			sections = append(sections, newSection(j.Spec.ID, cells))
		}
	}
	left := cutRows(sections, mostRows)
	var drawn strings.Builder
	for _, s := range sections {
		s.write(&drawn)
	}
	b.WriteString(drawn.String())
	if left > 0 {
		fmt.Fprintf(b, "\n  … %d more: c10klab show %s --tables client\n", left, results.ShellQuote(r.Dir))
	}
	if notes := signs(drawn.String()); notes != "" {
		b.WriteString("\n" + wrapped(notes, rowIndent, Width))
	}
}

// cutRows leaves sections at most so many rows together, the same number each as far as
// they have them, and returns how many cells are left out.
func cutRows(sections []section, most int) (left int) {
	room, rest := most, len(sections)
	byRows := make([]*section, len(sections))
	for i := range sections {
		byRows[i] = &sections[i]
	}
	slices.SortStableFunc(byRows, func(a, b *section) int { return len(a.cells) - len(b.cells) })
	for _, s := range byRows {
		n := min(len(s.cells), max(1, room/rest))
		left += len(s.cells) - n
		s.left, s.cells = len(s.cells)-n, s.cells[:n]
		room, rest = room-n, rest-1
	}
	return left
}

func newSection(id string, cells []results.Cell) section {
	s := section{id: id, cells: cells, knobs: differingKnobs(cells)}
	var common []string
	for _, name := range []string{"model", "send", "consumers"} {
		if value := cells[0].Knobs[name]; value != "" && !slices.Contains(s.knobs, name) && !(name == "consumers" && value == "none") {
			common = append(common, name+"="+value)
		}
	}
	s.rates()
	if span, found := clientSpan(cells); found {
		common = append(common, span.String())
		s.add("p50", 3, quantileText(span, 0.5))
		s.add("p99", 0, quantileText(span, 0.99))
		s.add("p99.9", 1, quantileText(span, 0.999))
	}
	if endToEnd := measure.EndToEnd.Key(measure.Fetch); slices.ContainsFunc(cells, func(c results.Cell) bool { return c.Spans[endToEnd].Count > 0 }) {
		s.add(measure.EndToEnd.Name+" p99", 2, quantileText(endToEnd, 0.99))
	}
	s.add("outcome", 0, outcomeText)
	s.note = strings.Join(append(common, trialsNote(cells)), ", ")
	return s
}

func (s *section) add(name string, leaves int, value func(results.Cell) string) {
	s.own = append(s.own, briefColumn{name, leaves, value})
}

// rates adds what clients were served: bytes acknowledged, bytes fetched or requests a
// second, and the shares of what was offered and of what was answered in time.
func (s *section) rates() {
	numbers := results.ClientNumbers(s.cells)
	produced := slices.Contains(numbers, measure.Rate)
	for _, n := range numbers {
		name, leaves := n.Heading, 0
		switch {
		case n == measure.Held:
			leaves = 4
		case n == measure.Fetched && produced:
			leaves = 5
		}
		if n == measure.Fetched {
			name += " " + n.Unit
		}
		s.add(name, leaves, func(c results.Cell) string { return c.Shown(n).Text })
	}
}

// clientSpan is what an experiment's clients waited: ResponseTime, or in closed loops,
// where nothing falls due, ServiceTime.
func clientSpan(cells []results.Cell) (hdr.Key, bool) {
	waited := slices.DeleteFunc(measure.Clients(results.KeysOf(cells)), measure.EndToEnd.Is)
	if len(waited) == 0 {
		return hdr.Key{}, false
	}
	return waited[0], true
}

func quantileText(key hdr.Key, q float64) func(results.Cell) string {
	return func(c results.Cell) string {
		span := c.Spans[key]
		if span.Count == 0 {
			return results.NotMeasured
		}
		ns, supported := span.Quantile(q)
		return c.Standing(supported, true, results.FormatDuration(float64(ns)), float64(ns)).Text
	}
}

// outcomeText is a cell's outcome, and of how many trials, where they disagree.
func outcomeText(c results.Cell) string {
	if len(c.Trials) == 1 {
		return string(c.Outcome)
	}
	return fmt.Sprintf("%s %d/%d", c.Outcome, c.Trials[c.Outcome], c.TrialCount())
}

// trialsNote says how many trials a cell has.
func trialsNote(cells []results.Cell) string {
	least, most := cells[0].TrialCount(), cells[0].TrialCount()
	for _, c := range cells {
		least, most = min(least, c.TrialCount()), max(most, c.TrialCount())
	}
	if least == most {
		return results.Plural(most, "trial") + " a cell"
	}
	return fmt.Sprintf("%d to %d trials a cell", least, most)
}

// signs explains the signs that stand in a table instead of numbers or around them.
func signs(table string) string {
	var notes []string
	for _, s := range tableSigns {
		if s.sign.MatchString(table) {
			notes = append(notes, s.meaning)
		}
	}
	return strings.Join(notes, "; ")
}

var tableSigns = []struct {
	sign    *regexp.Regexp
	meaning string
}{
	{regexp.MustCompile(` n/a `), "n/a: too few independent samples for the percentile"},
	{regexp.MustCompile(`≥[0-9]`), "≥: a lower bound, the cell saturated"},
	{regexp.MustCompile(`\([0-9.]+( [µm]?s)?\)`), "in parentheses: limited by generator or environment, counts for nothing"},
	{regexp.MustCompile(` [0-9]+/[0-9]+\n`), "behind an outcome: of how many trials"},
}

// write draws the section: first with a column for each knob, without the columns of
// numbers that find no room; then with knobs shortened; at last with each cell's knobs
// in lines of their own above its numbers.
func (s section) write(b *strings.Builder) {
	b.WriteString("\n" + wrapped(s.id+": "+s.note, "", Width) + "\n")
	labels := s.labels()
	columns := s.own
	for {
		values := s.values(columns)
		room := Width - runes(rowIndent) - widthOf(values)
		if total(widths(labels))+len(columnGap) <= room {
			s.writeRows(b, labels, values)
			return
		}
		least := (leastLabel + len(columnGap)) * len(s.knobs)
		leaving := slices.MaxFunc(columns, func(a, b briefColumn) int { return a.leaves - b.leaves })
		switch {
		case leaving.leaves > 0:
			columns = slices.DeleteFunc(slices.Clone(columns), func(c briefColumn) bool { return c.name == leaving.name })
			continue
		case least <= room:
			s.writeRows(b, narrowed(labels, room-len(columnGap)), values)
			return
		}
		s.writeStacked(b, s.values(s.own[:len(s.own):len(s.own)]))
		return
	}
}

// labels are the rows' names, a column for each knob, with a heading.
func (s section) labels() [][]string {
	rows := [][]string{slices.Clone(s.knobs)}
	for _, c := range s.cells {
		row := make([]string, len(s.knobs))
		for i, name := range s.knobs {
			row[i] = c.Knobs[name]
		}
		rows = append(rows, row)
	}
	return rows
}

// values are the rows' numbers with a heading.
func (s section) values(columns []briefColumn) [][]string {
	heading := make([]string, len(columns))
	for i, c := range columns {
		heading[i] = c.name
	}
	rows := [][]string{heading}
	for _, cell := range s.cells {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.value(cell)
		}
		rows = append(rows, row)
	}
	return rows
}

func (s section) writeRows(b *strings.Builder, labels, values [][]string) {
	labelWidths, valueWidths := widths(labels), widths(values)
	for i := range labels {
		line := rowIndent
		for j, text := range labels[i] {
			line += padded(text, labelWidths[j]) + columnGap
		}
		b.WriteString(strings.TrimRight(line+joined(values[i], valueWidths), " ") + "\n")
	}
}

// writeStacked writes each cell's knobs above its numbers, and without numbers that make
// even those too wide.
func (s section) writeStacked(b *strings.Builder, values [][]string) {
	valueWidths := widths(values)
	b.WriteString(shortened(rowIndent+joined(values[0], valueWidths), Width) + "\n")
	for i, c := range s.cells {
		var settings []string
		for _, name := range s.knobs {
			settings = append(settings, name+"="+c.Knobs[name])
		}
		b.WriteString(wrapped(strings.Join(settings, " "), rowIndent, Width))
		b.WriteString(shortened(rowIndent+joined(values[i+1], valueWidths), Width) + "\n")
	}
}

// joined aligns a row's values to the right, the last, an outcome, to the left.
func joined(row []string, widths []int) string {
	var line string
	for i, text := range row {
		if i == len(row)-1 {
			return line + text
		}
		line += strings.Repeat(" ", widths[i]-runes(text)) + text + columnGap
	}
	return line
}

func widths(rows [][]string) []int {
	widest := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widest[i] = max(widest[i], runes(text))
		}
	}
	return widest
}

func widthOf(rows [][]string) int { return total(widths(rows)) }

// total is the width of columns with the gaps between them.
func total(widths []int) int {
	sum := len(columnGap) * max(0, len(widths)-1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

// narrowed shortens the widest columns until all fit.
func narrowed(rows [][]string, room int) [][]string {
	to := widths(rows)
	for total(to) > room {
		to[slices.Index(to, slices.Max(to))]--
	}
	narrow := make([][]string, len(rows))
	for i, row := range rows {
		for j, text := range row {
			narrow[i] = append(narrow[i], shortened(text, to[j]))
		}
	}
	for j := range to {
		tellApart(rows, narrow, j, to[j])
	}
	return narrow
}

// tellApart ends with a number what shortening made equal in a column.
func tellApart(rows, narrow [][]string, column, width int) {
	whole := map[string][]string{} // by short text
	for i := range rows {
		short, text := narrow[i][column], rows[i][column]
		if !slices.Contains(whole[short], text) {
			whole[short] = append(whole[short], text)
		}
		if n := slices.Index(whole[short], text); n > 0 {
			mark := fmt.Sprintf("~%d", n+1)
			narrow[i][column] = shortened(text, width-len(mark)) + mark
		}
	}
}
