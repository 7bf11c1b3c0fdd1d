package verdict

import (
	"fmt"
	"maps"
	"slices"

	"c10klab/experiments"
	"c10klab/results"
)

// partOf is a part of a claim: its comparisons are one family, whichever specs make them.
type partOf struct{ claim, part string }

func decidedBy(p experiments.Prediction) partOf { return partOf{p.Claim, p.Part} }

// correctRefutations takes back those that Holm's correction over the comparisons of their
// part does not let stand. Comparisons that are lacking count as if they could not be
// refuted, so that a run's verdict does not depend on what others found.
func correctRefutations(findings []Finding, lacking map[partOf]int) {
	families := map[partOf][]*Comparison{}
	for i, f := range findings {
		for k := range f.Comparisons {
			families[decidedBy(f.Prediction)] = append(families[decidedBy(f.Prediction)], &findings[i].Comparisons[k])
		}
	}
	for of, family := range families {
		p := slices.Repeat([]float64{1}, len(family)+lacking[of])
		for i, c := range family {
			p[i] = c.P
		}
		adjusted := results.Holm(p)
		for i, c := range family {
			if c.P = adjusted[i]; c.Verdict == results.Refuted && c.P > results.Alpha {
				c.Verdict, c.Reason = results.Inconclusive, fmt.Sprintf("one of %d comparisons of the part, of which chance would refute some", len(p))
			}
		}
	}
}

// specsWith are all specs, and one of a run that may not be among them.
func specsWith(own *experiments.Spec) ([]*experiments.Spec, error) {
	specs, err := experiments.Specs()
	if err == nil && !slices.ContainsFunc(specs, func(s *experiments.Spec) bool { return s.ID == own.ID }) {
		specs = append(specs, own)
	}
	return specs, err
}

// Families says of each prediction of a spec how many comparisons its part has, over all specs.
func Families(own *experiments.Spec) ([]int, error) {
	specs, err := specsWith(own)
	if err != nil {
		return nil, err
	}
	planned := map[partOf]int{}
	for _, s := range specs {
		for _, p := range s.Predictions {
			planned[decidedBy(p)] += plannedComparisons(s, p)
		}
	}
	families := make([]int, len(own.Predictions))
	for i, p := range own.Predictions {
		families[i] = planned[decidedBy(p)]
	}
	return families, nil
}

// lackingComparisons counts for each part those that the specs fix and the findings of one
// of them lack.
func lackingComparisons(own *experiments.Spec, findings []Finding) (map[partOf]int, error) {
	specs, err := specsWith(own)
	if err != nil {
		return nil, err
	}
	lacking, decided := map[partOf]int{}, map[partOf]bool{}
	for _, f := range findings {
		decided[decidedBy(f.Prediction)] = true
	}
	for _, s := range specs {
		for _, p := range s.Predictions {
			if of := decidedBy(p); decided[of] {
				made := 0
				for _, f := range findings {
					if s.ID == own.ID && f.Prediction.Same(p) {
						made = len(f.Comparisons)
					}
				}
				lacking[of] += max(0, plannedComparisons(s, p)-made)
			}
		}
	}
	return lacking, nil
}

// plannedComparisons is how many comparisons a prediction's full variant makes.
func plannedComparisons(spec *experiments.Spec, p experiments.Prediction) int {
	var j judge
	for _, knobs := range spec.FullCells() {
		j.cells = append(j.cells, results.Cell{Knobs: knobs})
	}
	if p.Along != "" {
		return len(j.rows(p.Along, p.Where))
	}
	n := 0
	for _, a := range j.cells {
		twin := maps.Clone(a.Knobs)
		maps.Copy(twin, p.B)
		switch {
		case p.Each && experiments.Matches(a.Knobs, p.Where):
			n++
		case !p.Each && experiments.Matches(a.Knobs, p.A) && slices.ContainsFunc(j.cells, func(b results.Cell) bool { return maps.Equal(b.Knobs, twin) }):
			n++
		}
	}
	return n
}
