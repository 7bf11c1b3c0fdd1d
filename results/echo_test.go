package results

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// echoed is a trial of a service that knows nothing of records, in a closed loop or with
// due times.
func echoed(closed bool) *record.Measurement {
	m := &record.Measurement{Outcome: record.Valid, WindowNs: 8e9, RequestsPerSec: 5000, Histograms: hdr.Bundle{}}
	waited := measure.ResponseTime
	if closed {
		waited = measure.ServiceTime
	}
	m.Histograms[waited.Key(measure.Echo)] = histogram(5000, 2e6)
	for _, s := range append(measure.SpansIn(measure.BrokerTable), measure.Stages...) {
		m.Histograms[s.Key(measure.Echo)] = histogram(5000, 1e6)
		m.Histograms[s.Key("Metadata")] = histogram(3, 1e6) // belongs to no load
	}
	return m
}

// Documents, tables and comparisons have what clients of any service waited.
func TestRunsOfEchoKeepTheirLatencies(t *testing.T) {
	for _, closed := range []bool{false, true} {
		cell := planned("reactor", "none")
		r := newRun(t, cell)
		for block := range 3 {
			commit(t, r, cell, block+1, echoed(closed))
		}
		waited := map[bool]*measure.Span{false: measure.ResponseTime, true: measure.ServiceTime}[closed]
		cells := cellsOf(t, r)
		var documented []string
		for _, m := range NewDocument("runs/1", cells).Cells[0].Metrics {
			documented = append(documented, m.Stage+"/"+m.API)
			if m.API != measure.Echo || m.P99Ns == nil {
				t.Errorf("closed %v: the document has %+v", closed, m)
			}
		}
		for _, s := range append(measure.SpansIn(measure.BrokerTable), waited) {
			if key := s.Key(measure.Echo).String(); !slices.Contains(documented, key) {
				t.Errorf("closed %v: the document lacks %s", closed, key)
			}
		}
		metrics, err := DefaultMetrics(r)
		if want := measure.At(waited.Key(measure.Echo), measure.P99); err != nil || !slices.Contains(metrics, want) {
			t.Errorf("closed %v: compared by %v, %v", closed, metrics, err)
		}
		var text bytes.Buffer
		if err := WriteMarkdown(&text, cells); err != nil {
			t.Fatal(err)
		}
		for _, table := range DetailedTables(cells) {
			text.WriteString(table.Markdown())
		}
		for _, wanted := range []string{"requests/s", waited.Name + " ms<br>p50 / p99 / p999", "Broker, Echo", "SocketQueue+Dispatch", "SendWait"} {
			if !strings.Contains(text.String(), wanted) {
				t.Errorf("closed %v: the tables lack %q:\n%s", closed, wanted, &text)
			}
		}
		if strings.Contains(text.String(), "Metadata") {
			t.Errorf("closed %v: the tables have requests that belong to no load:\n%s", closed, &text)
		}
	}
}

// TestThatNobodyStarvedIsShown: a share of 0 is a finding, where a rate of 0 only means that there was no such load.
func TestThatNobodyStarvedIsShown(t *testing.T) {
	cell := planned("reactor", "none")
	r := newRun(t, cell)
	m := echoed(true)
	m.Numbers = map[string]float64{measure.Starved.Name: 0}
	commit(t, r, cell, 1, m)
	c := &cellsOf(t, r)[0]
	if got := c.Shown(measure.Starved).Text; got != "0" {
		t.Errorf("the share of starved connections is shown as %q", got)
	}
	if got := c.Shown(measure.Fetched).Text; got != notSupported {
		t.Errorf("a rate of fetches that nobody made is shown as %q", got)
	}
}
