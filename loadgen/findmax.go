package loadgen

import (
	"cmp"
	"context"
	"maps"
	"strconv"

	"c10klab/internal/record"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

// CheckFindMax refuses a search that could find nothing.
func (c Config) CheckFindMax(slo judge.SLO) error {
	err := firstBroken([]constraint{
		{!c.plan().OffersRequests(), "find-max needs mode open and producers: only they have a rate"},
		{c.Trace != nil, "find-max: a trace has its own rate"},
		{!c.answers(), "find-max: requests with acks 0 have no ResponseTime"},
	})
	return cmp.Or(err, slo.CheckSupport(c.Schedule.PerSecond, c.Window))
}

// CheckSLO refuses an SLO of a run that measures no ResponseTime, or too few to tell.
func (c Config) CheckSLO(slo judge.SLO) error {
	err := firstBroken([]constraint{
		{!c.plan().OffersRequests(), "slo bounds ResponseTime, which only mode open and producers have"},
		{!c.answers(), "slo bounds ResponseTime, which requests with acks 0 do not have"},
	})
	return cmp.Or(err, slo.CheckSupport(c.Schedule.PerSecond, c.Window))
}

// FindMax looks for the highest rate at which the target holds an SLO, beginning with cfg's, as
// judge.FindMax does; each of its runs is as Run makes it. report hears of every run.
func FindMax(ctx context.Context, cfg Config, slo judge.SLO, report func(record.Probe)) (*record.MaxRate, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := cfg.CheckFindMax(slo); err != nil {
		return nil, err
	}
	found, err := judge.FindMax(slo, cfg.Schedule.PerSecond, func(perSecond float64) (*record.Measurement, error) {
		if err := slo.CheckSupport(perSecond, cfg.Window); err != nil {
			return nil, err
		}
		cfg.Schedule.PerSecond = perSecond
		cfg.Text = maps.Clone(cfg.Text)
		cfg.Text["rate-requests"] = strconv.FormatFloat(perSecond, 'g', -1, 64)
		return Run(ctx, cfg)
	}, report)
	if err == nil && cfg.Protocol == plan.ProtocolKafka {
		found.PerSecondMBps = found.PerSecond * float64(cfg.BatchBytes) / bytesPerMB
	}
	return found, err
}
