package experiments

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/results"
)

// outcomeAt decides what a simulated trial measures.
type outcomeAt func(cell results.PlannedCell, block int) (outcome record.Outcome, heldShare, p99Ns float64)

// simulated stores a run of the spec with made-up measurements.
func simulated(t *testing.T, dir string, spec *Spec, blocks int, measure outcomeAt) *results.Run {
	t.Helper()
	return simulatedFrom(t, results.Source{Revision: "0123456789abcdef", Clean: true}, dir, spec, blocks, measure)
}

// simulatedFrom is simulated with the source that the run was made from.
func simulatedFrom(t *testing.T, source results.Source, dir string, spec *Spec, blocks int, measure outcomeAt) *results.Run {
	t.Helper()
	plan, err := NewPlan(Config{Specs: []*Spec{spec}, ServerKnobs: serverKnobs(), LoadKnobs: loadKnobs(), DiskKnobs: diskKnobs()})
	if err != nil {
		t.Fatal(err)
	}
	return simulatedCells(t, source, dir, spec, plan.Experiments[0].Cells, blocks, measure)
}

func simulatedCells(t *testing.T, source results.Source, dir string, spec *Spec, cells []results.PlannedCell, blocks int, measure outcomeAt) *results.Run {
	t.Helper()
	run, err := results.Create(dir, results.Info{
		Specs: []results.Spec{results.NewSpec(spec.ID, spec.Text, blocks)}, Cells: cells, Seed: 1, Source: source,
		CommandLine: []string{"c10klab", "run", spec.ID, "--full"}, Started: time.Unix(1_700_000_000, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	for block := 1; block <= blocks; block++ {
		for _, cell := range cells {
			outcome, held, p99Ns := measure(cell, block)
			h := hdr.NewHistogram()
			h.RecordN(int64(p99Ns), 1000)
			m := &record.Measurement{Outcome: outcome, WindowNs: 1e9, OfferedMBps: 100, AckedMBps: 100 * held,
				Histograms: hdr.Bundle{{Stage: "ResponseTime", API: "Produce"}: h}}
			err := run.Commit(results.Trial{Experiment: spec.ID, Block: block, Cell: cell.ID, Knobs: cell.Knobs,
				Attempt: 1, Outcome: outcome, Started: time.Unix(int64(block), 0), Measurement: m})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return run
}

func verdictOf(t *testing.T, spec *Spec, run *results.Run) (results.Verdict, Comparison) {
	t.Helper()
	findings, err := Judge(spec, run)
	if err != nil {
		t.Fatal(err)
	}
	verdict, deciding, found := ClaimVerdict(findings, "N15")
	if !found {
		t.Fatal("no finding concerns the claim")
	}
	return verdict, deciding.Deciding()
}

func TestEveryCellMustMeetAPrediction(t *testing.T) {
	spec := parsed(t, smallSpec)
	only := func(cell results.PlannedCell) bool { return cell.ID == "small.loop-per-thread.tail" }
	cases := []struct {
		name    string
		blocks  int
		measure outcomeAt
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
	text := strings.Split(smallSpec, "[[predictions]]")[0]
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
	}
	for _, c := range cases {
		relation, threshold, _ := strings.Cut(c.relation, " ")
		spec := parsed(t, oneModel+fmt.Sprintf("[[predictions]]\nclaim=\"N15\"\nmetric=\"ResponseTime/Produce p99\"\n"+
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
	spec := parsed(t, strings.Split(smallSpec, "[[predictions]]")[0]+"[[predictions]]\nclaim=\"N15\"\nmetric=\"rate_mb_s\"\n"+
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
		text := strings.Replace(smallSpec, "model = [\"reactor\", \"loop-per-thread\"]\nconsumers = [\"none\", \"tail\"]", "loops = ["+strings.Join(levels, ",")+"]", 1)
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
		if c.want == results.Inconclusive && !strings.Contains(deciding.Reason, "one of 13 comparisons of the claim, of which chance would refute some: 9 blocks needed") {
			t.Errorf("reason %q", deciding.Reason)
		}
	}
}

func TestATrendIsJudgedByRanks(t *testing.T) {
	text := strings.Replace(smallSpec, `model = ["reactor", "loop-per-thread"]`, `loops = [1, 2, 3, 4]`, 1)
	head := strings.Split(text, "[[predictions]]")[0]
	spec := parsed(t, head+"[[predictions]]\nclaim=\"N15\"\nmetric=\"ResponseTime/Produce p99\"\nalong=\"loops\"\nwhere={consumers=\"tail\"}\nrelation=\">=\"\nthreshold=0.5\n")
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
		if verdict != c.want || deciding.Trend == nil || deciding.Cells != "consumers=tail model=reactor" {
			t.Errorf("%s: %s (%v, %q), want %s", name, verdict, deciding.Estimate, deciding.Cells, c.want)
		}
	}
}

func TestBlocksWithoutSupportAreNamed(t *testing.T) {
	spec := parsed(t, strings.Split(smallSpec, "[[predictions]]")[0]+"[[predictions]]\nclaim=\"N15\"\nmetric=\"ResponseTime/Produce p999\"\neach=true\nrelation=\"<=\"\nthreshold=1e9\n")
	run := simulated(t, filepath.Join(t.TempDir(), "run"), spec, 8, func(results.PlannedCell, int) (record.Outcome, float64, float64) {
		return record.Valid, 1, 1e6 // 1000 requests a trial
	})
	verdict, deciding := verdictOf(t, spec, run)
	if want := "0 of at least 8 blocks; 8 trials have too few independent samples, up to 2689 more needed in each"; verdict != results.Undecided || deciding.Reason != want {
		t.Errorf("%s (%s)", verdict, deciding.Reason)
	}
}

func TestDocumentIsGeneratedBetweenItsMarkers(t *testing.T) {
	specs, err := Specs()
	if err != nil {
		t.Fatal(err)
	}
	specs, err = Select(specs, []string{"write-100mbs"})
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
	changed, err := UpdateDoc(doc, reference)
	if err != nil || !changed {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"By hand.", "More by hand.",
		"| N24 | Can one command name the stage and cause that dominate a slow time window? | open | – | – | – |",
		"| reproduced | 0.990 [0.990, 0.990] | [p99, p999](results/reference/write-100mbs/plots/write-100mbs-tail.png) | [write-100mbs](experiments/specs/write-100mbs.toml) |",
		"| K2 | Do callbacks of in-flight responses run only after the response was sent? | reproduced | – | [TestCallbacksComeInRequestOrderAfterSending](models/conformance_test.go) | – |",
		"`go test ./models -run '^TestCallbacksComeInRequestOrderAfterSending$'`",
		"![write-100mbs-tail.png](results/reference/write-100mbs/plots/write-100mbs-tail.png)",
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
	if changed, err := UpdateDoc(doc, reference); err != nil || changed {
		t.Errorf("a second update: changed %v, error %v; want neither", changed, err)
	}
	if err := os.WriteFile(doc, []byte(beginMarker("contents")), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := UpdateDoc(doc, reference); err == nil {
		t.Error("a document with half a pair of markers was rewritten")
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}
