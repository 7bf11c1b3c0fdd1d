package judge

import (
	"errors"
	"fmt"
	"math"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// How FindMax searches.
const (
	// findPrecision is the ratio of the two rates at which bisection ends.
	findPrecision = 1.05
	// runsPerDecision bounds the runs that decide about a rate: most of them must agree.
	runsPerDecision = 3
	// confirmations are the further runs that both ends of the result must stand.
	confirmations = 3
	// mostRates bounds the rates tried one after the other; doubling passes every rate.
	mostRates = 60
)

// ErrRate says that a rate is beyond all that can be measured.
var ErrRate = errors.New("this machine cannot offer that rate")

// FindMax looks for the highest rate, in requests a second, at which the target holds
// an SLO. It doubles or halves a rate until one rate holds and another does not,
// halves the ratio between them until they are 5 % apart, and then measures both again:
// a rate that does not stand this is left and the interval widened. Every decision is the
// majority of up to three runs, each as measure makes it; report hears of every run.
//
// The result is an interval: its lower end held the SLO, its upper end did not. A run that
// was limited by generator or environment, or is ErrRate, says nothing and is made again;
// where no run says anything the rate counts as one that does not hold, and the result
// names the limit.
func FindMax(slo SLO, startPerSecond float64, measure func(perSecond float64) (*record.Measurement, error), report func(record.Probe)) (*record.MaxRate, error) {
	return newSearch(slo, measure, report).run(startPerSecond)
}

// search is one FindMax.
type search struct {
	slo     SLO
	measure func(perSecond float64) (*record.Measurement, error)
	report  func(record.Probe)
	tried   map[float64]*tried
	probes  []record.Probe
}

func newSearch(slo SLO, measure func(perSecond float64) (*record.Measurement, error), report func(record.Probe)) *search {
	return &search{slo: slo, measure: measure, report: report, tried: map[float64]*tried{}}
}

// tried is what runs at one rate have said.
type tried struct {
	held, failed int
	// limited counts runs that said nothing, limit is the last one's outcome.
	limited int
	limit   record.Outcome
}

// decided reports whether most runs of a decision agree, or none can be had.
func (t *tried) decided() bool {
	const most = runsPerDecision/2 + 1
	return t.held >= most && t.held > t.failed || t.failed >= most && t.failed > t.held || t.limited >= runsPerDecision
}

func (t *tried) holds() bool { return t.held > t.failed }

// stands reports whether a rate holds after it was measured again: of enough runs that
// said something, most held.
func (t *tried) stands() bool { return t.said() >= confirmations && t.holds() }

// said counts the runs that said something.
func (t *tried) said() int {
	if t == nil {
		return 0
	}
	return t.held + t.failed
}

func (s *search) run(startPerSecond float64) (*record.MaxRate, error) {
	low, high, err := s.bracket(startPerSecond)
	if err != nil {
		return nil, err
	}
	if low, high, err = s.bisect(low, high); err != nil {
		return nil, err
	}
	if low, err = s.confirm(low, 1/findPrecision, true); err != nil {
		return nil, err
	}
	if high, err = s.confirm(high, findPrecision, false); err != nil {
		return nil, err
	}
	return s.result(low, high), nil
}

// bracket finds a rate that holds and one that does not, a factor of 2 apart.
func (s *search) bracket(rate float64) (low, high float64, err error) {
	for range mostRates {
		holds, err := s.decide(rate)
		switch {
		case err != nil:
			return 0, 0, err
		case holds && high != 0:
			return rate, high, nil
		case holds:
			low, rate = rate, 2*rate
		case low != 0:
			return low, rate, nil
		default:
			high, rate = rate, rate/2
		}
	}
	return 0, 0, fmt.Errorf("%s is not decided by any rate up to %g requests/s", s.slo, rate)
}

// bisect narrows the interval to findPrecision.
func (s *search) bisect(low, high float64) (float64, float64, error) {
	for high/low > findPrecision {
		middle := math.Sqrt(low * high)
		holds, err := s.decide(middle)
		if err != nil {
			return 0, 0, err
		}
		if holds {
			low = middle
		} else {
			high = middle
		}
	}
	return low, high, nil
}

// confirm measures an end of the interval again, and moves it outwards by a step for as
// long as most of all runs there do not say what they shall.
func (s *search) confirm(rate, step float64, shallHold bool) (float64, error) {
	for range mostRates {
		if err := s.measureAgain(rate); err != nil {
			return 0, err
		}
		if s.tried[rate].stands() == shallHold {
			return rate, nil
		}
		rate *= step
	}
	return 0, fmt.Errorf("%s: no rate gives the same answer again; the last was %g requests/s", s.slo, rate)
}

// measureAgain makes runs at a rate until as many as confirmations have said something,
// or so many were limited that no more can be had.
func (s *search) measureAgain(rate float64) error {
	wanted := s.tried[rate].said() + confirmations
	for n := 0; s.tried[rate].said() < wanted && n < confirmations*runsPerDecision; n++ {
		if err := s.probe(rate); err != nil {
			return err
		}
	}
	return nil
}

// decide asks whether the SLO holds at a rate; a rate at which every run was limited
// does not count as one that holds.
func (s *search) decide(perSecond float64) (bool, error) {
	for t := s.tried[perSecond]; t == nil || !t.decided(); t = s.tried[perSecond] {
		if err := s.probe(perSecond); err != nil {
			return false, err
		}
	}
	return s.tried[perSecond].holds(), nil
}

// probe makes one run and enters what it says.
func (s *search) probe(perSecond float64) error {
	m, err := s.measure(perSecond)
	if errors.Is(err, ErrRate) {
		m, err = &record.Measurement{Outcome: record.GeneratorLimited}, nil
	}
	if err != nil {
		return fmt.Errorf("at %g requests/s: %w", perSecond, err)
	}
	within, found := s.slo.holds(responseTimeOf(m))
	p := record.Probe{PerSecond: perSecond, Outcome: m.Outcome, Holds: within && m.Outcome == record.Valid && m.Errors == 0, FoundNs: found}
	s.enter(p)
	s.probes = append(s.probes, p)
	s.report(p)
	return nil
}

func (s *search) enter(p record.Probe) {
	t := s.tried[p.PerSecond]
	if t == nil {
		t = &tried{}
		s.tried[p.PerSecond] = t
	}
	switch {
	case p.Outcome.Limited():
		t.limited, t.limit = t.limited+1, p.Outcome
	case p.Holds:
		t.held++
	default:
		t.failed++
	}
}

func (s *search) result(low, high float64) *record.MaxRate {
	held, failed := s.tried[low], s.tried[high]
	r := &record.MaxRate{
		SLO: s.slo.String(), PerSecond: low, NotPerSecond: high, Uncertainty: high/low - 1,
		Held: held.held, HeldOf: held.held + held.failed, Failed: failed.failed, FailedOf: failed.held + failed.failed, Probes: s.probes,
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
