package plots

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"

	"c10klab/internal/record"
)

func TestPaceNeedsSupportForP99(t *testing.T) {
	steps := func(perStep int64, n int) []timeline {
		line := timeline{stepSeconds: 0.1, steps: make([][]int64, n)}
		for i := range line.steps {
			line.steps[i] = []int64{100, perStep}
		}
		return []timeline{line}
	}
	for _, c := range []struct {
		perStep int64
		steps   int
		want    pace
	}{
		{400, 100, pace{0.99, 1}}, // each step supports it
		{100, 100, pace{0.99, 4}},
		{10, 100, pace{1, 1}}, // too few points would be left
	} {
		if got := choosePace(steps(c.perStep, c.steps)); got != c.want {
			t.Errorf("%d requests in each of %d steps: %v, want %v", c.perStep, c.steps, got, c.want)
		}
	}
}

func TestQuantilesOfBuckets(t *testing.T) {
	counts := map[int]int64{100: 98, 150: 1, 200: 1}
	end := func(bucket int) float64 {
		_, to := record.SeriesBounds(bucket)
		return float64(to)
	}
	for q, want := range map[float64]float64{0.5: end(100), 0.97: end(100), 0.985: end(150), 1: end(200)} {
		if got := quantileNs(counts, q); got != want {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	if got := quantileNs(nil, 0.5); got != 0 {
		t.Errorf("the median of nothing is %g", got)
	}
}

func TestARunWithoutSeriesShowsDisksAndSaysWhatIsMissing(t *testing.T) {
	s := sourceOf(t, simulated(t, 1, 1000))
	for i := range s.timelines {
		s.timelines[i].steps = nil
	}
	if _, found := heatFigure("x", s); found {
		t.Error("a heat map of nothing")
	}
	f, found := overTimeFigure("x", s)
	if !found || len(f.panels) != 2 || !strings.Contains(f.notes[0], "no latency over time") {
		t.Errorf("figure %v with %d rows of panels, notes %q", found, len(f.panels), f.notes)
	}
}

func TestSVGsAreWellFormedAndTellTheirValues(t *testing.T) {
	run := simulated(t, 8, 1000)
	cells, err := Cells(run)
	if err != nil {
		t.Fatal(err)
	}
	figures, err := Figures(run, cells, simulatedRatios)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{
		"tail": "p99 of one trial", "ratios": "over 8 blocks, predicted &gt;= 5: reproduced", "effects": "too few blocks", "stack": "LocalTime, mean", "stages": "p99",
		"percentiles": " % of requests took at most", "over-time": " s: ", "heat": "requests, half took at most",
	}
	for _, f := range figures {
		decoder := xml.NewDecoder(bytes.NewReader(f.SVG))
		for {
			if _, err := decoder.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", f.Kind, err)
			}
		}
		if bytes.Contains(f.SVG, []byte("NaN")) {
			t.Errorf("the %s figure has a place that is no number", f.Kind)
		}
		if !bytes.Contains(f.SVG, []byte(told[f.Kind])) {
			t.Errorf("the %s figure does not tell %q", f.Kind, told[f.Kind])
		}
		delete(told, f.Kind)
	}
	if len(told) > 0 {
		t.Errorf("no figure tells %v", told)
	}
}

func TestCellsBeyondTheRoomAreNotReadOverTime(t *testing.T) {
	run := simulated(t, 1, 1000)
	cells, err := Cells(run)
	if err != nil {
		t.Fatal(err)
	}
	err = eachFigure(run, slices.Repeat(cells, 10), nil, func(_, kind string, f figure) error {
		if notes := strings.Join(f.notes, "; "); !strings.Contains(notes, "the first 60 of 120 cells") {
			t.Errorf("%s: notes %q", kind, notes)
		}
		rows := len(f.panels[len(f.panels)-1][0].Y.Tick.Marker.Ticks(0, 0))
		if kind == "over-time" && rows != mostCells/2 {
			t.Errorf("events of %d timelines for each consumers level", rows)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
