package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

var update = flag.Bool("update", false, "rewrite golden files")

// histogram holds n durations spread evenly up to highestNs.
func histogram(n int, highestNs int64) *hdr.Histogram {
	h := hdr.NewHistogram()
	for i := range n {
		h.Record(highestNs * int64(i+1) / int64(n))
	}
	return h
}

// measurement is a trial's with every span of a produce request.
func measurement(outcome record.Outcome, n int, highestNs int64) *record.Measurement {
	m := &record.Measurement{Outcome: outcome, WindowNs: 8e9, WindowStartUnixMs: 1_700_000_000_000,
		OfferedMBps: 100, AckedMBps: 99, Histograms: hdr.Bundle{}}
	for i, span := range append([]string{"ResponseTime"}, measure.NamesOf(measure.SpansIn(measure.BrokerTable))...) {
		m.Histograms[hdr.Key{Stage: span, API: "Produce"}] = histogram(n, highestNs/int64(i+1))
	}
	return m
}

func planned(model, consumers string) PlannedCell {
	return PlannedCell{Experiment: "x", ID: "x." + model + "." + consumers,
		Knobs: map[string]string{"model": model, "send": "inline", "consumers": consumers}}
}

func newRun(t *testing.T, cells ...PlannedCell) *Run {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "run [1]*"), Info{Cells: cells}) // a directory may be named like a pattern
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func commit(t *testing.T, r *Run, cell PlannedCell, block int, m *record.Measurement) {
	t.Helper()
	trial := record.Trial{Experiment: cell.Experiment, Cell: cell.ID, Knobs: cell.Knobs, Block: block, Attempt: 1,
		Outcome: record.Failed, Started: time.Unix(int64(block), 0), Measurement: m}
	if m != nil {
		trial.Outcome = m.Outcome
	} else {
		trial.Error = "server ended: exit status 1"
	}
	if err := r.Commit(trial); err != nil {
		t.Fatal(err)
	}
}

func cellsOf(t *testing.T, r *Run) []Cell {
	t.Helper()
	cells, err := r.Cells(nil, measure.ResponseTime.Is)
	if err != nil {
		t.Fatal(err)
	}
	return cells
}

