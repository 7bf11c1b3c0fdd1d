package plots

import (
	"encoding/json"
	"flag"
	"fmt"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/results"
)

var (
	update  = flag.Bool("update", false, "rewrite golden files")
	figures = flag.String("figures", "", "keep the figures in this directory, to look at them")
)

var models = []string{"thread-per-connection", "reactor", "reactor-pool", "loop-per-thread", "loop-per-thread-pool", "goroutine-per-connection"}

// durations is a long-tailed histogram around a median.
func durations(rng *rand.Rand, n int, medianNs, spread float64) *hdr.Histogram {
	h := hdr.NewHistogram()
	for range n {
		h.Record(int64(medianNs * math.Exp(spread*rng.NormFloat64())))
	}
	return h
}

// simulated is a run with every kind of cell: valid ones, a model without a
// request queue, a saturated one, and one that the generator limited.
func simulated(t *testing.T, blocks, requests int) *results.Run {
	t.Helper()
	var cells []results.PlannedCell
	for _, model := range models {
		for _, consumers := range []string{"none", "tail"} {
			cells = append(cells, results.PlannedCell{Experiment: "write-100mbs", ID: model + "." + consumers,
				Knobs: map[string]string{"model": model, "send": "inline", "consumers": consumers}})
		}
	}
	run, err := results.Create(filepath.Join(t.TempDir(), "run"), results.Info{Cells: cells})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for block := 1; block <= blocks; block++ {
		for i, cell := range cells {
			scale := (1 + 0.3*float64(i)) * (0.9 + 0.2*rng.Float64())
			m := &record.Measurement{Outcome: record.Valid, WindowNs: 1e9, OfferedMBps: 100, AckedMBps: 99, Histograms: hdr.Bundle{}}
			switch cell.ID {
			case "goroutine-per-connection.tail":
				m.Outcome, scale = record.Saturated, scale*40
			case "reactor-pool.tail":
				m.Outcome = record.GeneratorLimited
			}
			for j, stage := range append([]string{"ResponseTime"}, brokerStages...) {
				median := scale * []float64{7e5, 4e4, 9e4, 2e5, 3e4, 1.5e4}[j]
				if stage == "RequestQueue" && !strings.HasSuffix(cell.Knobs["model"], "-pool") {
					median = 20
				}
				m.Histograms[hdr.Key{Stage: stage, API: "Produce"}] = durations(rng, requests, median, 0.55)
			}
			if err := run.Commit(results.Trial{Experiment: cell.Experiment, Block: block, Cell: cell.ID, Knobs: cell.Knobs,
				Outcome: m.Outcome, Measurement: m, Started: time.Unix(int64(block), 0)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return run
}

func sourceOf(t *testing.T, run *results.Run) source {
	t.Helper()
	cells, err := run.Cells()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSource(run, cells)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeriesAreAsCommitted(t *testing.T) {
	s := sourceOf(t, simulated(t, 2, 1000))
	type golden struct {
		Label, Outcome string
		Stands, Bounds bool
		Count          int64
		Tail           [2]float64
		ByTrial        [2][]float64
	}
	series := map[string][]golden{}
	for _, p := range s.panels("ResponseTime", "Produce") {
		for _, r := range p.rows {
			series[p.consumers] = append(series[p.consumers], golden{r.label, r.outcome, r.stands, r.bounds, r.count, r.tail, r.byTrial})
		}
	}
	got, err := json.MarshalIndent(series, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/tails.json"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("series differ from %s (go test ./plots -update accepts):\n%s", path, got)
	}
}

func TestUnsupportedPercentilesAreAbsent(t *testing.T) {
	s := sourceOf(t, simulated(t, 1, 1000))
	r := s.panels("ResponseTime", "Produce")[0].rows[0]
	if r.tail[0] <= 0 || r.tail[1] != absent {
		t.Errorf("tail of 1000 requests = %v, want a p99 and no p99.9", r.tail)
	}
	if r.byTrial[0] != nil {
		t.Error("a single trial is shown beside itself")
	}
}

func TestCurvesRiseAndEndWithTheirSamples(t *testing.T) {
	s := sourceOf(t, simulated(t, 1, 1000))
	curves := s.curves("ResponseTime", "Produce", "none")
	if len(curves) != len(models) {
		t.Fatalf("%d curves, want one per model", len(curves))
	}
	for _, c := range curves {
		for i := 1; i < len(c.points); i++ {
			if c.points[i].ValueNs < c.points[i-1].ValueNs || c.points[i].Quantile < c.points[i-1].Quantile {
				t.Fatalf("%s falls at %v", c.label, c.points[i])
			}
		}
		if last := c.points[len(c.points)-1].Quantile; last < 0.99 || last > 0.999 {
			t.Errorf("%s of 1000 samples ends at %g", c.label, last)
		}
	}
}

func TestDurationTicksAreRoundAndInside(t *testing.T) {
	cases := []struct {
		low, high float64
		want      string
	}{
		{2e5, 5e6, "200 µs,500 µs,1 ms,2 ms,5 ms"},
		{1e3, 1e9, "1 µs,10 µs,100 µs,1 ms,10 ms,100 ms,1 s"},
		{1e2, 1e9, "100 ns,10 µs,1 ms,100 ms"},
	}
	for _, c := range cases {
		var labels []string
		for _, tick := range durationTicks(c.low, c.high, 7) {
			if !tick.IsMinor() {
				labels = append(labels, tick.Label)
			}
		}
		if got := strings.Join(labels, ","); got != c.want {
			t.Errorf("%g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

func TestFiguresAreWrittenAndDecodable(t *testing.T) {
	dir := t.TempDir()
	if *figures != "" {
		dir = *figures
	}
	files, err := Draw(simulated(t, 3, 4000), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 6 || filepath.Base(files[0]) != results.TailFigure("write-100mbs") {
		t.Errorf("files = %v", files)
	}
	for _, file := range files {
		if err := decodable(file); err != nil {
			t.Error(err)
		}
	}
}

func decodable(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if strings.HasSuffix(file, ".svg") {
		head := make([]byte, 200)
		if _, err := f.Read(head); err != nil || !strings.Contains(string(head), "<svg") {
			return fmt.Errorf("%s is no SVG: %v", file, err)
		}
		return nil
	}
	image, err := png.Decode(f)
	if err == nil && image.Bounds().Dx() < 1000 {
		err = fmt.Errorf("only %d pixels wide", image.Bounds().Dx())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func TestARunWithoutNumbersHasNoFigures(t *testing.T) {
	cell := results.PlannedCell{Experiment: "x", ID: "x.reactor.none", Knobs: map[string]string{"model": "reactor", "consumers": "none"}}
	run, err := results.Create(filepath.Join(t.TempDir(), "run"), results.Info{Cells: []results.PlannedCell{cell}})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Commit(results.Trial{Experiment: "x", Block: 1, Cell: cell.ID, Outcome: record.Failed, Error: "port in use"}); err != nil {
		t.Fatal(err)
	}
	if files, err := Draw(run, t.TempDir()); err != nil || len(files) != 0 {
		t.Errorf("files %v, error %v", files, err)
	}
}
