package verdict

import (
	"path/filepath"
	"strings"
	"testing"

	"c10klab/experiments/internal/fixture"
	"c10klab/internal/record"
	"c10klab/results"
)

func TestARunWhoseControlsFailDecidesNothing(t *testing.T) {
	for _, c := range []struct {
		name                 string
		planted, again, tail float64
		want                 results.Verdict
		reason               string
	}{
		{"both come out", 5, 0.995, 1.05, results.Reproduced, "equal cells (A/A) 1"},
		{"refuted, both come out", 5, 0.995, 2, results.Refuted, ""},
		{"the planted effect is not found", 1, 0.995, 1.05, results.Inconclusive, "the positive control was not found"},
		{"a refutation without the planted effect", 1, 0.995, 2, results.Inconclusive, "the positive control was not found"},
		{"equal cells differ", 5, 1.3, 1.05, results.Inconclusive, "the negative control differs: equal cells by × 1.31 [1.30, 1.31]"},
		{"equal cells differ less than the margin", 5, 1.18, 1.05, results.Reproduced, ""},
		{"a threshold that equal cells reach", 5, 1.095, 1.098, results.Reproduced, "the threshold lies inside, and so cannot be decided here"},
	} {
		spec := parsed(t, fixture.ControlledSpec)
		run := fixture.Run(t, fixture.Source, filepath.Join(t.TempDir(), "run"), spec.ID, spec.Text, cellsOf(t, spec, true), 8,
			fixture.Controlled(c.tail, c.planted, c.again))
		got, deciding := verdictOf(t, spec, run)
		if got != c.want || !strings.Contains(deciding.Reason, c.reason) {
			t.Errorf("%s: %s (%s), want %s (%s)", c.name, got, deciding.Reason, c.want, c.reason)
		}
		judged, err := JudgeRun(run)
		if err != nil || len(judged[0].Controls) != 3 || len(ControlTable(judged[0].Controls).Rows) != 3 {
			t.Errorf("%s: controls %+v, %v; want a planted cell and two repeated ones", c.name, judged[0].Controls, err)
		}
	}
}

// A run of few blocks says of its controls that they are open, not that they failed.
func TestControlsOfFewBlocksAreOpen(t *testing.T) {
	spec := parsed(t, fixture.ControlledSpec)
	run := fixture.Run(t, fixture.Source, filepath.Join(t.TempDir(), "run"), spec.ID, spec.Text, cellsOf(t, spec, true), 3, fixture.Controlled(1.05, 5, 0.995))
	judged, err := JudgeRun(run)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range judged[0].Controls {
		if said, _ := f.Result(); f.Verdict != results.Undecided || !strings.Contains(said, "open") {
			t.Errorf("%s: %s, %q", f.Control, f.Verdict, said)
		}
	}
}

func TestADifferenceIsHeldAgainstAThresholdInTheMetricsUnit(t *testing.T) {
	for excess, want := range map[float64]results.Verdict{0.3: results.Reproduced, 0.8: results.Refuted, -0.2: results.Reproduced} {
		text := strings.Replace(fixture.ControlledSpec, `threshold = 1.1`, "threshold = 500_000\ndifference = true", 1)
		spec := parsed(t, text)
		run := simulated(t, filepath.Join(t.TempDir(), "run"), spec, 8, func(cell results.PlannedCell, block int) (record.Outcome, float64, float64) {
			ms := float64(block)
			if cell.Knobs["consumers"] == "tail" {
				ms += excess
			}
			return record.Valid, 0.99, ms * 1e6
		})
		got, deciding := verdictOf(t, spec, run)
		if got != want {
			t.Errorf("%v ms: %s by %v, want %s", excess, got, deciding.Estimate, want)
		}
		if said := spec.Predictions[0].String(); !strings.HasSuffix(said, "<= 500µs") || !strings.Contains(said, " − ") {
			t.Errorf("the prediction reads %q", said)
		}
	}
}
