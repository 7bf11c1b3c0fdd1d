package plots

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"c10klab/internal/measure"
	"c10klab/results"
)

var update = flag.Bool("update", false, "rewrite golden files")

// wantGolden compares the data of a figure with the committed ones.
func wantGolden(t *testing.T, name string, data any) {
	t.Helper()
	got, err := json.MarshalIndent(data, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
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
		t.Errorf("data differ from %s (go test ./plots -update accepts):\n%s", path, got)
	}
}

func rounded(x float64) float64 { return math.Round(x*1e3) / 1e3 }

func TestTailsAreAsCommitted(t *testing.T) {
	s := sourceOf(t, simulated(t, 8, 1000))
	type golden struct {
		Label, Outcome string
		Stands, Bounds bool
		Count          int64
		Tail           [2]float64
		ByTrial        [2][]float64
		Interval       [2]string
	}
	series := map[string][]golden{}
	for _, p := range s.panels(measure.ResponseTime.Key("Produce")) {
		for _, r := range p.rows {
			series[p.consumers] = append(series[p.consumers], golden{r.label, r.outcome, r.stands, r.bounds, r.count, r.tail, r.byTrial,
				[2]string{r.interval(0).String(), r.interval(1).String()}})
		}
	}
	wantGolden(t, "tails", series)
}

func TestStacksAreAsCommitted(t *testing.T) {
	s := sourceOf(t, simulated(t, 8, 1000))
	type golden struct {
		Label, Outcome string
		Stands         bool
		Count          int64
		MeansNs        []float64
		Total          string
	}
	series := map[string][]golden{}
	for _, level := range s.levels() {
		for _, st := range s.stacks("Produce", level) {
			g := golden{st.label, st.outcome, st.stands, st.count, nil, st.total.String()}
			for _, mean := range st.means {
				g.MeansNs = append(g.MeansNs, rounded(mean))
			}
			series[level] = append(series[level], g)
		}
	}
	wantGolden(t, "stacks", series)
}

func TestTimelinesAreAsCommitted(t *testing.T) {
	s := sourceOf(t, simulated(t, 1, 50_000))
	type golden struct {
		Label, Consumers, Outcome, Span string
		Block                           int
		PointsNs, Util                  [][2]float64
		Events                          []string
	}
	pace := choosePace(s.timelines)
	var series []golden
	for _, line := range s.timelines[:2] {
		g := golden{Label: line.label, Consumers: line.consumers, Outcome: line.outcome, Span: line.span + " " + pace.String(), Block: line.block}
		for _, p := range line.points(pace) {
			g.PointsNs = append(g.PointsNs, [2]float64{rounded(p.X), p.Y})
		}
		for _, u := range line.util {
			g.Util = append(g.Util, [2]float64{rounded(u.X), rounded(u.Y)})
		}
		for _, e := range line.events {
			g.Events = append(g.Events, fmt.Sprintf("%s at %g s took %g s: %s", e.kind, rounded(e.seconds), rounded(e.took), e.path))
		}
		series = append(series, g)
	}
	wantGolden(t, "timelines", series)
}

func TestHeatMapsAreAsCommitted(t *testing.T) {
	m := newHeatMaps(sourceOf(t, simulated(t, 1, 50_000)).timelines)
	type golden struct {
		LowNs, HighNs float64
		Most          int64
		Left          int
		Titles        []string
		// Fields are the first panel's, a line for each fifth step: rows, each with its
		// number of requests and its colour.
		Fields []string
	}
	g := golden{LowNs: m.lowNs, HighNs: m.highNs, Most: m.most, Left: m.left}
	for _, shown := range m.shown {
		g.Titles = append(g.Titles, fmt.Sprintf("%s, stands: %v", shown.title(), shown.stands))
	}
	last := -1
	for _, f := range m.shown[0].fields(m.lowNs, m.highNs) {
		if f.step%5 != 0 {
			continue
		}
		if f.step != last {
			last = f.step
			g.Fields = append(g.Fields, fmt.Sprintf("step %d:", f.step))
		}
		colour := heatColour(f.requests, m.most)
		g.Fields[len(g.Fields)-1] += fmt.Sprintf(" %d×%d#%02x%02x%02x", f.row, f.requests, colour.R, colour.G, colour.B)
	}
	wantGolden(t, "heat", g)
}

func TestHeatMapsBeyondTheRoomAreCounted(t *testing.T) {
	line := timeline{stepSeconds: 0.1, steps: [][]int64{{100, 1}}}
	m := newHeatMaps(append(slices.Repeat([]timeline{line}, mostHeatMaps+3), timeline{}))
	if len(m.shown) != mostHeatMaps || m.left != 3 {
		t.Errorf("%d shown, %d left", len(m.shown), m.left)
	}
}

func TestForestsAreAsCommitted(t *testing.T) {
	type row struct {
		Label, Text, Predicted string
		Median, Lo, Hi         float64
		Colour                 string
	}
	type golden struct {
		Low, High float64
		Left      int
		Rows      []row
		Legend    []string
	}
	figures := map[string]golden{}
	for name, effects := range map[string]bool{"ratios": false, "effects": true} {
		rows, left := ratioRows(simulatedRatios["write-100mbs"], effects)
		g := golden{Left: left}
		g.Low, g.High = ratioRange(rows)
		for _, r := range rows {
			e := r.Estimate
			shown := row{Label: r.Label, Text: r.text(), Median: rounded(e.Median), Colour: fmt.Sprint(r.glyph().Color)}
			if e.Bounded() {
				shown.Lo, shown.Hi = rounded(e.Lo), rounded(e.Hi)
			}
			if r.Relation != "" {
				shown.Predicted = fmt.Sprintf("%s %g", r.Relation, r.Threshold)
			}
			g.Rows = append(g.Rows, shown)
		}
		for _, entry := range forestLegend(rows) {
			g.Legend = append(g.Legend, entry.text)
		}
		figures[name] = g
	}
	wantGolden(t, "forests", figures)
}

func TestRatiosBeyondTheRoomAreCounted(t *testing.T) {
	one := Ratio{Estimate: results.MedianOf([]float64{2})}
	rows, left := ratioRows(append(slices.Repeat([]Ratio{one}, mostRatios+2), Ratio{}, Ratio{Effect: true, Estimate: one.Estimate}), false)
	if len(rows) != mostRatios || left != 2 {
		t.Errorf("%d shown, %d left", len(rows), left)
	}
}
