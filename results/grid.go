package results

import (
	"strings"
	"unicode/utf8"
)

const columnGap = "  "

// text draws the grid with aligned columns: labels to the left, numbers to the
// right, a group's heading centred over its columns.
func (g grid) text() string {
	headings, names := g.headings()
	widths := g.widths(headings, names)
	var b strings.Builder
	b.WriteString(g.title + "\n\n")
	g.writeHeadings(&b, widths)
	for _, row := range append([][]string{names}, g.rows...) {
		var line strings.Builder
		for i, text := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i < len(g.labels) || (i == len(row)-1 && names[i] == "outcome") {
				line.WriteString(text + pad + columnGap)
			} else {
				line.WriteString(pad + text + columnGap)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// headings returns, per column, the heading that starts there ("" if none, or
// if the group is one column) and the column's own name.
func (g grid) headings() (headings, names []string) {
	names = append(names, g.labels...)
	headings = make([]string, len(g.labels))
	for _, gr := range g.groups {
		if len(gr.columns) == 0 {
			headings, names = append(headings, ""), append(names, gr.heading)
			continue
		}
		headings = append(append(headings, gr.heading), make([]string, len(gr.columns)-1)...)
		names = append(names, gr.columns...)
	}
	return headings, names
}

// widths fits every column to its widest text, and the last column of a group
// to what its heading still needs.
func (g grid) widths(headings, names []string) []int {
	widths := make([]int, len(names))
	for _, row := range append([][]string{names}, g.rows...) {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	first := len(g.labels)
	for _, gr := range g.groups {
		last := first + gr.width() - 1
		missing := utf8.RuneCountInString(headings[first]) - span(widths[first:last+1])
		for i := last; missing > 0; i = first + (i-first+gr.width()-1)%gr.width() {
			widths[i]++
			missing--
		}
		first = last + 1
	}
	return widths
}

func span(widths []int) int {
	total := len(columnGap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	return total
}

func (g grid) writeHeadings(b *strings.Builder, widths []int) {
	var line strings.Builder
	for i := range g.labels {
		line.WriteString(strings.Repeat(" ", widths[i]) + columnGap)
	}
	first := len(g.labels)
	for _, gr := range g.groups {
		width, heading := span(widths[first:first+gr.width()]), ""
		if len(gr.columns) > 0 {
			heading = gr.heading
		}
		left := (width - utf8.RuneCountInString(heading)) / 2
		right := width - utf8.RuneCountInString(heading) - left
		line.WriteString(strings.Repeat(" ", left) + heading + strings.Repeat(" ", right) + columnGap)
		first += gr.width()
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// markdown draws the grid with one column per group, its values separated by
// slashes.
func (g grid) markdown() string {
	header := append([]string{}, g.labels...)
	rule := make([]string, len(g.labels))
	for i := range rule {
		rule[i] = "---"
	}
	for _, gr := range g.groups {
		name := gr.heading
		if len(gr.columns) > 0 {
			name += "<br>" + strings.Join(gr.columns, " / ")
		}
		header, rule = append(header, name), append(rule, "---:")
	}
	var b strings.Builder
	b.WriteString("**" + g.title + "**\n\n")
	for _, line := range [][]string{header, rule} {
		b.WriteString("| " + strings.Join(line, " | ") + " |\n")
	}
	for _, row := range g.rows {
		line := append([]string{}, row[:len(g.labels)]...)
		first := len(g.labels)
		for _, gr := range g.groups {
			line = append(line, strings.Join(row[first:first+gr.width()], " / "))
			first += gr.width()
		}
		b.WriteString("| " + strings.Join(line, " | ") + " |\n")
	}
	return b.String()
}
