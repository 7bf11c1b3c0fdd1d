package experiments

import (
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
)

func TestFetchesOfLaggingConsumersAreAMetric(t *testing.T) {
	m, err := ParseMetric("ServiceTime/" + measure.LaggingFetch + " p99")
	if want := (hdr.Key{Stage: "ServiceTime", API: measure.LaggingFetch}); err != nil || m.Key() != want {
		t.Errorf("%v is of %v, want %v; %v", m, m.Key(), want, err)
	}
}
