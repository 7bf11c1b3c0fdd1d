package verdict

import (
	"fmt"

	"c10klab/experiments"
	"c10klab/results"
)

// compared decides a prediction by one value a block, of which some may be missing.
// A lower bound below the threshold refutes nothing.
func compared(p experiments.Prediction, cells string, values []float64, lowerBounds bool, missing results.Missing) Comparison {
	c := Comparison{Cells: cells, Estimate: results.MedianOf(values), Values: values}
	c.Verdict = results.Decide(c.Estimate, p.Relation, p.Threshold)
	holding, n := 0, len(values)
	for _, v := range values {
		if holds(v, p) {
			holding++
		}
	}
	c.P = results.SignTest(holding, n)
	switch {
	case c.Verdict == results.Refuted && lowerBounds:
		c.Verdict, c.Reason = results.Inconclusive, "saturated trials give lower bounds only"
	case c.Verdict == results.Undecided:
		c.Reason = fmt.Sprintf("%d of at least %d blocks%s", n, results.MinBlocks, missing)
	case c.Verdict == results.Inconclusive:
		c.Reason = stillNeeded(min(holding, n-holding), n)
	}
	return c
}

func holds(v float64, p experiments.Prediction) bool {
	switch p.Relation {
	case ">=":
		return v >= p.Threshold
	case "<=":
		return v <= p.Threshold
	}
	return v == p.Threshold
}

// stillNeeded says how many blocks would decide what some blocks contradict.
func stillNeeded(few, n int) string {
	total := results.BlocksNeeded(few, n)
	if total == 0 {
		return fmt.Sprintf("%d of %d blocks on the other side: more than %d blocks needed", few, n, results.MostBlocks)
	}
	return fmt.Sprintf("%d of %d blocks on the other side: about %d more blocks needed", few, n, total-n)
}

// Condition is what a claim predicts of one quantity that a benchmark measures.
type Condition struct {
	What      string // with its unit
	Relation  results.Relation
	Threshold float64
	Values    []float64 // one a round
}

// JudgeConditions is Judge for a part of a claim that a benchmark decides.
func JudgeConditions(claim, part string, conditions []Condition) []Finding {
	var findings []Finding
	for _, c := range conditions {
		p := experiments.Prediction{Claim: claim, Part: part, Relation: c.Relation, Threshold: c.Threshold}
		findings = append(findings, Finding{p, []Comparison{compared(p, c.What, c.Values, false, results.Missing{})}})
	}
	correctRefutations(findings, claim)
	return findings
}

// correctRefutations takes back those of a claim that Holm's correction over its
// comparisons does not let stand.
func correctRefutations(findings []Finding, claim string) {
	var family []*Comparison
	var p []float64
	for i := range findings {
		if findings[i].Prediction.Claim != claim {
			continue
		}
		for k := range findings[i].Comparisons {
			c := &findings[i].Comparisons[k]
			family, p = append(family, c), append(p, c.P)
		}
	}
	for i, adjusted := range results.Holm(p) {
		c := family[i]
		if c.P = adjusted; c.Verdict == results.Refuted && c.P > results.Alpha {
			c.Verdict = results.Inconclusive
			c.Reason = fmt.Sprintf("one of %d comparisons of the claim, of which chance would refute some: %d blocks needed",
				len(family), blocksAgainst(len(family)))
		}
	}
}

// blocksAgainst is how many blocks, all on one side, refute one comparison of a family.
func blocksAgainst(family int) int {
	n := results.MinBlocks
	for float64(family)*results.SignTest(0, n) > results.Alpha {
		n++
	}
	return n
}
