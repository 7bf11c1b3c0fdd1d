package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"c10klab/experiments/verdict"
	"c10klab/internal/record"
	"c10klab/results"
)

// sentence is one line of the summary.
type sentence struct {
	Kind string // verdict, winner, warning or note: how the page marks it
	Head string // in bold
	Text string
}

// winnerKind is the kind of the sentences about what was not predicted.
const winnerKind = "winner"

// summary says for a newcomer what came of a run: the claims, who won, by how much
// and how sure that is, and what does not stand. The page begins with it, and so does
// what a run prints at its end.
func (r *Run) summary() []sentence {
	var all []sentence
	for _, j := range r.judged {
		all = append(all, r.sentencesOf(j)...)
	}
	return append(all, outcomeSentences(r.cells)...)
}

// sentencesOf are those about one experiment.
func (r *Run) sentencesOf(j verdict.Judged) []sentence {
	return append(claimSentences(j), winnerSentences(results.OfExperiment(r.cells, j.Spec.ID), r.contests)...)
}

// claimSentences says the verdict of each part of the run's claims that its spec predicts
// something of; the first one of a claim with the claim's question.
func claimSentences(j verdict.Judged) []sentence {
	var all []sentence
	for _, claim := range j.Spec.Concerned() {
		id, question := claim.ID, claim.Question+" "
		for _, part := range claim.Parts {
			if !slices.ContainsFunc(j.Findings, func(f verdict.Finding) bool { return f.Prediction.Claim == id && f.Prediction.Part == part.Name }) {
				continue
			}
			word, deciding, found := verdict.OfPart(id, part, j.Findings)
			text := "This run has no cells that decide it"
			if found {
				c := deciding.Deciding()
				text = fmt.Sprintf("Decided by: %s: %s over %s", deciding.Prediction, deciding.Format(c.Estimate), results.Plural(c.Estimate.N, "block"))
				if c.Reason != "" {
					text += " (" + c.Reason + ")"
				}
			}
			all = append(all, sentence{Kind: "verdict " + string(word), Head: strings.TrimSuffix(id+", "+part.Name, ", ") + ": " + string(word), Text: question + text + "."})
			question = ""
		}
	}
	return all
}

// winnerSentences names the winner of each contest in each group of cells that
// differ in the contested knob alone.
func winnerSentences(cells []results.Cell, contests []contest) []sentence {
	knob := contestedKnob(cells)
	var all []sentence
	for _, c := range contests {
		for _, g := range groups(cells, knob) {
			if s, decided := winner(c, g, knob); decided {
				all = append(all, s)
			}
		}
	}
	return all
}

// contestedKnob is the knob whose levels compete: the model if there are several,
// else the way of sending, else whatever varies.
func contestedKnob(cells []results.Cell) string {
	varying := differingKnobs(cells)
	for _, name := range []string{"model", "send"} {
		if slices.Contains(varying, name) {
			return name
		}
	}
	varying = append(slices.DeleteFunc(varying, func(name string) bool { return name == "consumers" }), "consumers")
	return varying[0]
}

// group is cells that agree in all knobs but the contested one.
type group struct {
	setting string // what the cells have in common and other groups have not
	cells   []results.Cell
}

func groups(cells []results.Cell, knob string) []group {
	telling := slices.DeleteFunc(differingKnobs(cells), func(name string) bool { return name == knob })
	var all []group
	for _, c := range cells {
		setting := settingOf(c, telling)
		i := slices.IndexFunc(all, func(g group) bool { return g.setting == setting })
		if i < 0 {
			i, all = len(all), append(all, group{setting: setting})
		}
		all[i].cells = append(all[i].cells, c)
	}
	return all
}

func settingOf(c results.Cell, knobs []string) string {
	parts := make([]string, len(knobs))
	for i, name := range knobs {
		parts[i] = name + "=" + c.Knobs[name]
	}
	return strings.Join(parts, " ")
}

// differingKnobs are those of VaryingKnobs that do vary between the cells.
func differingKnobs(cells []results.Cell) []string {
	return slices.DeleteFunc(results.VaryingKnobs(cells), func(name string) bool {
		return !slices.ContainsFunc(cells, func(c results.Cell) bool { return c.Knobs[name] != cells[0].Knobs[name] })
	})
}

// winner ranks a group by its medians and tells the winner from the next and the last.
func winner(c contest, g group, knob string) (sentence, bool) {
	ranked := slices.DeleteFunc(slices.Clone(g.cells), func(cell results.Cell) bool { return len(c.values[cell.ID].ByBlock) == 0 })
	if len(ranked) < 2 {
		return sentence{}, false
	}
	middle := func(cell results.Cell) float64 { return results.MedianOf(c.values[cell.ID].Values()).Median }
	slices.SortStableFunc(ranked, func(x, y results.Cell) int {
		if c.higher {
			x, y = y, x
		}
		return cmp.Compare(middle(x), middle(y))
	})
	first, last := ranked[0], ranked[len(ranked)-1]
	head := fmt.Sprintf("%s has %s: %s", first.Knobs[knob], c.best, c.format(middle(first)))
	if g.setting != "" {
		head = g.setting + ": " + head
	}
	text := c.against(first, ranked[1], knob)
	if len(ranked) > 2 {
		text += "; " + c.against(first, last, knob)
	}
	return sentence{Kind: winnerKind, Head: head, Text: text + "."}, true
}

// against says how far another cell is from the winner, and how sure that is.
func (c contest) against(first, other results.Cell, knob string) string {
	e := c.values[other.ID].PairedWith(c.values[first.ID]).Ratio
	name := other.Knobs[knob]
	switch {
	case e.N == 0:
		return name + " has no block in common with it"
	case !e.Bounded():
		return fmt.Sprintf("%s has %s × that in %s, too few to be sure", name, results.Significant(e.Median), results.Plural(e.N, "block"))
	case e.Lo <= 1 && 1 <= e.Hi:
		return fmt.Sprintf("%s cannot be told from it: %s × that, interval %s to %s", name, results.Significant(e.Median), results.Significant(e.Lo), results.Significant(e.Hi))
	}
	return fmt.Sprintf("%s has %s × that, interval %s to %s (%.0f %% sure)", name, results.Significant(e.Median), results.Significant(e.Lo), results.Significant(e.Hi), 100*e.Coverage)
}

// outcomeSentences says which cells are not valid.
func outcomeSentences(cells []results.Cell) []sentence {
	where := map[record.Outcome][]string{}
	for _, c := range cells {
		if c.Outcome != record.Valid {
			where[c.Outcome] = append(where[c.Outcome], c.ID)
		}
	}
	var all []sentence
	for _, outcome := range slices.Sorted(maps.Keys(where)) {
		all = append(all, sentence{Kind: "warning", Head: fmt.Sprintf("%d of %s %s", len(where[outcome]), results.Plural(len(cells), "cell"), outcome),
			Text: gravest[gravity(outcome)].meaning + " " + someOf(where[outcome])})
	}
	return all
}

// mostNames is how many cells a text names.
const mostNames = 6

// mostNameRunes is how much of a cell's name a text has.
const mostNameRunes = 64

// someOf lists names, of many the first.
func someOf(all []string) string {
	names := make([]string, len(all))
	for i, name := range all {
		names[i] = shortened(name, mostNameRunes)
	}
	if left := len(names) - mostNames; left > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNames], ", "), left)
	}
	return strings.Join(names, ", ")
}
