package evidence

import (
	"path/filepath"
	"testing"

	"c10klab/experiments/internal/fixture"
	"c10klab/experiments/verdict"
	"c10klab/internal/record"
	"c10klab/results"
)

func TestReproductionStandsBesideTheReference(t *testing.T) {
	spec := parsed(t, fixture.SmallSpec)
	held := func() *results.Run {
		return simulated(t, filepath.Join(t.TempDir(), "run"), spec, 8, func(results.PlannedCell, int) (record.Outcome, float64, float64) {
			return record.Valid, 0.99, 1e6
		})
	}
	run := held()
	for _, c := range []struct {
		reference *results.Run
		want      results.Verdict
		text      string
	}{{nil, results.Undecided, "n/a"}, {held(), verdict.Baseline, "0.990 [0.990, 0.990]"}} {
		got, err := Reproduce(spec, spec.Claims, run, c.reference)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].Here != verdict.Baseline || got[0].Reference != c.want || len(got[0].Rows) != 4 || got[0].Rows[0].Reference.Text != c.text {
			t.Errorf("%+v", got)
		}
	}
}
