package report

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

const (
	// Width is how many columns a brief takes at most.
	Width = 100
	// mostWinners of an experiment, mostRows of its table and mostPredictions are in a
	// brief; what is left out is counted.
	mostWinners     = 4
	mostRows        = 40
	mostPredictions = 30
	// mostClaimRunes is how much of a claim's and its part's name a prediction's line has.
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
	r.briefSummary(&b)
	r.briefTable(&b)
	r.briefPredictions(&b)
	r.briefProblems(&b)
	_, err := io.WriteString(w, strings.TrimLeft(b.String(), "\n"))
	return err
}

// briefSummary writes the sentences that the page begins with.
func (r *Run) briefSummary(b *strings.Builder) {
	titles := map[string]string{"": "All cells"}
	for _, j := range r.judged {
		titles[j.Spec.ID] = j.Spec.ID + ": " + j.Spec.Title
	}
	sentences := r.summary()
	if len(r.judged) == 1 {
		for i := range sentences {
			sentences[i].Experiment = r.judged[0].Spec.ID
		}
	}
	about, winners, left := "\x00", 0, 0
	end := func() {
		if left > 0 {
			fmt.Fprintf(b, "  … %d more in the report\n", left)
		}
	}
	for _, s := range sentences {
		if s.Experiment != about {
			end()
			about, winners, left = s.Experiment, 0, 0
			b.WriteString("\n" + shortened(titles[about], Width) + "\n\n")
		}
		if s.Kind == winnerKind {
			if winners++; winners > mostWinners {
				left++
				continue
			}
		}
		b.WriteString(wrapped(s.Head+". "+s.Text, "- ", Width))
	}
	end()
}

// briefPredictions writes a line for each prediction that the run has cells for.
func (r *Run) briefPredictions(b *strings.Builder) {
	type line struct {
		verdict, claim, estimate string
		finding                  verdict.Finding
	}
	var lines []line
	reasons := map[string]bool{}
	for _, j := range r.judged {
		for _, f := range j.Findings {
			if len(f.Comparisons) == 0 {
				continue // a quick variant lacks its cells
			}
			nearest := f.Deciding()
			lines = append(lines, line{string(f.Verdict()), shortened(f.Prediction.Decides(), mostClaimRunes), f.Format(nearest.Estimate), f})
			if f.Verdict() == results.Undecided {
				reasons[nearest.Reason] = true
			}
		}
	}
	if len(lines) == 0 {
		return
	}
	b.WriteString("\nPredictions: median [interval], of several comparisons the one nearest to failing\n\n")
	var verdicts, claims, estimates int
	shown := lines[:min(len(lines), mostPredictions)]
	for _, l := range shown {
		verdicts, claims, estimates = max(verdicts, runes(l.verdict)), max(claims, runes(l.claim)), max(estimates, runes(l.estimate))
	}
	for _, l := range shown {
		line := rowIndent + padded(l.verdict, verdicts) + columnGap + padded(l.claim, claims) + columnGap + padded(l.estimate, estimates) + columnGap
		b.WriteString(line + predictionText(l.finding.Prediction, len(l.finding.Comparisons), Width-runes(line)) + "\n")
	}
	if left := len(lines) - len(shown); left > 0 {
		fmt.Fprintf(b, "  … %d more: c10klab show %s --tables predictions\n", left, results.ShellQuote(r.Dir))
	}
	if len(reasons) > 0 {
		fmt.Fprintf(b, "  open: a verdict takes %d interleaved blocks (--full)\n", results.MinBlocks)
	}
}

// letters begin levels that need no knob's name to be understood.
const letters = "abcdefghijklmnopqrstuvwxyz"

// predictionText is a prediction in few words, cut to a width: of two variants what
// differs between them, and what they have in common if there is room for it.
func predictionText(p experiments.Prediction, comparisons, width int) string {
	var nearest string
	if comparisons > 1 {
		nearest = fmt.Sprintf(" (of %d)", comparisons)
	}
	if p.Each || p.Along != "" {
		text := strings.Replace(p.String(), " in each cell with ", ", ", 1)
		return shortened(text, max(width-runes(nearest), 0)) + nearest
	}
	var a, b, both []string
	differing := ""
	for _, name := range slices.Sorted(keysOf(p.A, p.B)) {
		if p.A[name] == p.B[name] {
			both = append(both, name+"="+p.A[name])
			continue
		}
		a, b = append(a, cmp.Or(p.A[name], "any")), append(b, cmp.Or(p.B[name], "any"))
		differing = name
	}
	if len(a) == 1 && !strings.Contains(letters, a[0][:1]) {
		a[0] = differing + " " + a[0]
	}
	metric := p.Metric.String()
	span, quantile, _ := strings.Cut(metric, " ")
	brief := strings.TrimSpace(strings.Split(span, "/")[0] + " " + quantile) // without the API
	ratio := func(metric string, most int) string {
		return fmt.Sprintf("%s: %s ÷ %s %s %g", metric, shortened(strings.Join(a, " "), most), shortened(strings.Join(b, " "), most), p.Relation, p.Threshold)
	}
	common := ""
	if len(both) > 0 {
		common = ", " + strings.Join(both, " ")
	}
	for _, text := range []string{ratio(metric, width) + common + nearest, ratio(metric, width) + common, ratio(metric, width), ratio(brief, width), ratio(brief, 16), ratio(brief, 12)} {
		if runes(text) <= width {
			return text
		}
	}
	return shortened(fmt.Sprintf("%s %s %g", p.Metric, p.Relation, p.Threshold), width)
}

// keysOf are the names of either set of knobs, each once.
func keysOf(a, b map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range a {
			if !yield(name) {
				return
			}
		}
		for name := range b {
			if _, both := a[name]; !both && !yield(name) {
				return
			}
		}
	}
}

func runes(text string) int { return utf8.RuneCountInString(text) }

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-runes(text)))
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

// unbroken holds numbers and their units together.
var unbroken = regexp.MustCompile(`([0-9]) (%|×|s|ms|µs|MB/s|of|block)`)

const noBreak = "\u00a0"

// wrapped breaks a text into lines of a width, the first after a mark, the others
// beneath the first's text. A word that is wider, as a path may be, stays whole.
func wrapped(text, mark string, width int) string {
	indent := strings.Repeat(" ", runes(mark))
	var b strings.Builder
	line, empty := mark, true
	for _, word := range strings.Fields(unbroken.ReplaceAllString(text, "$1"+noBreak+"$2")) {
		if !empty && runes(line)+1+runes(word) > width {
			b.WriteString(line + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return strings.ReplaceAll(b.String()+line+"\n", noBreak, " ")
}
