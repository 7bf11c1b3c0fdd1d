package measure

import (
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

func TestPercentilesBeyondTheLeastAgeAreBounds(t *testing.T) {
	key := ServiceTime.Key(Echo)
	d := hdr.Values{Count: 100_000, MeanNs: 1e6, P50Ns: 9e5, P99Ns: 5e6, P999Ns: 8e6, MaxNs: 9e6}.Digest()
	knobs := map[string]string{"mode": "closed", "consumers": "none", "in-flight": "1"}
	of := func(rate float64, censored map[string]record.Censored) *record.Trial {
		return &record.Trial{Measurement: &record.Measurement{RequestsPerSec: rate, Knobs: knobs, Connections: &record.Connections{Open: 1000, Idle: 900}, Censored: censored}}
	}
	for name, c := range map[string]struct {
		trial    *record.Trial
		p50, p99 bool
	}{
		"none was without an answer":              {of(1, map[string]record.Censored{}), false, false},
		"the least age lies between":              {of(1, map[string]record.Censored{key.String(): {Count: 3, LeastNs: 4e6, MostNs: 9e6}}), false, true},
		"older: rate × time is the active ones":   {of(99_000, nil), false, false},
		"older: a tenth of the active ones lacks": {of(90_000, nil), true, true},
		"newer, which counted and would say so":   {of(90_000, map[string]record.Censored{}), false, false},
	} {
		bounded := Bounded(c.trial, key, d)
		if p50, p99 := At(key, P50).OfDigest(bounded), At(key, P99).OfDigest(bounded); p50.Bound != c.p50 || p99.Bound != c.p99 {
			t.Errorf("%s: p50 is a bound: %v, p99: %v; want %v, %v", name, p50.Bound, p99.Bound, c.p50, c.p99)
		}
	}
}
