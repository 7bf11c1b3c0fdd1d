package experiments

import (
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

func TestFetchesOfLaggingConsumersAreAMetric(t *testing.T) {
	m, err := ParseMetric("ServiceTime/" + record.LaggingFetch + " p99")
	if want := (hdr.Key{Stage: "ServiceTime", API: record.LaggingFetch}); err != nil || m.key != want {
		t.Errorf("%v is of %v, want %v; %v", m, m.key, want, err)
	}
}
