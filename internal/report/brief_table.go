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

const rowIndent = "  "

// briefTable writes one table of the cells of each experiment, no wider than Width, and
// one of their servers where the broker is not the only one.
func (r *Run) briefTable(b *strings.Builder) {
	var experiments [][]results.Cell
	var counts []int
	for _, j := range r.judged {
		if cells := results.OfExperiment(r.cells, j.Spec.ID); len(cells) > 0 {
			experiments, counts = append(experiments, cells), append(counts, len(cells))
		}
	}
	var drawn strings.Builder
	left := 0
	for i, n := range shares(counts, mostRows) {
		left += counts[i] - n
		writeCells(&drawn, experiments[i], n)
	}
	b.WriteString(drawn.String())
	if left > 0 {
		fmt.Fprintf(b, "\n  … %d more: c10klab show %s --tables client\n", left, results.ShellQuote(r.Dir))
	}
	if notes := signs(drawn.String()); notes != "" {
		b.WriteString("\n" + wrapped(notes, rowIndent, Width))
	}
}

// shares divides rows among experiments, the same number each as far as they have cells.
func shares(cells []int, rows int) []int {
	shares, order := make([]int, len(cells)), make([]int, len(cells))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cells[i] - cells[j] })
	for done, i := range order {
		shares[i] = min(cells[i], max(1, rows/(len(cells)-done)))
		rows -= shares[i]
	}
	return shares
}

// writeCells writes what the cells of one experiment have in common above a row for each
// of the first, without the columns of numbers that find no room.
func writeCells(b *strings.Builder, cells []results.Cell, rows int) {
	knobs := differingKnobs(cells)
	var common []string
	for _, name := range []string{"model", "send", "consumers"} {
		if value := cells[0].Knobs[name]; value != "" && !slices.Contains(knobs, name) && !(name == "consumers" && value == "none") {
			common = append(common, name+"="+value)
		}
	}
	t := results.NewCellTable(cells, knobs)
	var leaving []string // first to last
	numbers := results.ClientNumbers(cells)
	for _, n := range numbers {
		name := n.Heading
		switch {
		case n == measure.Held:
			leaving = append(leaving, name)
		case n == measure.Fetched:
			name += " " + n.Unit
			if slices.Contains(numbers, measure.Rate) {
				leaving = append([]string{name}, leaving...)
			}
		}
		t.Add(results.Column{Name: name, Number: true}, func(c *results.Cell) results.Value { return c.Shown(n) })
	}
	percentile := func(key hdr.Key, name string, q float64) string {
		t.Add(results.Column{Name: name, Number: true}, func(c *results.Cell) results.Value { return c.Percentile(key, q, results.FormatDuration) })
		return name
	}
	keys := results.KeysOf(cells)
	// What clients waited is ResponseTime, or in closed loops, where nothing falls due, ServiceTime.
	if waited := slices.DeleteFunc(measure.Clients(keys), measure.EndToEnd.Is); len(waited) > 0 {
		common = append(common, waited[0].String())
		p50 := percentile(waited[0], "p50", 0.5)
		percentile(waited[0], "p99", 0.99)
		if slices.ContainsFunc(cells, func(c results.Cell) bool { return len(c.Measured) > 1 }) {
			const byTrial = "p99 by trial"
			t.Add(results.Column{Name: byTrial, Number: true}, func(c *results.Cell) results.Value { return c.ByTrial(waited[0], 0.99, results.FormatDuration) })
			leaving = append(leaving, byTrial)
		}
		leaving = append(leaving, p50, measure.EndToEnd.Name+" p99", percentile(waited[0], "p99.9", 0.999))
	}
	if endToEnd := measure.EndToEnd.Key(measure.Fetch); slices.Contains(keys, endToEnd) {
		percentile(endToEnd, measure.EndToEnd.Name+" p99", 0.99)
	}
	t.Add(results.Column{Name: "outcome"}, func(c *results.Cell) results.Value { return results.TextValue(outcomeText(c)) })
	shown := t.Fill()
	shown.Rows = shown.Rows[:rows]
	for _, name := range leaving {
		if shown.Width() > Width-len(rowIndent) {
			shown = shown.Without(func(_ int, c results.Column) bool { return c.Name == name })
		}
	}
	note := strings.Join(append(common, trialsNote(cells)), ", ")
	b.WriteString("\n" + wrapped(cells[0].Experiment+": "+note, "", Width) + "\n" + shown.Text(rowIndent, Width))
	if t := results.ServerTable(cells[:rows]); len(t.Rows) > 0 {
		b.WriteString("\n" + t.Text(rowIndent, Width))
	}
}

// outcomeText is a cell's outcome, and of how many trials, where they disagree.
func outcomeText(c *results.Cell) string {
	if len(c.Trials) == 1 {
		return string(c.Outcome)
	}
	return fmt.Sprintf("%s %d/%d", c.Outcome, c.Trials[c.Outcome], c.TrialCount())
}

// trialsNote says how many trials a cell has.
func trialsNote(cells []results.Cell) string {
	var counts []int
	for _, c := range cells {
		counts = append(counts, c.TrialCount())
	}
	if least, most := slices.Min(counts), slices.Max(counts); least != most {
		return fmt.Sprintf("%d to %d trials a cell", least, most)
	}
	return results.Plural(counts[0], "trial") + " a cell"
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
	{regexp.MustCompile(`≥[0-9]`), "≥: a lower bound, " + results.BoundReason},
	{regexp.MustCompile(`\([0-9.]+( [µm]?s)?\)`), "in parentheses: limited by generator or environment, counts for nothing"},
	{regexp.MustCompile(` [0-9]+/[0-9]+\n`), "behind an outcome: of how many trials"},
}
