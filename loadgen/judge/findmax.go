package judge

import (
	"errors"
	"fmt"
	"math"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

const (
	findPrecision   = 1.05 // ratio of the two rates at which bisection ends
	runsPerDecision = 3    // at most; most of them must agree about a rate
	confirmations   = 3    // further runs that both ends of the result must stand
	mostRates       = 60   // tried one after the other; doubling passes every rate
)

// ErrRate says that a rate is beyond all that can be measured.
var ErrRate = errors.New("this machine cannot offer that rate")

// FindMax looks for the highest rate, in requests a second, at which the target holds
// an SLO. It doubles or halves a rate until one rate holds and another does not,
// halves the ratio between them until they are 5 % apart, and then measures both again:
// a rate that does not stand this is left and the interval widened. Every decision is the
// majority of up to three runs, each as measure makes it; report hears of every run.
//
// The result is an interval: its lower end held the SLO, its upper end did not. A run that was
// limited by generator or environment, or is ErrRate, says nothing and is made again; where no run
// says anything the rate counts as one that does not hold, and the result names the limit.
func FindMax(slo SLO, startPerSecond float64, measure func(perSecond float64) (*record.Measurement, error), report func(record.Probe)) (*record.MaxRate, error) {
	return newSearch(slo, measure, report).run(startPerSecond)
}

type search struct {
	slo     SLO
	measure func(perSecond float64) (*record.Measurement, error)
	report  func(record.Probe)
	tried   map[float64]tried
	probes  []record.Probe
	err     error // the first, after which nothing is measured
}

func newSearch(slo SLO, measure func(perSecond float64) (*record.Measurement, error), report func(record.Probe)) *search {
	return &search{slo: slo, measure: measure, report: report, tried: map[float64]tried{}}
}

// tried is what runs at one rate have said.
type tried struct {
	held, failed int
	limited      int            // those that said nothing
	limit        record.Outcome // of the last of them
}

// decided reports whether most runs of a decision agree, or none can be had.
func (t tried) decided() bool {
	const most = runsPerDecision/2 + 1
	return t.held >= most && t.held > t.failed || t.failed >= most && t.failed > t.held || t.limited >= runsPerDecision
}

func (t tried) holds() bool { return t.held > t.failed }

// said counts the runs that said something.
func (t tried) said() int { return t.held + t.failed }

func (s *search) run(startPerSecond float64) (*record.MaxRate, error) {
	low, high := s.bisect(s.bracket(startPerSecond))
	low = s.confirm(low, 1/findPrecision, true)
	high = s.confirm(high, findPrecision, false)
	if s.err != nil {
		return nil, s.err
	}
	return s.result(low, high), nil
}

// bracket finds a rate that holds and one that does not, a factor of 2 apart.
func (s *search) bracket(rate float64) (low, high float64) {
	for range mostRates {
		switch holds := s.decide(rate); {
		case s.err != nil, holds && high != 0:
			return rate, high
		case holds:
			low, rate = rate, 2*rate
		case low != 0:
			return low, rate
		default:
			high, rate = rate, rate/2
		}
	}
	s.err = fmt.Errorf("%s is not decided by any rate up to %g requests/s", s.slo, rate)
	return low, high
}

// bisect narrows the interval to findPrecision.
func (s *search) bisect(low, high float64) (float64, float64) {
	for s.err == nil && high/low > findPrecision {
		if middle := math.Sqrt(low * high); s.decide(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low, high
}

// confirm measures an end of the interval again, until as many runs as confirmations have
// said something or so many were limited that no more can be had. It moves the end outwards
// by a step for as long as most of all runs there do not say what they shall.
func (s *search) confirm(rate, step float64, shallHold bool) float64 {
	for range mostRates {
		wanted := s.tried[rate].said() + confirmations
		for n := 0; s.err == nil && s.tried[rate].said() < wanted && n < confirmations*runsPerDecision; n++ {
			s.probe(rate)
		}
		t := s.tried[rate]
		if stands := t.said() >= confirmations && t.holds(); s.err != nil || stands == shallHold {
			return rate
		}
		rate *= step
	}
	s.err = fmt.Errorf("%s: no rate gives the same answer again; the last was %g requests/s", s.slo, rate)
	return rate
}

// decide asks whether the SLO holds at a rate; a rate at which every run was limited
// does not count as one that holds.
func (s *search) decide(perSecond float64) bool {
	for s.err == nil && !s.tried[perSecond].decided() {
		s.probe(perSecond)
	}
	return s.tried[perSecond].holds()
}

// probe makes one run and enters what it says.
func (s *search) probe(perSecond float64) {
	m, err := s.measure(perSecond)
	if errors.Is(err, ErrRate) {
		m, err = &record.Measurement{Outcome: record.GeneratorLimited}, nil
	}
	if err != nil {
		s.err = fmt.Errorf("at %.1f requests/s: %w", perSecond, err)
		return
	}
	holds, found := s.slo.Of(m)
	p := record.Probe{PerSecond: perSecond, Outcome: m.Outcome, Holds: holds, FoundNs: found}
	t := s.tried[perSecond]
	switch {
	case p.Outcome.Limited():
		t.limited, t.limit = t.limited+1, p.Outcome
	case p.Holds:
		t.held++
	default:
		t.failed++
	}
	s.tried[perSecond] = t
	s.probes = append(s.probes, p)
	s.report(p)
}

func (s *search) result(low, high float64) *record.MaxRate {
	held, failed := s.tried[low], s.tried[high]
	r := &record.MaxRate{
		SLO: s.slo.String(), PerSecond: low, NotPerSecond: high, Uncertainty: high/low - 1,
		Held: held.held, HeldOf: held.said(), Failed: failed.failed, FailedOf: failed.said(), Probes: s.probes,
	}
	if failed.failed == 0 {
		r.LimitedBy = failed.limit
	}
	return r
}

// responseTimeOf is the ResponseTime of a measurement's producers.
func responseTimeOf(m *record.Measurement) *hdr.Histogram {
	for key, h := range m.Histograms {
		if measure.ResponseTime.Is(key) {
			return h
		}
	}
	return hdr.NewHistogram()
}
