package verdict

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/experiments/internal/fixture"
	"c10klab/internal/record"
	"c10klab/results"
)

func verdictOf(t *testing.T, spec *experiments.Spec, run *results.Run) (results.Verdict, Comparison) {
	t.Helper()
	findings, err := Judge(spec, run)
	if err != nil {
		t.Fatal(err)
	}
	verdict, deciding, found := OfPart(claimAlone, experiments.Part{Name: partAlone, Kind: experiments.Assertion}, findings)
	if !found {
		t.Fatal("no finding concerns the claim")
	}
	return verdict, deciding.Deciding()
}

// No committed spec predicts this part, so that those of the tests are its whole family.
const claimAlone, partAlone = "M2", "size on more cores"

func alone(text string) string {
	return strings.NewReplacer(`"N15"`, `"`+claimAlone+`"`, `"rate held"`, `"`+partAlone+`"`).Replace(text)
}

func TestEveryCellMustMeetAPrediction(t *testing.T) {
	spec := parsed(t, fixture.SmallSpec)
	only := func(cell results.PlannedCell) bool { return cell.ID == "small.loop-per-thread.tail" }
	cases := []struct {
		name    string
		blocks  int
		measure fixture.OutcomeAt
		want    results.Verdict
	}{
		{"all hold", 8, func(results.PlannedCell, int) (record.Outcome, float64, float64) { return record.Valid, 0.99, 1e6 }, results.Reproduced},
		{"too few blocks", 7, func(results.PlannedCell, int) (record.Outcome, float64, float64) { return record.Valid, 0.99, 1e6 }, results.Undecided},
		{"one saturated", 8, func(c results.PlannedCell, _ int) (record.Outcome, float64, float64) {
			if only(c) {
				return record.Saturated, 0.80, 1e9
			}
			return record.Valid, 0.99, 1e6
		}, results.Refuted},
		{"one astride the threshold", 8, func(c results.PlannedCell, block int) (record.Outcome, float64, float64) {
			if only(c) && block == 3 {
				return record.Valid, 0.94, 1e6
			}
			return record.Valid, 0.99, 1e6
		}, results.Inconclusive},
		{"one never measured rightly", 8, func(c results.PlannedCell, _ int) (record.Outcome, float64, float64) {
			if only(c) {
				return record.GeneratorLimited, 0.99, 1e6
			}
			return record.Valid, 0.99, 1e6
		}, results.Undecided},
	}
	for _, c := range cases {
		run := simulated(t, filepath.Join(t.TempDir(), "run"), spec, c.blocks, c.measure)
		verdict, deciding := verdictOf(t, spec, run)
		if verdict != c.want {
			t.Errorf("%s: %s, want %s", c.name, verdict, c.want)
		}
		if c.want == results.Refuted && deciding.Cells != "consumers=tail model=loop-per-thread" {
			t.Errorf("%s: decided by %q", c.name, deciding.Cells)
		}
	}
}

