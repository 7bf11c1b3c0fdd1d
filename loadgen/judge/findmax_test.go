package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

func mustParseSLO(t *testing.T, text string) SLO {
	t.Helper()
	s, err := ParseSLO(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSLOIsReadAndHeldAgainstAHistogram(t *testing.T) {
	h := hdr.NewHistogram()
	h.RecordN(int64(time.Millisecond), 990)
	h.RecordN(int64(50*time.Millisecond), 10)
	for text, want := range map[string]bool{
		"p50<2ms": true, "p99<2ms": true, "p999<20ms": false, "p99.9<20ms": false, "p99.9<60ms": true,
		"mean<2ms": true, "max<20ms": false, "p50<2ms, max<1s": true, "p50<2ms,max<1ms": false,
	} {
		if got, found := mustParseSLO(t, text).holds(h); got != want {
			t.Errorf("%s holds: %v, want %v; found %v", text, got, want, found)
		}
	}
	if q := mustParseSLO(t, "p999<1s,p50<1ms").highest(); math.Abs(q-0.999) > 1e-9 {
		t.Errorf("the highest quantile is %g", q)
	}
}

func TestSenselessSLOsAreRefused(t *testing.T) {
	for _, text := range []string{"", "p99", "p99<", "p99<20", "p99<-1ms", "p0<1ms", "p100<1ms", "q99<1ms", "p<1ms", "p99>1ms", "p99<1ms,"} {
		if _, err := ParseSLO(text); err == nil || !strings.Contains(err.Error(), "SLO") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// target simulates runs against a target that holds the SLO below its capacity and
// decides by chance within a few percent of it.
type simulatedTarget struct {
	random    *rand.Rand
	capacity  float64
	blur      float64        // half width of the range of chance, as a share
	limitFrom float64        // the generator cannot offer more; 0: it can
	limit     record.Outcome // … and says so
	hiccup    int            // every so many runs the environment limits; 0: never
	// impossibleFrom is where there are no runs at all; 0: nowhere.
	impossibleFrom float64
	runs           int
}

func (s *simulatedTarget) measure(perSecond float64) (*record.Measurement, error) {
	s.runs++
	if s.impossibleFrom > 0 && perSecond > s.impossibleFrom {
		return nil, fmt.Errorf("%w: %g", ErrRate, perSecond)
	}
	m := &record.Measurement{Outcome: record.Valid, Histograms: hdr.Bundle{}}
	h := hdr.NewHistogram()
	m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Echo"}] = h
	ns := time.Millisecond
	if perSecond > s.capacity*(1+s.blur*(2*s.random.Float64()-1)) {
		ns = time.Second
	}
	h.RecordN(int64(ns), 1000)
	if s.limitFrom > 0 && perSecond > s.limitFrom {
		m.Outcome = s.limit
	}
	if s.hiccup > 0 && s.runs%s.hiccup == 0 {
		m.Outcome = record.EnvironmentLimited
	}
	return m, nil
}

func searchFor(t *testing.T, target *simulatedTarget) *search {
	target.random = rand.New(rand.NewPCG(7, 7))
	return newSearch(mustParseSLO(t, "p99<20ms"), target.measure, func(record.Probe) {})
}

func TestFindMaxEnclosesTheCapacity(t *testing.T) {
	for name, c := range map[string]struct {
		target simulatedTarget
		start  float64
		widest float64
	}{
		"from below":             {simulatedTarget{capacity: 12_345}, 100, 0.05},
		"from above":             {simulatedTarget{capacity: 12_345}, 1e6, 0.05},
		"chance near the limit":  {simulatedTarget{capacity: 12_345, blur: 0.03}, 5000, 0.2},
		"from the impossible":    {simulatedTarget{capacity: 12_345, impossibleFrom: 50_000}, 1e7, 0.05},
		"disturbed now and then": {simulatedTarget{capacity: 12_345, hiccup: 4}, 5000, 0.05},
		"disturbed every other":  {simulatedTarget{capacity: 12_345, hiccup: 2}, 5000, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := searchFor(t, &c.target).run(c.start)
			if err != nil {
				t.Fatal(err)
			}
			least, most := c.target.capacity*(1-c.target.blur), c.target.capacity*(1+c.target.blur)
			if found.PerSecond > most || found.NotPerSecond < least || found.PerSecond >= found.NotPerSecond {
				t.Errorf("[%g, %g] does not enclose %g", found.PerSecond, found.NotPerSecond, c.target.capacity)
			}
			if found.Uncertainty > c.widest || found.LimitedBy != "" {
				t.Errorf("uncertainty %.3f, limited by %q", found.Uncertainty, found.LimitedBy)
			}
			if found.HeldOf < confirmations || found.FailedOf < confirmations || found.Held*2 <= found.HeldOf || found.Failed*2 <= found.FailedOf || len(found.Probes) != c.target.runs {
				t.Errorf("held %d of %d, failed %d of %d, %d probes of %d runs", found.Held, found.HeldOf, found.Failed, found.FailedOf, len(found.Probes), c.target.runs)
			}
		})
	}
}

func TestFindMaxNamesALimitThatIsNotTheTargets(t *testing.T) {
	found, err := searchFor(t, &simulatedTarget{capacity: 1e6, limitFrom: 30_000, limit: record.GeneratorLimited}).run(1000)
	if err != nil {
		t.Fatal(err)
	}
	if found.LimitedBy != record.GeneratorLimited || found.PerSecond > 30_000 || found.NotPerSecond < 30_000 {
		t.Errorf("[%g, %g] limited by %q", found.PerSecond, found.NotPerSecond, found.LimitedBy)
	}
}

func TestFindMaxGivesUpOnATargetThatHoldsNothing(t *testing.T) {
	if found, err := searchFor(t, &simulatedTarget{capacity: 0}).run(1000); err == nil || !strings.Contains(err.Error(), "p99<20ms") {
		t.Errorf("found %v, %v", found, err)
	}
}
