package evidence

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/internal/record"
	"c10klab/results"
)

// found is one comparison of a part.
func found(claim experiments.Claim, part int, v results.Verdict, reason string, inadmissible bool) []evidence {
	c := verdict.Comparison{Cells: "model=reactor", Estimate: results.MedianOf([]float64{1, 2, 3, 4, 5, 6, 7, 8}), Verdict: v, Reason: reason, Inadmissible: inadmissible}
	return []evidence{{spec: &experiments.Spec{ID: "x"}, dir: "x", run: &results.Run{}, findings: []verdict.Finding{{
		Prediction:  experiments.Prediction{Claim: claim.ID, Part: claim.Parts[part].Name, Relation: ">=", Threshold: 5},
		Comparisons: []verdict.Comparison{c}}}}}
}

func register(t *testing.T) map[string]experiments.Claim {
	t.Helper()
	claims, err := experiments.Claims()
	if err != nil {
		t.Fatal(err)
	}
	register := map[string]experiments.Claim{}
	for _, c := range claims {
		register[c.ID] = c
	}
	return register
}

func TestContentsSayVerdictsAndWhatIsMissing(t *testing.T) {
	register := register(t)
	specs, err := experiments.Specs()
	if err != nil {
		t.Fatal(err)
	}
	const page, tests = "[x](x/README.md)", "[tests](#claims-that-tests-decide)"
	for name, c := range map[string]struct {
		claim         string
		part          int
		v             results.Verdict // of the run; empty: there is none
		reason        string
		inadmissible  bool
		verdict, page string
	}{
		"reproduced":    {"N21", 0, results.Reproduced, "", false, "reproduced", page},
		"inconclusive":  {"N21", 0, results.Inconclusive, "5 of 8 blocks on the predicted side, 3 on the other", false, "inconclusive (5 of 8 blocks on the predicted side, 3 on the other)", page},
		"few blocks":    {"N21", 0, results.Undecided, "3 of at least 8 blocks", false, "open", page},
		"inadmissible":  {"N21", 0, results.Undecided, "", true, "open (the run is not admissible)", page},
		"a question":    {"N16", 0, results.Refuted, "", false, "answered", page},
		"a baseline":    {"M8", 0, results.Reproduced, "", false, "open (availability is not run)", page},
		"structure":     {"K6", 0, results.Reproduced, "", false, "conforms", page},
		"of tests":      {"K2", 0, "", "", false, "conforms", tests},
		"not run":       {"N5", 0, "", "", false, "open", "[not run](experiments/specs/thread-per-send.toml)"},
		"no experiment": {"N24", 0, "", "", false, "open", none},
		"not here":      {"M2", 1, "", "", false, "not measurable here: a machine with eight cores or more", none},
	} {
		var all []evidence
		if c.v != "" {
			all = found(register[c.claim], c.part, c.v, c.reason, c.inadmissible)
		}
		row := rowOf(register[c.claim], register[c.claim].Parts[c.part], specs, all, measuredEvidence{}, ledgers{})
		if row.verdict != c.verdict || row.page != c.page {
			t.Errorf("%s: verdict %q, page %q; want %q, %q", name, row.verdict, row.page, c.verdict, c.page)
		}
	}
}