func TestRatiosPairCellsThatAgreeInAllElse(t *testing.T) {
	text := strings.Split(fixture.SmallSpec, "[[predictions]]")[0]
	oneModel := strings.Replace(text, `["reactor", "loop-per-thread"]`, `["reactor"]`, 1)
	cases := []struct {
		name     string
		relation string
		tail     record.Outcome // of the cells with tail consumers, the numerator
		none     record.Outcome
		want     results.Verdict
	}{
		{"four times worse", ">= 3", record.Valid, record.Valid, results.Reproduced},
		{"not five times worse", ">= 5", record.Valid, record.Valid, results.Refuted},
		{"a lower bound suffices", ">= 3", record.Saturated, record.Valid, results.Reproduced},
		{"a lower bound refutes nothing", ">= 5", record.Saturated, record.Valid, results.Inconclusive},
		{"a lower bound shows no upper limit", "<= 5", record.Saturated, record.Valid, results.Undecided},
		{"nor does one in the denominator", ">= 3", record.Valid, record.Saturated, results.Undecided},
		{"which is an upper limit of the ratio", "<= 5", record.Valid, record.Saturated, results.Reproduced},
		{"and refutes nothing", "<= 3", record.Valid, record.Saturated, results.Inconclusive},
		{"two bounds bound nothing", "<= 5", record.Saturated, record.Saturated, results.Undecided},
	}
	for _, c := range cases {
		relation, threshold, _ := strings.Cut(c.relation, " ")
		spec := parsed(t, oneModel+fmt.Sprintf("[[predictions]]\nclaim=\"N15\"\npart=\"rate held\"\nmetric=\"ResponseTime/Produce p99\"\n"+
			"a={consumers=\"tail\"}\nb={consumers=\"none\"}\nrelation=%q\nthreshold=%s\n", relation, threshold))
		run := simulated(t, filepath.Join(t.TempDir(), "run"), spec, 8, func(cell results.PlannedCell, block int) (record.Outcome, float64, float64) {
			if cell.Knobs["consumers"] == "tail" {
				return c.tail, 1, 4e6 * float64(block)
			}
			return c.none, 1, 1e6 * float64(block)
		})
		verdict, deciding := verdictOf(t, spec, run)
		if verdict != c.want {
			t.Errorf("%s: %s (%v), want %s", c.name, verdict, deciding.Estimate, c.want)
		}
	}
}

func TestEachPairOfTwinsIsCompared(t *testing.T) {
	spec := parsed(t, strings.Split(fixture.SmallSpec, "[[predictions]]")[0]+"[[predictions]]\nclaim=\"N15\"\npart=\"rate held\"\nmetric=\"rate_mb_s\"\n"+
		"a={consumers=\"tail\"}\nb={consumers=\"none\"}\nrelation=\"<=\"\nthreshold=1\n")
	run := simulated(t, filepath.Join(t.TempDir(), "run"), spec, 1, func(results.PlannedCell, int) (record.Outcome, float64, float64) {
		return record.Valid, 1, 1e6
	})
	findings, err := Judge(spec, run)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, c := range findings[0].Comparisons {
		pairs = append(pairs, c.Cells)
	}
	if want := []string{"model=reactor", "model=loop-per-thread"}; !slices.Equal(pairs, want) {
		t.Errorf("pairs %v, want %v", pairs, want)
	}
}

// A claim with many comparisons is not refuted by one that chance refutes.
func TestARefutationWithstandsHolm(t *testing.T) {
	for _, c := range []struct {
		cells int // each with a level of its own
		want  results.Verdict
	}{{12, results.Refuted}, {13, results.Inconclusive}} {
		var levels []string
		for i := range c.cells {
			levels = append(levels, fmt.Sprint(i+1))
		}
		text := strings.Replace(fixture.SmallSpec, "model = [\"reactor\", \"loop-per-thread\"]\nconsumers = [\"none\", \"tail\"]", "loops = ["+strings.Join(levels, ",")+"]", 1)
		spec := parsed(t, strings.Replace(text, "outcome = \"valid\"\n", "", 1))
		run := simulated(t, filepath.Join(t.TempDir(), "run"), spec, 8, func(cell results.PlannedCell, _ int) (record.Outcome, float64, float64) {
			if cell.Knobs["loops"] == "3" {
				return record.Valid, 0.5, 1e6
			}
			return record.Valid, 0.99, 1e6
		})
		verdict, deciding := verdictOf(t, spec, run)
		if verdict != c.want {
			t.Errorf("one of %d comparisons: %s, want %s (%s)", c.cells, verdict, c.want, deciding.Reason)
		}
		if c.want == results.Inconclusive && !strings.Contains(deciding.Reason, "one of 13 comparisons of the part, of which chance would refute some") {
			t.Errorf("reason %q", deciding.Reason)
		}
	}
}