func TestRunSurvivesBeingReopened(t *testing.T) {
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	commit(t, r, cell, 1, measurement(record.Valid, 1000, 1e6))
	commit(t, r, cell, 2, nil)
	reopened, err := Open(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(reopened.Trials) != 2 || reopened.Trials[1].Error == "" {
		t.Fatalf("trials = %+v", reopened.Trials)
	}
	spans, err := reopened.TrialDigests(reopened.Trials[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := spans[hdr.Key{Stage: "SocketQueue+Dispatch", API: "Produce"}]; d.Count != 1000 {
		t.Errorf("spans after reopening: %v", spans)
	}
}

func TestHistogramsMergeOverValidTrialsOnly(t *testing.T) {
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	commit(t, r, cell, 1, measurement(record.Valid, 1000, 1e6))
	commit(t, r, cell, 2, measurement(record.Valid, 3000, 2e6))
	commit(t, r, cell, 3, measurement(record.GeneratorLimited, 5000, 9e9))
	commit(t, r, cell, 4, nil)
	c := cellsOf(t, r)[0]
	want := histogram(1000, 1e6)
	want.Merge(histogram(3000, 2e6))
	got := c.Spans[measure.ResponseTime.Key("Produce")]
	for _, q := range []float64{0.5, 0.99, 0.999} {
		if ns, _ := got.Quantile(q); ns != want.ValueNs(q) {
			t.Errorf("quantile %g = %d, the two valid trials together give %d", q, ns, want.ValueNs(q))
		}
	}
	if got.MaxNs != want.MaxNs() {
		t.Errorf("the longest took %d ns, of the two valid trials together %d", got.MaxNs, want.MaxNs())
	}
	if c.Outcome != record.Valid || c.Trials[record.Failed] != 1 || c.Trials[record.Valid] != 2 {
		t.Errorf("outcome %s, trials %v", c.Outcome, c.Trials)
	}
}

func TestARuleThatFailsForTwoDisksFailsOneTrial(t *testing.T) {
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	m := measurement(record.EnvironmentLimited, 10, 1e6)
	late := record.Check{Name: "late requests", Value: 9, Limit: 5, Unit: "%", Else: record.EnvironmentLimited}
	m.Checks = []record.Check{late, late}
	commit(t, r, cell, 1, m)
	if problems := cellsOf(t, r)[0].Problems; len(problems) != 1 || !strings.Contains(problems[0], "in 1 of 1 trials") {
		t.Errorf("problems %q", problems)
	}
}

func TestSaturatedTrialsCountOnlyWithoutValidOnes(t *testing.T) {
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	commit(t, r, cell, 1, measurement(record.Saturated, 500, 1e9))
	commit(t, r, cell, 2, measurement(record.EnvironmentLimited, 700, 1e9))
	c := cellsOf(t, r)[0]
	if n := c.Spans[measure.ResponseTime.Key("Produce")].Count; n != 500 || c.Basis != record.Saturated {
		t.Errorf("numbers come from %d requests, basis %s; want the saturated trial's 500", n, c.Basis)
	}
	if c.Outcome != record.EnvironmentLimited {
		t.Errorf("outcome of one saturated and one limited trial = %s, want the worse", c.Outcome)
	}
}

func TestExitCodes(t *testing.T) {
	none, tail := planned("reactor", "none"), planned("reactor", "tail")
	cases := []struct {
		name     string
		outcomes []*record.Measurement // of the second cell; the first is valid
		want     int
	}{
		{"valid", []*record.Measurement{measurement(record.Valid, 10, 1e6)}, 0},
		{"saturated", []*record.Measurement{measurement(record.Saturated, 10, 1e6)}, 0},
		{"generator", []*record.Measurement{measurement(record.GeneratorLimited, 10, 1e6)}, 3},
		{"environment", []*record.Measurement{measurement(record.EnvironmentLimited, 10, 1e6)}, 3},
		{"failed", []*record.Measurement{nil}, 1},
		{"one of two failed", []*record.Measurement{nil, measurement(record.Valid, 10, 1e6)}, 1},
	}
	for _, c := range cases {
		r := newRun(t, none, tail)
		commit(t, r, none, 1, measurement(record.Valid, 10, 1e6))
		for i, m := range c.outcomes {
			commit(t, r, tail, i+1, m)
		}
		if got := ExitCode(cellsOf(t, r)); got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.want)
		}
	}
}

func TestDocumentHasTheContractedShape(t *testing.T) {
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	m := measurement(record.Valid, 500, 1e6)
	for _, key := range []hdr.Key{{Stage: "BlockedOnDisk", API: "Fetch"}, {Stage: "LoopLag", API: "loops"}, {Stage: "LocalTime", API: "Metadata"}} {
		m.Histograms[key] = histogram(500, 1e6)
	}
	commit(t, r, cell, 1, m)
	text, err := json.Marshal(NewDocument("runs/1", cellsOf(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`{"out":"runs/1","cells":[{"experiment":"x","knobs":{`, `"rate_mb_s":99,`, `"outcome":"valid"`,
		`"trials":{"valid":1}`, `"problems":[]`, `"stage":"SocketQueue+Dispatch","api":"Produce","count":500,"p50_ns":`, `"p999_ns":null`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("document lacks %s:\n%s", part, text)
		}
	}
	for _, part := range []string{"BlockedOnDisk", "LoopLag", "Metadata"} {
		if strings.Contains(string(text), part) {
			t.Errorf("document has %s, which is no stage of Produce or Fetch:\n%s", part, text)
		}
	}
}

func TestBadRunDirectoriesHaveNamedErrors(t *testing.T) {
	cell := planned("reactor", "none")
	damage := map[string]struct {
		do   func(dir string) error
		want error
	}{
		"empty":     {func(dir string) error { return os.RemoveAll(dir) }, ErrNoRun},
		"garbage":   {func(dir string) error { return os.WriteFile(dir+"/run.json", []byte("{"), 0o644) }, ErrGarbled},
		"no schema": {func(dir string) error { return os.WriteFile(dir+"/run.json", []byte("{}"), 0o644) }, ErrGarbled},
		"newer":     {func(dir string) error { return os.WriteFile(dir+"/run.json", []byte(`{"schema":99}`), 0o644) }, ErrNewerSchema},
		"trial":     {func(dir string) error { return os.Truncate(dir+"/trials/01-x.reactor.none.json", 20) }, ErrGarbled},
		"a trial without a cell": {func(dir string) error {
			return os.WriteFile(dir+"/trials/01-x.reactor.none.json", []byte(`{"block":1}`), 0o644)
		}, ErrGarbled},
		"another's trial": {func(dir string) error {
			return os.Rename(dir+"/trials/01-x.reactor.none.json", dir+"/trials/02-x.reactor.none.json")
		}, ErrGarbled},
		"no trials":   {func(dir string) error { return os.RemoveAll(dir + "/trials") }, ErrMissing},
		"second run":  {func(dir string) error { _, err := Create(dir, Info{}); return err }, ErrNotEmpty},
		"interrupted": {func(dir string) error { return os.WriteFile(dir+"/trials/.partial-1", []byte("{"), 0o644) }, nil},
	}
	for name, d := range damage {
		r := newRun(t, cell)
		commit(t, r, cell, 1, measurement(record.Valid, 10, 1e6))
		if _, err := Create(r.Dir, Info{}); !errors.Is(err, ErrInUse) {
			t.Errorf("%s: a second writer gets %v, want %v", name, err, ErrInUse)
		}
		err := r.Close()
		if err == nil {
			err = d.do(r.Dir)
		}
		if err == nil {
			_, err = Open(r.Dir)
		}
		if !errors.Is(err, d.want) {
			t.Errorf("%s: error %v, want %v", name, err, d.want)
		}
	}
}

func TestRatioIsTheMedianOfWithinBlockRatios(t *testing.T) {
	a := []float64{2, 40, 6, 8, 10, 12, 14, 16}
	b := []float64{1, 10, 2, 2, 2, 2, 2, 2}
	e := Ratio(a, b) // 2 4 3 4 5 6 7 8
	if e.Median != 4.5 || e.Lo != 2 || e.Hi != 8 || math.Abs(e.Coverage-0.9921875) > 1e-12 {
		t.Errorf("ratio = %+v, want 4.5 [2, 8] at 99.2 %%", e)
	}
	if e := Ratio(a[:5], b[:5]); e.Bounded() || e.Median != 4 {
		t.Errorf("five blocks = %+v, want a median and no interval", e)
	}
	if e := MedianOf([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}); e.Lo != 2 || e.Hi != 8 || e.Coverage < 0.95 {
		t.Errorf("nine blocks = %+v, want [2, 8]", e)
	}
}

func TestVerdictNeedsTheWholeInterval(t *testing.T) {
	eight := func(lo, hi float64) Estimate {
		return Estimate{N: 8, Median: (lo + hi) / 2, Lo: lo, Hi: hi, Coverage: 0.992}
	}
	cases := []struct {
		e        Estimate
		relation Relation
		want     Verdict
	}{
		{eight(5, 9), ">=", Reproduced},
		{eight(4, 9), ">=", Inconclusive},
		{eight(1, 4), ">=", Refuted},
		{eight(1, 5), "<=", Reproduced},
		{eight(6, 7), "<=", Refuted},
		{eight(5, 5), "=", Reproduced},
		{eight(4, 6), "=", Inconclusive},
		{eight(6, 7), "=", Refuted},
		{MedianOf([]float64{9, 9, 9, 9, 9, 9, 9}), ">=", Undecided},
	}
	for _, c := range cases {
		if got := Decide(c.e, c.relation, 5); got != c.want {
			t.Errorf("%v %s 5: %s, want %s", c.e, c.relation, got, c.want)
		}
	}
}

func TestTablesAreAsCommitted(t *testing.T) {
	models := []string{"thread-per-connection", "goroutine-per-connection", "reactor", "loop-per-thread-pool"}
	outcomes := []record.Outcome{record.Valid, record.Saturated, record.GeneratorLimited, record.Valid}
	var cells []PlannedCell
	for _, model := range models {
		cells = append(cells, planned(model, "none"), planned(model, "tail"))
	}
	r := newRun(t, cells...)
	for i, cell := range cells {
		m := measurement(outcomes[i/2], 2000+2000*(i%2), int64(1e6*(i+1)))
		if cell.Knobs["consumers"] == "tail" {
			m.Histograms[hdr.Key{Stage: "EndToEnd", API: "Fetch"}] = histogram(5000, 5e6)
			for _, span := range measure.SpansIn(measure.BrokerTable) {
				m.Histograms[span.Key("Fetch")] = histogram(5000, 3e5)
			}
		}
		if outcomes[i/2] != record.Valid {
			m.Problems = []string{fmt.Sprintf("a problem of %s trials", outcomes[i/2])}
		}
		commit(t, r, cell, 1, m)
	}
	commit(t, r, cells[7], 2, nil)
	var markdown bytes.Buffer
	if err := WriteMarkdown(&markdown, cellsOf(t, r)); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/table.md", markdown.Bytes())
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test ./results -update accepts):\n%s", path, got)
	}
}