// One part that is not decided hides no other.
func TestEveryPartHasARowInTheRegistersOrder(t *testing.T) {
	claims, err := experiments.Claims()
	if err != nil {
		t.Fatal(err)
	}
	text := contents(claims, nil, found(register(t)["N2"], 2, results.Reproduced, "", false), measuredEvidence{}, ledgers{})
	rows := strings.Split(strings.Split(text, "\n\n")[0], "\n")[2:]
	next := func() string {
		if len(rows) == 0 {
			t.Fatal("a row is missing")
		}
		row := rows[0]
		rows = rows[1:]
		return row
	}
	for _, claim := range claims {
		first := next()
		if !strings.HasPrefix(first, "| **"+claim.ID+"** | ") || !strings.Contains(first, claim.Question) {
			t.Errorf("row %q is not that of %s", first, claim.ID)
		}
		if claim.ID == "N2" && !strings.Contains(first, "*1 of 9 parts decided*") {
			t.Errorf("N2 is summed up so: %s", first)
		}
		for _, part := range claim.Parts {
			if row := ""; len(claim.Parts) > 1 {
				if row = next(); !strings.HasPrefix(row, "|  | "+part.Name+" | ") {
					t.Errorf("row %q is not that of %s, %s", row, claim.ID, part.Name)
				}
			}
		}
	}
	if len(rows) > 0 {
		t.Errorf("rows of no claim: %q", rows)
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
		if err := os.WriteFile(filepath.Join(results.PlotsDir(run.Dir), "write-100mbs-"+kind+".svg"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	doc := filepath.Join(dir, "EXPERIMENTS.md")
	if err := os.WriteFile(doc, []byte("# Experiments\n\nBy hand.\n\n"+beginMarker("contents")+"\nOUTDATED\n"+endMarker("contents")+"\n\nMore by hand.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	changed, err := UpdateDocuments(doc, reference)
	page := filepath.Join(reference, "write-100mbs", "README.md")
	if err != nil || !slices.Equal(changed, []string{doc, page, filepath.Join(dir, "docs", "validity.md")}) {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	var text []byte
	for _, path := range changed[:2] {
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, written...)
	}
	for _, part := range []string{
		"By hand.", "More by hand.",
		"| **N24** | Can one command name the stage and cause that dominate a slow time window? | – | – | – | – | open | – |",
		"|  | rate held | rate_held 0.990 [0.990, 0.990] (of 12) | >= 0.95 | 8 (99.2 %) | – | baseline | [write-100mbs](results/reference/write-100mbs/README.md) 2023-11-14 |",
		"| **K2** | Do callbacks of in-flight responses run only after the response was sent? | – | – | – | – | conforms | [tests](#claims-that-tests-decide) |",
		"`go test ./models -run '^TestCallbacksComeInRequestOrderAfterSending$'`",
		"![write-100mbs-tail.svg](plots/write-100mbs-tail.svg)",
		"| N15: rate held | rate_held >= 0.95 in each cell, outcome valid | consumers=tail model=reactor | 0.990 [0.990, 0.990] | 8 | the same | reproduced |",
		"| M1 | threads/net = 1 in each cell with model=reactor |",
		"a coverage of 99.2 % with 8 blocks.", "`c10klab run write-100mbs --full`",
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the document lacks %q", part)
		}
	}
	if tail, stages := strings.Index(string(text), "write-100mbs-tail.svg]"), strings.Index(string(text), "write-100mbs-stages.svg]"); tail < 0 || stages < tail {
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

// What was measured is told in words, too.
func TestEveryDecidedClaimHasAnAnswer(t *testing.T) {
	text, err := os.ReadFile("../../EXPERIMENTS.md")
	if err != nil {
		t.Fatal(err)
	}
	var answered []string
	for _, heading := range regexp.MustCompile(`(?m)^### ([A-Z0-9, ]+): `).FindAllStringSubmatch(string(text), -1) {
		answered = append(answered, strings.Split(heading[1], ", ")...)
	}
	var decided []string
	row := regexp.MustCompile(`(?m)^\| (?:\*\*(\w+)\*\*)? \| (.*) \|$`)
	id := ""
	for _, r := range row.FindAllStringSubmatch(string(text), -1) {
		id = cmp.Or(r[1], id)
		words := regexp.MustCompile(` \| (reproduced|refuted|answered|conforms|baseline|inconclusive|open \(no provenance)`)
		if words.MatchString(r[2]) && !slices.Contains(decided, id) {
			decided = append(decided, id)
		}
	}
	slices.Sort(answered)
	slices.Sort(decided)
	if len(decided) == 0 || !slices.Equal(slices.Compact(answered), decided) {
		t.Errorf("answers to %v, and decided are %v", answered, decided)
	}
}