// What other specs compare for a part, and what of its own spec a run left out, is in the
// family that chance has to be corrected for.
func TestAFamilyIsAllComparisonsOfAPart(t *testing.T) {
	twelve := strings.Replace(fixture.SmallSpec, "model = [\"reactor\", \"loop-per-thread\"]\nconsumers = [\"none\", \"tail\"]", "loops = [1,2,3,4,5,6,7,8,9,10,11,12]", 1)
	twelve = strings.Replace(twelve, "outcome = \"valid\"\n", "", 1)
	thirteen := strings.Replace(twelve, "11,12]", "11,12,13]", 1)
	other := fmt.Sprintf("[[predictions]]\nclaim=%q\npart=%q\nmetric=\"rate_mb_s\"\nwhere={loops=1}\neach=true\nrelation=\">=\"\nthreshold=1\n", claimAlone, "mechanism here")
	for name, c := range map[string]struct {
		spec  *experiments.Spec
		cells int // of those planned
		want  results.Verdict
	}{
		"the run's own":            {parsed(t, twelve), 12, results.Refuted},
		"another part":             {parsed(t, twelve+other), 12, results.Refuted},
		"cells that were left out": {parsed(t, thirteen), 12, results.Inconclusive},
		"those of another spec":    {parsedAsIs(t, twelve), 12, results.Inconclusive},
		"most cells left out":      {parsed(t, thirteen), 3, results.Inconclusive},
	} {
		run := fixture.Run(t, fixture.Source, filepath.Join(t.TempDir(), "run"), c.spec.ID, c.spec.Text, cellsOf(t, c.spec, false)[:c.cells], 8,
			func(cell results.PlannedCell, _ int) (record.Outcome, float64, float64) {
				if cell.Knobs["loops"] == "3" {
					return record.Valid, 0.5, 1e6
				}
				return record.Valid, 0.99, 1e6
			})
		findings, err := Judge(c.spec, run)
		if err != nil {
			t.Fatal(err)
		}
		if got := findings[0].Verdict(); got != c.want {
			t.Errorf("%s: %s, want %s (%s)", name, got, c.want, findings[0].Deciding().Reason)
		}
	}
}

func TestATrendIsJudgedByRanks(t *testing.T) {
	text := strings.Replace(fixture.SmallSpec, `model = ["reactor", "loop-per-thread"]`, `loops = [1, 2, 3, 4]`, 1)
	head := strings.Split(text, "[[predictions]]")[0]
	spec := parsed(t, head+"[[predictions]]\nclaim=\"N15\"\npart=\"rate held\"\nmetric=\"ResponseTime/Produce p99\"\nalong=\"loops\"\nwhere={consumers=\"tail\"}\nrelation=\">=\"\nthreshold=0.5\n")
	for name, c := range map[string]struct {
		p99  func(loops float64, block int) float64
		want results.Verdict
	}{
		"rising":  {func(loops float64, block int) float64 { return 1e6 * float64(block) * loops }, results.Reproduced},
		"falling": {func(loops float64, block int) float64 { return 1e6 * float64(block) / loops }, results.Refuted},
		"neither": {func(loops float64, block int) float64 { return 1e6 * (1 + float64(int(loops)*7*block%5)) }, results.Inconclusive},
	} {
		run := simulated(t, filepath.Join(t.TempDir(), "run"), spec, 8, func(cell results.PlannedCell, block int) (record.Outcome, float64, float64) {
			loops, err := strconv.ParseFloat(cell.Knobs["loops"], 64)
			if err != nil {
				t.Fatal(err)
			}
			return record.Valid, 1, c.p99(loops, block)
		})
		verdict, deciding := verdictOf(t, spec, run)
		if verdict != c.want || deciding.Cells != "consumers=tail model=reactor" {
			t.Errorf("%s: %s (%v, %q), want %s", name, verdict, deciding.Estimate, deciding.Cells, c.want)
		}
	}
}

