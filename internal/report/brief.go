package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// Width is how many columns text takes at most; a program that writes to a terminal sets it once, at
// its beginning.
var Width = 100

const (
	// mostWinners of an experiment, mostRows of its table and mostPredictions are in a
	// brief; what is left out is counted.
	mostWinners     = 4
	mostRows        = 40
	mostPredictions = 30
	// mostClaimRunes is how wide claims and their parts are in a list of predictions.
	mostClaimRunes = 24
)

// Brief is what a run prints at its end: what came of it in words, one table, the
// predictions, and the problems by kind with what to do. The page says more, and so does
// what is left out of the brief.
func (r *Run) Brief(w io.Writer) error {
	if len(r.cells) == 0 {
		_, err := fmt.Fprintln(w, "No trial has been stored yet.")
		return err
	}
	var b strings.Builder
	if missing := progress(r.Run); missing != "" {
		b.WriteString(wrapped(missing, "", Width))
	}
	r.briefSummary(&b)
	r.briefTable(&b)
	r.briefPredictions(&b)
	r.briefControls(&b)
	for _, note := range r.limitedNotes() {
		b.WriteString("\n" + wrapped(note, "", Width))
	}
	r.briefProblems(&b)
	_, err := io.WriteString(w, strings.TrimLeft(b.String(), "\n"))
	return err
}

// limitedNotes say of each experiment which of its trials were limited, if any.
func (r *Run) limitedNotes() (notes []string) {
	for _, j := range r.judged {
		if note := results.LimitedNote(results.OfExperiment(r.cells, j.Spec.ID)); note != "" {
			notes = append(notes, strings.TrimSpace(note))
		}
	}
	return notes
}

// briefSummary writes the sentences that the page begins with.
func (r *Run) briefSummary(b *strings.Builder) {
	write := func(title string, sentences []sentence) {
		if len(sentences) == 0 {
			return
		}
		b.WriteString("\n" + shortened(title, Width) + "\n\n")
		winners := 0
		for _, s := range sentences {
			if s.Kind == winnerKind {
				winners++
			}
			if s.Kind != winnerKind || winners <= mostWinners {
				b.WriteString(wrapped(s.Head+". "+s.Text, "- ", Width))
			}
		}
		if left := winners - mostWinners; left > 0 {
			fmt.Fprintf(b, "  … %d more in the report\n", left)
		}
	}
	outcomes := outcomeSentences(r.cells)
	for _, j := range r.judged {
		own := r.sentencesOf(j)
		if len(r.judged) == 1 {
			own, outcomes = append(own, outcomes...), nil
		}
		write(j.Spec.ID+": "+j.Spec.Title, own)
	}
	write("All cells", outcomes)
}

// briefPredictions writes a line for each prediction that the run has cells for, more where
// it is long.
func (r *Run) briefPredictions(b *strings.Builder) {
	t := results.Table{Columns: []results.Column{{}, {Most: mostClaimRunes}, {}, {}}}
	var findings []verdict.Finding
	open := false
	var undecided []string // why, each once
	for _, j := range r.judged {
		for _, f := range j.Findings {
			if len(f.Comparisons) == 0 {
				continue // a quick variant lacks its cells
			}
			findings = append(findings, f)
			open = open || f.Verdict() == results.Undecided
			if c := f.Deciding(); c.Verdict == results.Inconclusive && !slices.Contains(undecided, c.Words()) {
				undecided = append(undecided, c.Words())
			}
		}
	}
	if len(findings) == 0 {
		return
	}
	shown := findings[:min(len(findings), mostPredictions)]
	for _, f := range shown {
		t.Add("", f.Verdict(), f.Prediction.Decides(), f.Format(f.Deciding().Estimate), "")
	}
	room := Width - len(rowIndent) - t.Width()
	for i, f := range shown {
		t.Rows[i].Values[3].Text = predictionText(f.Prediction, len(f.Comparisons), room)
	}
	b.WriteString("\nPredictions: median [interval], of several comparisons the one nearest to failing\n\n" + t.Text(rowIndent, Width))
	for _, f := range shown {
		if with := f.WithLimited(f.Deciding()); with != "" {
			b.WriteString(wrapped(f.Prediction.Decides()+": "+with, rowIndent, Width))
		}
	}
	if left := len(findings) - len(shown); left > 0 {
		fmt.Fprintf(b, "  … %d more: c10klab show %s --tables predictions\n", left, results.ShellQuote(r.Dir))
	}
	if open {
		fmt.Fprintf(b, "  open: a verdict takes %d interleaved blocks (--full)\n", results.MinBlocks)
	}
	for _, why := range undecided {
		b.WriteString(wrapped(why+"; no block is added, a new run is a new occasion", rowIndent, Width))
	}
}

