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
	"slices"
	"strings"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

var figures = flag.String("figures", "", "keep the figures in this directory, to look at them")

var models = []string{"thread-per-connection", "reactor", "reactor-pool", "loop-per-thread", "loop-per-thread-pool", "goroutine-per-connection"}

// durations is a long-tailed histogram around a median.
func durations(rng *rand.Rand, n int, medianNs, spread float64) *hdr.Histogram {
	h := hdr.NewHistogram()
	for range n {
		h.Record(int64(medianNs * math.Exp(spread*rng.NormFloat64())))
	}
	return h
}

// simulatedDirs are the runs that simulated has made, by blocks and requests.
var simulatedDirs = map[[2]int]string{}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range simulatedDirs {
		os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

// simulated is a run with every kind of cell: valid ones, a model without a
// request queue, a saturated one, and one that the generator limited. Its series hold
// the requests, its histograms a thousand of them. Tests share it.
func simulated(t *testing.T, blocks, requests int) *results.Run {
	t.Helper()
	key := [2]int{blocks, requests}
	if simulatedDirs[key] == "" {
		parent, err := os.MkdirTemp("", "c10klab-plots-")
		if err != nil {
			t.Fatal(err)
		}
		simulatedDirs[key] = filepath.Join(parent, "run")
		simulate(t, simulatedDirs[key], blocks, requests)
	}
	run, err := results.Open(simulatedDirs[key])
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func simulate(t *testing.T, dir string, blocks, requests int) {
	t.Helper()
	var cells []results.PlannedCell
	for _, model := range models {
		for _, consumers := range []string{"none", "tail"} {
			cells = append(cells, results.PlannedCell{Experiment: "write-100mbs", ID: model + "." + consumers,
				Knobs: map[string]string{"model": model, "send": "inline", "consumers": consumers}})
		}
	}
	run, err := results.Create(dir, results.Info{Cells: cells})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	for block := 1; block <= blocks; block++ {
		for i, cell := range cells {
			scale := (1 + 0.3*float64(i)) * (0.9 + 0.2*rng.Float64())
			m := &record.Measurement{Outcome: record.Valid, WindowNs: 10e9, OfferedMBps: 100, AckedMBps: 99, Histograms: hdr.Bundle{}}
			switch cell.ID {
			case "goroutine-per-connection.tail":
				m.Outcome, scale = record.Saturated, scale*40
			case "reactor-pool.tail":
				m.Outcome = record.GeneratorLimited
			}
			for _, stage := range simulatedStages {
				median := scale * stage.medianNs
				if stage.name == "RequestQueue" && !strings.HasSuffix(cell.Knobs["model"], "-pool") {
					median = 20
				}
				m.Histograms[hdr.Key{Stage: stage.name, API: "Produce"}] = durations(rng, min(requests, 1000), median, 0.55)
			}
			m.Servers = []record.ServerUse{{Name: record.Broker, After: &record.ServerSnapshot{MonotonicNs: simulatedStartNs + m.WindowNs, Store: simulatedStore}}}
			if err := run.Commit(record.Trial{Experiment: cell.Experiment, Block: block, Cell: cell.ID, Knobs: cell.Knobs,
				Outcome: m.Outcome, Measurement: m, Started: time.Unix(int64(block), 0), Disks: simulatedDisks}); err != nil {
				t.Fatal(err)
			}
			storeSeries(t, run, block, cell.ID, simulatedSeries(rng, requests, scale))
		}
	}
}

var simulatedStages = []struct {
	name     string
	medianNs float64
}{
	{"ResponseTime", 7e5}, {"SocketQueue+Dispatch", 4e4}, {"RequestQueue", 9e4}, {"LocalTime", 2e5}, {"ResponseQueue", 3e4},
	{"ResponseSend", 1.5e4}, {"SocketQueue", 3e4}, {"Dispatch", 1e4}, {"Send", 1.2e4}, {"Reap", 3e3},
	{"Receive", 2e3}, {"RemoteTime", 1e3}, {"SendWait", 2e3},
}

// storeSeries adds a series to a stored trial. It shows a stall that the histograms
// do not hold; given to the run with them, it would take their percentiles' support.
func storeSeries(t *testing.T, run *results.Run, block int, cell string, s record.TimeSeries) {
	t.Helper()
	text, err := json.Marshal([]record.TimeSeries{s})
	if err == nil {
		err = os.WriteFile(filepath.Join(run.Dir, "trials", fmt.Sprintf("%02d-%s.series", block, cell)), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const simulatedStartNs = int64(5e9)

// simulatedSeries has a stall in the fifth second.
func simulatedSeries(rng *rand.Rand, requests int, scale float64) record.TimeSeries {
	s := record.TimeSeries{Stage: "ResponseTime", API: "Produce", StartNs: simulatedStartNs, StepNs: 1e8, Steps: make([][]int64, 100)}
	for i := range s.Steps {
		counts := make([]int64, record.SeriesBuckets)
		for range requests / len(s.Steps) {
			ns := 7e5 * scale * math.Exp(0.55*rng.NormFloat64())
			if 40 <= i && i < 50 {
				ns += 2e8
			}
			counts[record.SeriesBucket(int64(ns))]++
		}
		for bucket, n := range counts {
			if n > 0 {
				s.Steps[i] = append(s.Steps[i], int64(bucket), n)
			}
		}
	}
	return s
}

// simulatedDisks are a busy and an idle one, sampled before the window too.
var simulatedDisks = func() []record.DiskStatus {
	var busy, idle record.DiskStatus
	for ns := simulatedStartNs - 1e9; ns < simulatedStartNs+10e9; ns += 1e8 {
		busy.Samples = append(busy.Samples, record.DiskSample{AtNs: ns, Util: 0.7 + 0.3*math.Sin(float64(ns)/1e9)})
		idle.Samples = append(idle.Samples, record.DiskSample{AtNs: ns, Util: 0.05})
	}
	return []record.DiskStatus{idle, busy}
}()

// simulatedStore did something before the window, too.
var simulatedStore = &record.StoreActivity{Events: []record.StoreEvent{
	{Kind: record.EventFsync, AtNs: simulatedStartNs - 1e9, TookNs: 1e6, Path: "early"},
	{Kind: record.EventRoll, AtNs: simulatedStartNs + 42e8, TookNs: 2e6, Path: "t-0/00000000000000000000.log"},
	{Kind: record.EventFsync, AtNs: simulatedStartNs + 45e8, TookNs: 3e8, Path: "t-0/00000000000000000000.log"},
	{Kind: record.EventIndexFlush, AtNs: simulatedStartNs + 46e8, TookNs: 1e6, Path: "t-0/00000000000000000000.index"},
}}

// simulatedRatios are comparisons with each verdict, and one without an interval.
var simulatedRatios = Ratios{"write-100mbs": {
	{Label: "N1  p99: inline ÷ pool", Estimate: results.MedianOf([]float64{5, 6, 7, 8, 9, 10, 11, 12}), Relation: ">=", Threshold: 5, Verdict: results.Reproduced},
	{Label: "N2  p99: split ÷ none", Estimate: results.MedianOf([]float64{1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9}), Relation: "<=", Threshold: 1.5, Verdict: results.Inconclusive},
	{Label: "N3  p99: 8 ÷ 16 handlers", Estimate: results.MedianOf([]float64{0.5, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57}), Relation: ">=", Threshold: 1, Verdict: results.Refuted},
	{Label: "send: pool ÷ inline", Effect: true, Estimate: results.MedianOf([]float64{0.01, 0.02})},
	{Label: "ResponseTime/Produce p999, model and more: goroutine-per-connection with sixteen handlers ÷ thread-per-connection with eight handlers", Effect: true, Estimate: results.MedianOf([]float64{0.9, 0.95, 0.97, 1, 1.01, 1.02, 1.03, 1.05})},
	{Label: "loops: 2 ÷ 1", Effect: true, Estimate: results.MedianOf([]float64{0.5, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57})},
	{Label: "model: reactor ÷ loop-per-thread", Effect: true, Reversed: true, Estimate: results.MedianOf([]float64{0.9, 0.95, 0.97, 1, 1.01, 1.02, 1.03, 1.05})},
	{Label: "never measured"},
}}

func sourceOf(t *testing.T, run *results.Run) source {
	t.Helper()
	cells, err := Cells(run)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSource(run, cells)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUnsupportedPercentilesAreAbsent(t *testing.T) {
	s := sourceOf(t, simulated(t, 1, 1000))
	r := s.panels(measure.ResponseTime.Key("Produce"))[0].rows[0]
	if r.tail[0] <= 0 || r.tail[1] != absent {
		t.Errorf("tail of 1000 requests = %v, want a p99 and no p99.9", r.tail)
	}
	if r.byTrial[0] != nil {
		t.Error("a single trial is shown beside itself")
	}
}

func TestCurvesRiseAndEndWithTheirSamples(t *testing.T) {
	s := sourceOf(t, simulated(t, 1, 1000))
	fs := s.facetsOf(mostLines)
	curves := s.curves(measure.ResponseTime.Key("Produce"), fs, fs.all[0])
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

func drawAll(run *results.Run, ratios Ratios, dir string) ([]string, error) {
	cells, err := Cells(run)
	if err != nil {
		return nil, err
	}
	return Draw(run, cells, ratios, dir)
}

func TestFiguresAreWrittenAndDecodable(t *testing.T) {
	dir := t.TempDir()
	if *figures != "" {
		dir = *figures
	}
	files, err := drawAll(simulated(t, 8, 1000), simulatedRatios, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2*8 || filepath.Base(files[0]) != "write-100mbs-tail.png" {
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
	if err := run.Commit(record.Trial{Experiment: "x", Block: 1, Cell: cell.ID, Outcome: record.Failed, Error: "port in use"}); err != nil {
		t.Fatal(err)
	}
	if files, err := drawAll(run, nil, t.TempDir()); err != nil || len(files) != 0 {
		t.Errorf("files %v, error %v", files, err)
	}
}

func TestFiguresInADirectoryAreInTheOrderThatReadersSee(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(results.PlotsDir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"x-heat.svg", "x-tail.png", "x-tail.svg", "y-rates.svg", "x-other.svg"} {
		if err := os.WriteFile(filepath.Join(results.PlotsDir(dir), file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := InDir(dir, "x"); !slices.Equal(got, []string{"x-tail.svg", "x-heat.svg"}) {
		t.Errorf("figures %v", got)
	}
}

func TestNoStackOfStagesThatDoNotAddUp(t *testing.T) {
	cell := results.Cell{ID: "x.reactor", Knobs: map[string]string{"consumers": "none"}}
	cell.Spans = map[hdr.Key]hdr.Digest{}
	for _, stage := range measure.Stages {
		cell.Spans[stage.Key("Produce")] = hdr.Digest{Count: 100, MeanNs: 1e3}
	}
	s := source{cells: []results.Cell{cell}}
	if n := len(s.stacks("Produce", "none")); n != 1 {
		t.Errorf("%d stacks of a cell with all stages", n)
	}
	delete(cell.Spans, hdr.Key{Stage: "ResponseQueue", API: "Produce"})
	if n := len(s.stacks("Produce", "none")); n != 0 {
		t.Errorf("%d stacks of a cell without ResponseQueue", n)
	}
}

func TestALongLegendMakesAFigureHigherAndNotItsPanelsLower(t *testing.T) {
	f := figure{width: 400, height: 300}
	for range 3 {
		f.legend = append(f.legend, legendEntry{text: strings.Repeat("a label ", 8)})
	}
	if got := f.fullHeight(); got != f.height {
		t.Errorf("with a short legend %v high, want %v", got, f.height)
	}
	f.legend = append(f.legend, f.legend...)
	if got := f.fullHeight(); got != f.height+3*legendLine {
		t.Errorf("with a long legend %v high, want %v", got, f.height+3*legendLine)
	}
}

// TestThinnedCurvesMissNothing: each point that is left out lies beside the drawn line by less than a line's
// width, and a real curve has few left.
func TestThinnedCurvesMissNothing(t *testing.T) {
	var points []hdr.Bracket
	for i := range 2000 {
		q := 1 - math.Pow(10, -float64(i)/400)
		ns := 1e6 * math.Exp(0.3*hdrAxis(q)) // straight
		if i > 1200 {
			ns *= 1 + math.Pow(float64(i-1200)/200, 2) // bent
		}
		points = append(points, hdr.Bracket{Quantile: q, ValueNs: int64(ns)})
	}
	kept := thinned(points)
	if len(kept) < 10 || len(kept) > 200 || kept[0] != points[0] || kept[len(kept)-1] != points[len(points)-1] {
		t.Fatalf("%d of %d points are left", len(kept), len(points))
	}
	next := 1
	for _, p := range points {
		for next < len(kept)-1 && kept[next].Quantile < p.Quantile {
			next++
		}
		a, b := kept[next-1], kept[next]
		share := (hdrAxis(p.Quantile) - hdrAxis(a.Quantile)) / (hdrAxis(b.Quantile) - hdrAxis(a.Quantile))
		drawn := math.Log(float64(a.ValueNs)) + share*math.Log(float64(b.ValueNs)/float64(a.ValueNs))
		if off := math.Abs(drawn - math.Log(float64(p.ValueNs))); off > 2*thinnedBy {
			t.Fatalf("the curve misses %+v by %.3g", p, off)
		}
	}
	if got := thinned(points[:1]); len(got) != 1 {
		t.Errorf("of one point %d are left", len(got))
	}
	if got := thinned(nil); len(got) != 0 {
		t.Errorf("of none %d are left", len(got))
	}
}
