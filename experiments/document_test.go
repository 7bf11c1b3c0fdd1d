package experiments

import (
	"strings"
	"testing"

	"c10klab/results"
)

// found is one comparison of a claim.
func found(claim string, verdict results.Verdict, reason string, inadmissible bool) []evidence {
	c := Comparison{Cells: "model=reactor", Estimate: results.MedianOf([]float64{1, 2, 3, 4, 5, 6, 7, 8}), Verdict: verdict, Reason: reason, Inadmissible: inadmissible}
	return []evidence{{spec: &Spec{ID: "x"}, run: &results.Run{}, findings: []Finding{{Prediction: Prediction{Claim: claim}, Comparisons: []Comparison{c}}}}}
}

func TestContentsSayVerdictsAndWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		all             []evidence
		verdict, figure string
	}{
		"reproduced":   {found("K2", results.Reproduced, "", false), "reproduced", none},
		"inconclusive": {found("K2", results.Inconclusive, "3 of 8 blocks on the other side: about 5 more blocks needed", false), "inconclusive (3 of 8 blocks on the other side: about 5 more blocks needed)", none},
		"few blocks":   {found("K2", results.Undecided, "3 of at least 8 blocks", false), "open", none},
		"inadmissible": {found("K2", results.Undecided, "", true), "open (the run is not admissible)", none},
		"of a test":    {found("N1", results.Reproduced, "", false), "reproduced", "[TestCallbacksComeInRequestOrderAfterSending](models/conformance_test.go)"},
	} {
		verdict, _, figure := claimResult("K2", c.all)
		if verdict != c.verdict || figure != c.figure {
			t.Errorf("%s: verdict %q, figure %q; want %q, %q", name, verdict, figure, c.verdict, c.figure)
		}
	}
	if verdict, ratio, figure := claimResult("N24", nil); verdict != "open" || ratio != none || figure != none {
		t.Errorf("a claim without a run or a test reads %s, %s, %s", verdict, ratio, figure)
	}
}

func TestEveryClaimHasARowInTheRegistersOrder(t *testing.T) {
	claims, err := Claims()
	if err != nil {
		t.Fatal(err)
	}
	specs, err := Specs()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(contents(claims, specs, nil, measuredEvidence{})), "\n")
	if len(lines) != 2+len(claims) {
		t.Fatalf("%d lines for %d claims", len(lines), len(claims))
	}
	for i, claim := range claims {
		if columns := strings.Split(lines[2+i], " | "); len(columns) != 6 || columns[0] != "| "+claim.ID || columns[1] != claim.Question {
			t.Errorf("row %q is not that of %s", lines[2+i], claim.ID)
		}
	}
}
