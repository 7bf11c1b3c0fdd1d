package plots

import (
	"slices"
	"testing"

	"c10klab/results"
)

func TestCrowdedPanelsArePartedByModel(t *testing.T) {
	cells := func(rates ...string) source {
		var s source
		for _, model := range []string{"reactor", "reactor-pool"} {
			for _, rate := range rates {
				s.cells = append(s.cells, results.Cell{Knobs: map[string]string{"model": model, "rate": rate, "consumers": "tail"}})
			}
		}
		return s
	}
	roomy := cells("60", "160")
	fs := roomy.facetsOf(mostLines)
	if want := []facet{{consumers: "tail"}}; !slices.Equal(fs.all, want) || fs.label(roomy, roomy.cells[3]) != "reactor-pool, rate 160" {
		t.Errorf("four lines: panels %v, last line %q", fs.all, fs.label(roomy, roomy.cells[3]))
	}
	crowded := cells("60", "80", "100", "120", "140", "160", "180")
	fs = crowded.facetsOf(mostLines)
	if want := []facet{{"tail", "reactor"}, {"tail", "reactor-pool"}}; !slices.Equal(fs.all, want) {
		t.Errorf("fourteen lines: panels %v, want %v", fs.all, want)
	}
	if labels := fs.labels(crowded); len(labels) != 7 || labels[0] != "rate 60" {
		t.Errorf("lines are called %q, want by rate alone", labels)
	}
	for _, cell := range crowded.cells {
		homes := 0
		for _, f := range fs.all {
			if f.has(cell.Knobs) {
				homes++
			}
		}
		if homes != 1 {
			t.Errorf("%v is in %d panels", cell.Knobs, homes)
		}
	}
	if rows := fs.rows(make([]*panelPlot, 7)); len(rows) != 3 || len(rows[2]) != 1 {
		t.Errorf("seven panels stand in %d rows", len(rows))
	}
}
