package results

import (
	"bytes"
	"strings"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

func TestLaggingConsumersStandBesideTheTail(t *testing.T) {
	none, both := planned("reactor", "none"), planned("reactor", "both")
	r := newRun(t, none, both)
	commit(t, r, none, 1, measurement(record.Valid, 500, 1e6))
	for block, lagging := range []float64{100, 200} {
		m := measurement(record.Valid, 500, 1e6)
		m.LaggingMBps = lagging
		m.Histograms[hdr.Key{Stage: "ServiceTime", API: "Fetch"}] = histogram(500, 1e6)
		m.Histograms[hdr.Key{Stage: "ServiceTime", API: record.LaggingFetch}] = histogram(500, 5e7)
		commit(t, r, both, block+1, m)
	}
	cells := cellsOf(t, r)
	if cells[1].LaggingMBps != 150 || cells[1].Metric("ServiceTime", record.LaggingFetch).Count() != 1000 {
		t.Errorf("%g MB/s, %v", cells[1].LaggingMBps, cells[1].Histograms.Keys())
	}
	for _, m := range NewDocument("runs/1", cells).Cells[1].Metrics {
		if m.API != "Produce" && m.API != "Fetch" {
			t.Errorf("the document has an API %q, which the protocol has not", m.API)
		}
		if m.API == "Fetch" && m.MaxNs > 2e6 {
			t.Errorf("fetches at the tail took %d ns: lagging ones are among them", m.MaxNs)
		}
	}
	var with, without bytes.Buffer
	if err := Table(&with, cells); err != nil {
		t.Fatal(err)
	}
	if err := Table(&without, cells[:1]); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(with.String(), "lagging MB/s") || strings.Contains(without.String(), "lagging MB/s") {
		t.Errorf("with lagging consumers:\n%s\nwithout:\n%s", &with, &without)
	}
}
