package verdict

import (
	"path/filepath"
	"strings"
	"testing"

	"c10klab/experiments/internal/fixture"
	"c10klab/internal/record"
	"c10klab/results"
)

// controlledText predicts that tail readers cost writes at most a tenth. What is planted is 5 ms.
var controlledText = strings.Replace(strings.Replace(fixture.SmallSpec, "outcome = \"valid\"\n", "", 1), `metric = "rate_held"
each = true
relation = ">="
threshold = 0.95`, `metric = "ResponseTime/Produce p99"
a = { model = "reactor", consumers = "tail" }
b = { model = "reactor", consumers = "none" }
relation = "<="
threshold = 1.1`, 1) + `
[[controls]]
kind = "positive"
cell = { model = "reactor", consumers = "none" }
planted = { loops = 1 }
metric = "ResponseTime/Produce p99"
difference = true
relation = ">="
threshold = 4_500_000
[[controls]]
kind = "negative"
`

func TestARunWhoseControlsFailDecidesNothing(t *testing.T) {
	for _, c := range []struct {
		name              string
		planted           float64 // ms more, by the planted cell
		least, most, tail float64 // of equal cells, in alternate blocks, and of tail readers
		want              results.Verdict
		reason            string
	}{
		{"both come out", 5, 0.99, 1.01, 1.05, results.Reproduced, "equal cells (A/A) 1"},
		{"refuted, both come out", 5, 0.99, 1.01, 2, results.Refuted, ""},
		{"the planted effect is not found", 1, 0.99, 1.01, 1.05, results.Inconclusive, "the positive control was not found"},
		{"a refutation without the planted effect", 1, 0.99, 1.01, 2, results.Inconclusive, "the positive control was not found"},
		{"equal cells differ", 5, 1.2, 1.3, 1.05, results.Inconclusive, "the negative control differs: equal cells by × 1.25 [1.20, 1.30]"},
		{"equal cells differ less than the margin", 5, 1.02, 1.04, 1.05, results.Reproduced, ""},
		{"a threshold that equal cells reach", 5, 0.9, 1.15, 1.05, results.Reproduced, "the threshold lies inside"},
	} {
		spec := parsed(t, controlledText)
		run := fixture.Run(t, results.Source{}, filepath.Join(t.TempDir(), "run"), spec.ID, spec.Text, cellsOf(t, spec, true), 8,
			func(cell results.PlannedCell, block int) (record.Outcome, float64, float64) {
				ms := 10.0
				if cell.Knobs["consumers"] == "tail" {
					ms *= c.tail
				}
				switch {
				case len(cell.Planted) > 0:
					ms += c.planted
				case cell.TwinOf != "" && block%2 == 0:
					ms *= c.least
				case cell.TwinOf != "":
					ms *= c.most
				}
				return record.Valid, 0.99, ms * 1e6
			})
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

func TestADifferenceIsHeldAgainstAThresholdInTheMetricsUnit(t *testing.T) {
	for excess, want := range map[float64]results.Verdict{0.3: results.Reproduced, 0.8: results.Refuted, -0.2: results.Reproduced} {
		text := strings.Replace(controlledText, `threshold = 1.1`, "threshold = 500_000\ndifference = true", 1)
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
