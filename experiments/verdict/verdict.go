// Package verdict says what stored runs say: of predictions, of the difference between
// two runs, and of the effect of each axis.
package verdict

import (
	"cmp"
	"fmt"
	"slices"

	"c10klab/experiments"
	"c10klab/results"
)

// Comparison is one prediction looked up in one cell, in one pair of cells, or
// along one row of cells.
type Comparison struct {
	Cells    string // the knobs that tell it from its siblings
	Estimate results.Estimate
	Values   []float64 // that the estimate is of, one a block
	Verdict  results.Verdict
	Reason   string // why, where the interval alone does not say it
	// Then is the verdict by the rules of the run's day, where those of today withhold it.
	Then results.Verdict
	// AllBlocks is the estimate with the percentiles that too few independent samples support
	// taken as they are.
	AllBlocks  results.Estimate
	Clustering results.Clustering // of the samples of percentiles
	// P is the chance of blocks so far on the refuting side if the prediction
	// holds, adjusted by Holm's method over the comparisons of its part.
	P float64
	// AA is by what equal cells differ, of those that were compared, where a ratio is held
	// against a threshold near 1; of no blocks if none was measured twice.
	AA results.Estimate
	// WithLimited is the estimate of every block's first trials, whatever limited them; nil
	// where it is no other.
	WithLimited *results.Estimate
	// Inadmissible: the run may not decide claims, for the reason given.
	Inadmissible bool
}

// Words are the verdict with its reason, if it has one.
func (c Comparison) Words() string {
	if c.Reason == "" {
		return string(c.Verdict)
	}
	return fmt.Sprintf("%s (%s)", c.Verdict, c.Reason)
}

// Finding is what a run says of one prediction.
type Finding struct {
	Prediction  experiments.Prediction
	Comparisons []Comparison
}

// Format prints an estimate of the prediction's metric: its own values with their
// unit, and ratios plainly.
func (f Finding) Format(e results.Estimate) string {
	if !f.Prediction.Each && !f.Prediction.Difference || e.N == 0 {
		return e.String()
	}
	metric := f.Prediction.Metric
	if !e.Bounded() {
		return results.Format(metric, e.Median)
	}
	return fmt.Sprintf("%s [%s, %s]", results.Format(metric, e.Median), results.Format(metric, e.Lo), results.Format(metric, e.Hi))
}

// WithLimited says what a comparison would rest on had no trial been thrown out for the
// generator's or the environment's sake; empty where that is the same.
func (f Finding) WithLimited(c Comparison) string {
	if c.WithLimited == nil {
		return ""
	}
	return fmt.Sprintf("with limited trials: %s of %s", f.Format(*c.WithLimited), results.Plural(c.WithLimited.N, "block"))
}

func (f Finding) Verdict() results.Verdict {
	verdicts := make([]results.Verdict, len(f.Comparisons))
	for i, c := range f.Comparisons {
		verdicts[i] = c.Verdict
	}
	return Together(verdicts)
}

// Deciding returns the comparison that is nearest to failing.
func (f Finding) Deciding() Comparison {
	return slices.MinFunc(f.Comparisons, func(a, b Comparison) int {
		if order := cmp.Compare(severity(b.Verdict), severity(a.Verdict)); order != 0 {
			return order
		}
		if f.Prediction.Relation == "<=" {
			return cmp.Compare(b.Estimate.Median, a.Estimate.Median)
		}
		return cmp.Compare(a.Estimate.Median, b.Estimate.Median)
	})
}

// gravest lists verdicts so that the first one present decides a conjunction.
var gravest = []results.Verdict{results.Refuted, results.Undecided, results.Inconclusive, results.Reproduced}

func severity(v results.Verdict) int { return len(gravest) - slices.Index(gravest, v) }

// Together is the verdict of a conjunction; of none, it is open.
func Together(verdicts []results.Verdict) results.Verdict {
	for _, v := range gravest {
		if slices.Contains(verdicts, v) {
			return v
		}
	}
	return results.Undecided
}

// The words for what became of a part, beside those of a prediction.
const (
	Answered results.Verdict = "answered" // a question, whatever the answer is
	Conforms results.Verdict = "conforms" // structure is as it should be
	Baseline results.Verdict = "baseline" // what hardly can fail did not
	Mixed    results.Verdict = "mixed"    // runs of the same prediction say different things
)

// Concerning are the findings that say something of a part of a claim.
func Concerning(claim, part string, findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool {
		return f.Prediction.Claim != claim || f.Prediction.Part != part || len(f.Comparisons) == 0
	})
}

// OfPart is the word for a part of a claim by the findings that concern it, and the one
// among them that decides it; false when none does, and then the part is open, or is what
// its kind says.
func OfPart(claim string, part experiments.Part, findings []Finding) (word results.Verdict, deciding Finding, concerned bool) {
	own := Concerning(claim, part.Name, findings)
	verdicts := make([]results.Verdict, len(own))
	for i, f := range own {
		verdicts[i] = f.Verdict()
	}
	if len(own) == 0 {
		if !part.Decidable() {
			return results.Verdict(part.Kind), Finding{}, false
		}
		return results.Undecided, Finding{}, false
	}
	word = Together(verdicts)
	deciding = own[slices.Index(verdicts, word)]
	switch {
	case part.Kind == experiments.Retired:
		word = results.Verdict(part.Kind)
	case deciding.Deciding().Then != "": // withheld
	case part.Kind == experiments.Question && word != results.Undecided:
		word = Answered
	case part.Kind == experiments.Structure && word == results.Reproduced:
		word = Conforms
	case part.Kind == experiments.Baseline && word == results.Reproduced:
		word = Baseline
	}
	return word, deciding, true
}

// BlocksAreFixed is what to know of a comparison that its blocks leave undecided.
const BlocksAreFixed = "how many is fixed before a run, and a new run is a new occasion in the ledger"

// sensitivity is the estimate of all blocks where it is another than the one that decides.
func (c Comparison) sensitivity(f Finding) string {
	if c.AllBlocks.N == c.Estimate.N {
		return "the same"
	}
	return fmt.Sprintf("%s of %d", f.Format(c.AllBlocks), c.AllBlocks.N)
}

// Table has a row for each comparison.
func Table(findings []Finding) results.Table {
	t := results.Table{Kind: "predictions", Title: "Predictions", Columns: []results.Column{{Name: "claim"}, {Name: "prediction"}, {Name: "cells"},
		{Name: "median [interval]", Number: true, Meaning: "over blocks; the exact interval by order statistics"}, {Name: "blocks", Number: true, Meaning: BlocksAreFixed},
		{Name: "of all blocks", Number: true, Meaning: "the same with the blocks that the verdict leaves out because too few independent samples support a percentile"}, {Name: "verdict"}}}
	for _, f := range findings {
		for _, c := range f.Comparisons {
			word := c.Words()
			if with := f.WithLimited(c); with != "" {
				word += "; " + with
			}
			t.Add(string(c.Verdict), f.Prediction.Decides(), f.Prediction, c.Cells, results.NumberValue(f.Format(c.Estimate), c.Estimate.Median), c.Estimate.N, c.sensitivity(f), word)
		}
	}
	return t
}
