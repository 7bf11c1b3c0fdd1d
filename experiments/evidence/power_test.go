package evidence

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/experiments/internal/fixture"
	"c10klab/experiments/verdict"
	"c10klab/internal/record"
	"c10klab/results"
)

// What blocks resolve comes of the scatter of the same comparison in the stored run, of the
// same metric where the run lacks the cells, and of nothing else.
func TestResolutionsComeOfStoredScatter(t *testing.T) {
	ratio := func(metric, a, b string) string {
		return "[[predictions]]\nclaim=\"N15\"\npart=\"rate held\"\nmetric=\"" + metric + "\"\na={model=\"" + a + "\"}\nb={model=\"" + b + "\"}\nrelation=\">=\"\nthreshold=1\n"
	}
	small := strings.Split(fixture.SmallSpec, "[[predictions]]")[0]
	predictions := ratio("ResponseTime/Produce p99", "loop-per-thread", "reactor") + ratio("ResponseTime/Produce p99", "reactor-pool", "reactor") + ratio("rate_mb_s", "reactor-pool", "reactor")
	reference := t.TempDir()
	run := simulated(t, filepath.Join(reference, "small"), parsed(t, small), 8, func(c results.PlannedCell, block int) (record.Outcome, float64, float64) {
		p99 := 1e7 * float64(block) // common to both, which pairing takes out
		if c.Knobs["model"] == "loop-per-thread" && block%2 == 0 {
			p99 *= 2
		}
		return record.Valid, 1, p99
	})
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	plan := func(id string, repeats int) *experiments.Plan {
		text := strings.Replace(small, `model = ["reactor", "loop-per-thread"]`, `model = ["reactor", "loop-per-thread", "reactor-pool"]`, 1)
		p, err := experiments.NewPlan(experiments.PlanConfig{Specs: []*experiments.Spec{parsed(t, strings.Replace(text, `"small"`, `"`+id+`"`, 1)+predictions)}, Repeats: repeats,
			Tables: experiments.KnobTables{Server: fixture.ServerKnobs(), Load: fixture.LoadKnobs(), Disk: fixture.DiskKnobs()}})
		if err == nil {
			err = Resolve(p, reference)
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	got := plan("small", 16).Experiments[0].Resolutions
	if len(got) != 3 || got[0] == nil || got[1] == nil || got[2] != nil {
		t.Fatalf("resolutions %+v", got)
	}
	want := math.Ln2 * math.Sqrt(8.0/7) / 2 // half of the blocks on either side
	if r := got[0]; math.Abs(r.SD-want) > 0.01 || r.Plain || r.Scatter != "8 blocks of 2023-11-14" || math.Abs(math.Log(r.Half)/r.SD-results.Resolvable(16, 0.5)) > 1e-9 || r.Ninety <= r.Half {
		t.Errorf("%+v, want an sd of %v", r, want)
	}
	if r := got[1]; r.SD != got[0].SD || r.Scatter != "same metric, 8 blocks of 2023-11-14" {
		t.Errorf("of other cells %+v", r)
	}
	// All three are of one part, which another experiment has comparisons of too.
	planned := plan("small", 8).Experiments[0]
	families, err := verdict.Families(planned.Spec)
	if err != nil || len(families) != 3 || families[0] <= 3 || families[1] != families[0] {
		t.Errorf("comparisons of the predictions' parts: %v, %v", families, err)
	}
	if want := results.BlocksToRefute(families[0]); !slices.Equal(planned.BlocksToRefute, []int{want, want, want}) {
		t.Errorf("blocks to refute one comparison: %v, want %d", planned.BlocksToRefute, want)
	}
	// Of twelve 2⁻⁸ twelve times is below 5 %, of thirteen it is not.
	if got := results.BlocksToRefute(12); got != 8 {
		t.Errorf("one of twelve: %d blocks", got)
	}
	if got := results.BlocksToRefute(13); got != 9 {
		t.Errorf("one of thirteen: %d blocks", got)
	}
	for name, p := range map[string]*experiments.Plan{"fewer blocks than a verdict takes": plan("small", 7), "no stored run": plan("other", 16)} {
		if r := p.Experiments[0].Resolutions; len(r) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