// briefControls writes how many controls came out as they must, and which did not.
func (r *Run) briefControls(b *strings.Builder) {
	var total, open int
	var failed []string
	for _, j := range r.judged {
		for _, f := range j.Controls {
			total++
			switch why, fails := f.Result(); {
			case f.Verdict == results.Undecided:
				open++
			case fails && f.Kind == experiments.Negative:
				failed = append(failed, fmt.Sprintf("%s: %s of %s, in %s", why, f.Metric, f.Control, f.Cells))
			case fails:
				failed = append(failed, fmt.Sprintf("%s: %s, in %s", why, f.Control, f.Cells))
			}
		}
	}
	if total == 0 {
		return
	}
	fmt.Fprintf(b, "\nControls: %d, of which %d failed", total, len(failed))
	if open > 0 {
		fmt.Fprintf(b, ", %d open for want of blocks", open)
	}
	b.WriteString("\n")
	for _, line := range failed {
		b.WriteString(wrapped(line, "- ", Width))
	}
}

// letters begin levels that need no knob's name to be understood.
const letters = "abcdefghijklmnopqrstuvwxyz"

// predictionText is a prediction in few words: of two variants what differs between them,
// and what they have in common. The API is left out if that brings it into a width.
func predictionText(p experiments.Prediction, comparisons, width int) string {
	var nearest string
	if comparisons > 1 {
		nearest = fmt.Sprintf(" (of\u00a0%d)", comparisons) // in one line
	}
	if p.Each || p.Along != "" {
		return strings.Replace(p.String(), " in each cell with ", ", ", 1) + nearest
	}
	var a, b []string
	common, differing := "", ""
	knobs := map[string]string{}
	maps.Copy(knobs, p.A)
	maps.Copy(knobs, p.B)
	for _, name := range slices.Sorted(maps.Keys(knobs)) {
		if p.A[name] == p.B[name] {
			common += " " + name + "=" + p.A[name]
			continue
		}
		a, b = append(a, cmp.Or(p.A[name], "any")), append(b, cmp.Or(p.B[name], "any"))
		differing = name
	}
	if len(a) == 1 && !strings.Contains(letters, a[0][:1]) {
		a[0] = differing + " " + a[0]
	}
	if common != "" {
		common = "," + common
	}
	metric := p.Metric.String()
	text := fmt.Sprintf(": %s %s %s %s", strings.Join(a, " "), p.Operator(), strings.Join(b, " "), p.Condition()) + common + nearest
	span, quantile, _ := strings.Cut(metric, " ")
	brief := strings.TrimSpace(strings.Split(span, "/")[0] + " " + quantile)
	if utf8.RuneCountInString(metric+text) > width && utf8.RuneCountInString(brief+text) <= width {
		metric = brief
	}
	return metric + text
}

// shortened cuts a text to a width, with a mark in its middle: names tend to differ at
// both ends.
func shortened(text string, width int) string {
	all := []rune(text)
	if len(all) <= width {
		return text
	}
	head := (width - 1) * 2 / 3
	return string(all[:head]) + "…" + string(all[len(all)-(width-1-head):])
}

// wrapped breaks a text into lines of a width, the first after a mark, the others
// beneath the first's text.
func wrapped(text, mark string, width int) string {
	indent := "\n" + strings.Repeat(" ", utf8.RuneCountInString(mark))
	return mark + strings.Join(results.Wrap(text, width-len(indent)+1), indent) + "\n"
}
