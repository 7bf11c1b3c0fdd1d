package experiments

import (
	"testing"

	"c10klab/internal/record"
	"c10klab/results"
)

func TestRatesAreMetrics(t *testing.T) {
	m := &record.Measurement{AckedMBps: 1, OfferedMBps: 4, TailMBps: 2, LaggingMBps: 3, FetchedMBps: 5}
	for text, want := range map[string]float64{"rate_mb_s": 1, "rate_held": 0.25, "tail_mb_s": 2, "lagging_mb_s": 3, "fetched_mb_s": 5} {
		metric, err := ParseMetric(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok, err := metric.Of(nil, results.Trial{Measurement: m})
		if err != nil || !ok || got != want || metric.IsDuration() || metric.IsCount() {
			t.Errorf("%s is %g, %v, %v; want %g", text, got, ok, err, want)
		}
	}
	if _, err := ParseMetric("ServiceTime/" + record.LaggingFetch + " p99"); err != nil {
		t.Error(err)
	}
}
