package evidence

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/internal/record"
	"c10klab/results"
)

// found is one comparison of a claim.
func found(claim string, v results.Verdict, reason string, inadmissible bool) []evidence {
	c := verdict.Comparison{Cells: "model=reactor", Estimate: results.MedianOf([]float64{1, 2, 3, 4, 5, 6, 7, 8}), Verdict: v, Reason: reason, Inadmissible: inadmissible}
	return []evidence{{spec: &experiments.Spec{ID: "x"}, run: &results.Run{}, findings: []verdict.Finding{{Prediction: experiments.Prediction{Claim: claim}, Comparisons: []verdict.Comparison{c}}}}}
}

func TestContentsSayVerdictsAndWhatIsMissing(t *testing.T) {
	claims, err := experiments.Claims()
	if err != nil {
		t.Fatal(err)
	}
	register := map[string]experiments.Claim{}
	for _, c := range claims {
		register[c.ID] = c
	}
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
		verdict, _, figure := claimResult(register["K2"], c.all)
		if verdict != c.verdict || figure != c.figure {
			t.Errorf("%s: verdict %q, figure %q; want %q, %q", name, verdict, figure, c.verdict, c.figure)
		}
	}
	if verdict, ratio, figure := claimResult(register["N24"], nil); verdict != "open" || ratio != none || figure != none {
		t.Errorf("a claim without a run or a test reads %s, %s, %s", verdict, ratio, figure)
	}
}

func TestEveryClaimHasARowInTheRegistersOrder(t *testing.T) {
	claims, err := experiments.Claims()
	if err != nil {
		t.Fatal(err)
	}
	specs, err := experiments.Specs()
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

func TestDocumentIsGeneratedBetweenItsMarkers(t *testing.T) {
	specs, err := experiments.Specs()
	if err != nil {
		t.Fatal(err)
	}
	specs, err = experiments.Select(specs, []string{"write-100mbs"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	reference := filepath.Join(dir, "results", "reference")
	run := simulated(t, filepath.Join(reference, "write-100mbs"), specs[0], 8, func(results.PlannedCell, int) (record.Outcome, float64, float64) {
		return record.Valid, 0.99, 1e6
	})
	if err := os.MkdirAll(results.PlotsDir(run.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"stages", "tail"} {
		if err := os.WriteFile(filepath.Join(results.PlotsDir(run.Dir), "write-100mbs-"+kind+".png"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	doc := filepath.Join(dir, "EXPERIMENTS.md")
	if err := os.WriteFile(doc, []byte("# Experiments\n\nBy hand.\n\n"+beginMarker("contents")+"\nOUTDATED\n"+endMarker("contents")+"\n\nMore by hand.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	changed, err := UpdateDocuments(doc, reference)
	page := filepath.Join(reference, "write-100mbs", "README.md")
	if err != nil || !slices.Equal(changed, []string{doc, page}) {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	var text []byte
	for _, path := range changed {
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, written...)
	}
	for _, part := range []string{
		"By hand.", "More by hand.",
		"| N24 | Can one command name the stage and cause that dominate a slow time window? | open | – | – | – |",
		"| reproduced | 0.990 [0.990, 0.990] | [p99, p999](results/reference/write-100mbs/plots/write-100mbs-tail.png) | [write-100mbs](experiments/specs/write-100mbs.toml) |",
		"| K2 | Do callbacks of in-flight responses run only after the response was sent? | reproduced | – | [TestCallbacksComeInRequestOrderAfterSending](models/conformance_test.go) | – |",
		"`go test ./models -run '^TestCallbacksComeInRequestOrderAfterSending$'`",
		"![write-100mbs-tail.png](plots/write-100mbs-tail.png)",
		"| N15 | rate_held >= 0.95 in each cell, outcome valid | consumers=tail model=reactor | 0.990 [0.990, 0.990] | 8 | reproduced |",
		"| M1 | threads/net = 1 in each cell with model=reactor |",
		"(8 blocks: smallest to largest, 99.2 %)", "`c10klab run write-100mbs --full`",
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the document lacks %q", part)
		}
	}
	if tail, stages := strings.Index(string(text), "write-100mbs-tail.png]"), strings.Index(string(text), "write-100mbs-stages.png]"); tail < 0 || stages < tail {
		t.Errorf("the figures' order: tail at %d, stages at %d", tail, stages)
	}
	if strings.Contains(string(text), "OUTDATED") {
		t.Error("the old part is still there")
	}
	if changed, err := UpdateDocuments(doc, reference); err != nil || changed != nil {
		t.Errorf("a second update: changed %v, error %v; want neither", changed, err)
	}
	if err := os.WriteFile(doc, []byte(beginMarker("contents")), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := UpdateDocuments(doc, reference); err == nil {
		t.Error("a document with half a pair of markers was rewritten")
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}
