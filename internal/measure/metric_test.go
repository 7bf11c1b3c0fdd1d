package measure

import (
	"testing"

	"c10klab/internal/hdr"
)

func TestFetchesOfLaggingConsumersAreAMetric(t *testing.T) {
	m, err := ParseMetric("ServiceTime/" + LaggingFetch + " p99")
	if want := (hdr.Key{Stage: "ServiceTime", API: LaggingFetch}); err != nil || m.key != want {
		t.Errorf("%v is of %v, want %v; %v", m, m.key, want, err)
	}
}
