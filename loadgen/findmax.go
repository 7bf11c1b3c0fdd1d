package loadgen

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"c10klab/internal/hdr"
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

// FindMax looks for the highest rate, in requests a second, at which the target holds
// an SLO. It doubles or halves cfg's rate until one rate holds and another does not,
// halves the ratio between them until they are 5 % apart, and then measures both again:
// a rate that does not stand this is left and the interval widened. Every decision is the
// majority of up to three runs, each as Run makes it. report hears of every run.
//
// The result is an interval: its lower end held the SLO, its upper end did not. A run that
// was limited by generator or environment says nothing and is made again; where no run
// says anything the rate counts as one that does not hold, and the result names the limit.
func FindMax(ctx context.Context, cfg Config, slo SLO, report func(record.Probe)) (*record.MaxRate, error) {
	if err := cfg.checkFind(slo); err != nil {
		return nil, err
	}
	s := &search{slo: slo, report: report, tried: map[float64]*tried{}}
	s.measure = func(perSecond float64) (*record.Measurement, error) {
		at := cfg.atRate(perSecond)
		if err := at.checkSupport(slo); err != nil {
			return nil, err
		}
		return Run(ctx, at)
	}
	found, err := s.run(cfg.Schedule.PerSecond)
	if err == nil && cfg.Protocol == ProtocolKafka {
		found.PerSecondMBps = found.PerSecond * float64(cfg.BatchBytes) / bytesPerMB
	}
	return found, err
}

// atRate is the same load at another rate.
func (c Config) atRate(perSecond float64) Config {
	c.Schedule.PerSecond = perSecond
	c.Text = maps.Clone(c.Text)
	c.Text["rate-requests"] = strconv.FormatFloat(perSecond, 'g', -1, 64)
	return c
}

// checkFind refuses loads that have no rate to look for.
func (c Config) checkFind(slo SLO) error {
	if err := c.check(); err != nil {
		return err
	}
	return firstBroken([]constraint{
		{!c.opensLoop(), "find-max needs mode open and producers: only they have a rate"},
		{c.Trace != nil, "find-max: a trace has its own rate"},
		{!c.answers(), "find-max: requests with acks 0 have no ResponseTime"},
	})
}

// checkSupport refuses a window in which too few requests fall due for the SLO's highest
// percentile.
func (c Config) checkSupport(slo SLO) error {
	expected := c.Schedule.PerSecond * c.Window.Seconds()
	if hdr.Supports(int64(expected), slo.highest()) || slo.highest() == 0 && expected >= 1 {
		return nil
	}
	return fmt.Errorf("knob window: the %.0f requests due in %v at %g/s are too few to tell %s", expected, c.Window, c.Schedule.PerSecond, slo)
}
