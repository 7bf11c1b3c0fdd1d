package evidence

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

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
