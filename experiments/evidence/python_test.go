package evidence

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments/internal/fixture"
	"c10klab/experiments/verdict"
	"c10klab/internal/need"
	"c10klab/results"
)

var pythonBlock = regexp.MustCompile("(?s)```python\n(.*?)```")

// Another person's code comes to the same ratios as a verdict, from the stored values and
// from the stored histograms: the reader in docs/evidence.md, as it stands there.
func TestTheDocumentedReaderRecomputesAVerdict(t *testing.T) {
	python := need.Program(t, "python3", "python3")
	page, err := os.ReadFile("../../docs/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	code := pythonBlock.FindSubmatch(page)
	if code == nil {
		t.Fatal("docs/evidence.md has no Python in it")
	}
	dir := filepath.Join("../../results/reference", "cold-reads")
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	judged, err := verdict.JudgeRun(run)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range judged[0].Findings {
		key, isDuration := f.Prediction.Metric.Key()
		if !isDuration {
			continue
		}
		comparison := f.Comparisons[0]
		cells := func(knobs map[string]string) string {
			i := slices.IndexFunc(run.Info.Cells, func(c results.PlannedCell) bool { return c.Knobs["send"] == knobs["send"] })
			return run.Info.Cells[i].ID
		}
		quantile := f.Prediction.Metric.String()[len(key.String())+1:]
		out, err := exec.Command(python, "-c", string(code[1]), dir, key.String(), quantile, cells(f.Prediction.A), cells(f.Prediction.B)).Output()
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		lines := 0
		for line := bufio.NewScanner(bytes.NewReader(out)); line.Scan(); lines++ {
			var said struct {
				Ratios []float64
				Median float64
			}
			if err := json.Unmarshal(line.Bytes(), &said); err != nil {
				t.Fatalf("%s: %v", line.Text(), err)
			}
			if said.Median != comparison.Estimate.Median || !slices.Equal(said.Ratios, comparison.Values) {
				t.Errorf("%s: the reader says %+v, the verdict rests on %v of %v", f.Prediction, said, comparison.Estimate.Median, comparison.Values)
			}
		}
		if lines != 2 {
			t.Errorf("%s: the reader printed %d lines", f.Prediction, lines)
		}
	}
}

// Code that shares nothing with this program comes to every verdict of the stored runs, and
// to every interval to the last digit: docs/analysis/verdicts.py, from trials and histograms.
// It does so too for made-up runs whose controls come out or fail.
func TestOtherCodeRecomputesEveryVerdict(t *testing.T) {
	python := need.Program(t, "python3", "python3")
	dirs, err := filepath.Glob("../../results/reference/*")
	if err != nil {
		t.Fatal(err)
	}
	for i, of := range []struct{ tail, planted, again float64 }{{1.05, 5, 1}, {2, 5, 1}, {1.05, 1, 1}, {1.05, 5, 1.3}} {
		difference := strings.Replace(fixture.ControlledSpec, "threshold = 1.1", "threshold = 700_000\ndifference = true", 1)
		for kind, text := range map[string]string{"ratio": fixture.ControlledSpec, "difference": difference} {
			spec := parsed(t, text)
			run := fixture.Run(t, fixture.Source, filepath.Join(t.TempDir(), "run"), spec.ID, spec.Text, cellsOf(t, spec, true), 8, fixture.Controlled(of.tail, of.planted, of.again))
			packed := filepath.Join(t.TempDir(), fmt.Sprint(kind, i))
			if err := errors.Join(run.Close(), run.Seal()); err != nil {
				t.Fatal(err)
			}
			if _, err := run.Adopt(packed, KeptOf(spec), false); err != nil {
				t.Fatal(err)
			}
			dirs = append(dirs, packed)
		}
	}
	out, err := exec.Command(python, append([]string{"../../docs/analysis/verdicts.py"}, dirs...)...).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderrOf(err))
	}
	type comparison struct {
		Run, Claim, Verdict, Then   string
		Prediction, N               int
		Median, Lo, Hi, Coverage, P float64
		All                         []float64 // n, median, lo, hi
	}
	recomputed := map[string][]comparison{}
	name := func(run, claim string, prediction int) string { return fmt.Sprint(run, " ", claim, " ", prediction) }
	for line := range bytes.Lines(out) {
		var c comparison
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		of := name(c.Run, c.Claim, c.Prediction)
		recomputed[of] = append(recomputed[of], c)
	}
	compared := 0
	for _, dir := range dirs {
		run, err := results.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		judged, err := verdict.JudgeRun(run)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range judged[0].Findings {
			of := name(filepath.Base(dir), f.Prediction.Claim, i)
			if len(recomputed[of]) != len(f.Comparisons) {
				t.Errorf("%s: %d comparisons, other code makes %d", of, len(f.Comparisons), len(recomputed[of]))
				continue
			}
			for k, c := range f.Comparisons {
				other, e := recomputed[of][k], c.Estimate
				exact := other.Median == e.Median && other.Lo == e.Lo && other.Hi == e.Hi && other.N == e.N && other.Verdict == string(c.Verdict) && other.Then == string(c.Then) &&
					slices.Equal(other.All, []float64{float64(c.AllBlocks.N), c.AllBlocks.Median, c.AllBlocks.Lo, c.AllBlocks.Hi})
				if !exact || math.Abs(other.Coverage-e.Coverage) > 1e-9 || math.Abs(other.P-c.P) > 1e-9 {
					t.Errorf("%s, %s: %v, n %d, p %v, %s; other code says %+v", of, c.Cells, e, e.N, c.P, c.Verdict, other)
				}
				compared++
			}
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// stderrOf is what a program that failed wrote there.
func stderrOf(err error) []byte {
	if failed, ok := err.(*exec.ExitError); ok {
		return failed.Stderr
	}
	return nil
}
