package loadgen

import (
	"context"
	"maps"
	"strconv"

	"c10klab/internal/record"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

// FindMax looks for the highest rate at which the target holds an SLO, beginning with cfg's, as
// judge.FindMax does; each of its runs is as Run makes it. report hears of every run.
func FindMax(ctx context.Context, cfg Config, slo judge.SLO, report func(record.Probe)) (*record.MaxRate, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	err := firstBroken([]constraint{
		{!cfg.plan().OffersRequests(), "find-max needs mode open and producers: only they have a rate"},
		{cfg.Trace != nil, "find-max: a trace has its own rate"},
		{!cfg.answers(), "find-max: requests with acks 0 have no ResponseTime"},
	})
	if err != nil {
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
