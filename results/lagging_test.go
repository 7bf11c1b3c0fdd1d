package results

import (
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

func TestLaggingConsumersStandBesideTheTail(t *testing.T) {
	none, both := planned("reactor", "none"), planned("reactor", "both")
	r := newRun(t, none, both)
	commit(t, r, none, 1, measurement(record.Valid, 500, 1e6))
	for block := range 2 {
		m := measurement(record.Valid, 500, 1e6)
		m.Histograms[hdr.Key{Stage: "ServiceTime", API: "Fetch"}] = histogram(500, 1e6)
		m.Histograms[hdr.Key{Stage: "ServiceTime", API: measure.LaggingFetch}] = histogram(500, 5e7)
		commit(t, r, both, block+1, m)
	}
	cells := cellsOf(t, r)
	if d := cells[1].Spans[measure.ServiceTime.Key(measure.LaggingFetch)]; d.Count != 1000 {
		t.Errorf("%v lacks the lagging fetches of both trials", hdr.SortedKeys(cells[1].Spans))
	}
	for _, m := range NewDocument("runs/1", cells).Cells[1].Metrics {
		if m.API != "Produce" && m.API != "Fetch" {
			t.Errorf("the document has an API %q, which the protocol has not", m.API)
		}
		if m.API == "Fetch" && m.MaxNs > 2e6 {
			t.Errorf("fetches at the tail took %d ns: lagging ones are among them", m.MaxNs)
		}
	}
}