func TestBlocksWithoutSupportAreNamed(t *testing.T) {
	spec := parsed(t, strings.Split(fixture.SmallSpec, "[[predictions]]")[0]+"[[predictions]]\nclaim=\"N15\"\npart=\"rate held\"\nmetric=\"ResponseTime/Produce p999\"\neach=true\nrelation=\"<=\"\nthreshold=1e9\n")
	run := simulated(t, filepath.Join(t.TempDir(), "run"), spec, 8, func(results.PlannedCell, int) (record.Outcome, float64, float64) {
		return record.Valid, 1, 1e6 // 1000 requests a trial
	})
	verdict, deciding := verdictOf(t, spec, run)
	if want := "0 of at least 8 blocks; 8 trials have too few independent samples, up to 2689 more needed in each"; verdict != results.Undecided || deciding.Reason != want {
		t.Errorf("%s (%s)", verdict, deciding.Reason)
	}
	if all := deciding.AllBlocks; all.N != 8 || all.Median < 0.99e6 || all.Median > 1.01e6 {
		t.Errorf("with all blocks %v of %d", all, all.N)
	}
	findings, err := Judge(spec, run)
	if err != nil {
		t.Fatal(err)
	}
	if text := Table(findings).Markdown(); !strings.Contains(text, "1.00 ms [1.00 ms, 1.00 ms] of 8") {
		t.Errorf("the table hides what all blocks say: %s", text)
	}
}

// What series a run kept says how its percentiles may be read: one without any decides
// nothing, and keeps in sight what it decided by the rules of its day.
func TestPercentilesWithoutSeriesDecideNothing(t *testing.T) {
	head := strings.Split(fixture.SmallSpec, "[[predictions]]")[0]
	of := func(metric string) *experiments.Spec {
		return parsed(t, head+"[[predictions]]\nclaim=\"N15\"\npart=\"rate held\"\nmetric=\""+metric+"\"\neach=true\nrelation=\"<=\"\nthreshold=1e9\n")
	}
	run := simulated(t, filepath.Join(t.TempDir(), "run"), of("ResponseTime/Produce p99"), 8, func(results.PlannedCell, int) (record.Outcome, float64, float64) {
		return record.Valid, 1, 1e6
	})
	for _, c := range []struct {
		series []string
		metric string
		want   results.Verdict
		reason string
	}{
		{[]string{"ResponseTime/Produce"}, "ResponseTime/Produce p99", results.Reproduced, ""},
		{[]string{"ServiceTime/Produce"}, "ResponseTime/Produce p99", results.Reproduced, "clusters are those of ServiceTime/Produce"},
		{[]string{"ServiceTime/Fetch"}, "ResponseTime/Produce p99", results.Inconclusive, "dependence unknown; by the rules of its day: reproduced"},
		{nil, "ResponseTime/Produce p99", results.Inconclusive, "dependence unknown; by the rules of its day: reproduced"},
		{nil, "rate_mb_s", results.Reproduced, ""},
	} {
		for i := range run.Trials {
			run.Trials[i].Series = c.series
		}
		verdict, deciding := verdictOf(t, of(c.metric), run)
		if verdict != c.want || deciding.Reason != c.reason {
			t.Errorf("%s with series %v: %s (%s), want %s (%s)", c.metric, c.series, verdict, deciding.Reason, c.want, c.reason)
		}
	}
}

func parsed(t *testing.T, text string) *experiments.Spec {
	t.Helper()
	return parsedAsIs(t, alone(text))
}

func parsedAsIs(t *testing.T, text string) *experiments.Spec {
	t.Helper()
	spec, err := experiments.Parse("small.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func cellsOf(t *testing.T, spec *experiments.Spec, full bool) []results.PlannedCell {
	t.Helper()
	plan, err := experiments.NewPlan(experiments.PlanConfig{Specs: []*experiments.Spec{spec}, Full: full,
		Tables: experiments.KnobTables{Server: fixture.ServerKnobs(), Load: fixture.LoadKnobs(), Disk: fixture.DiskKnobs()}})
	if err != nil {
		t.Fatal(err)
	}
	return plan.Experiments[0].Cells
}

// simulated stores a run of the spec with made-up measurements.
func simulated(t *testing.T, dir string, spec *experiments.Spec, blocks int, measure fixture.OutcomeAt) *results.Run {
	t.Helper()
	return fixture.Run(t, fixture.Source, dir, spec.ID, spec.Text, cellsOf(t, spec, false), blocks, measure)
}
