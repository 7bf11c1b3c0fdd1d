package main

import (
	"c10klab/internal/record"
	"c10klab/results"
)

// printJoin prints where the joined requests' time went, term by term, and where the
// model makes requests wait unseen.
func printJoin(p *printer, m *record.Measurement) {
	j := m.Join
	if j == nil || j.Joined == 0 {
		return
	}
	p.line("\n%d requests as both sides saw them, joined by correlation id (of %d sampled here, %d there; %d lost); clocks agree to %s",
		j.Joined, j.Client, j.Server, j.Lost, results.FormatDuration(float64(j.ClockErrorNs)))
	p.line("%-22s %12s %7s %12s %12s %12s", "term", "mean", "share", "p50", "p99", "max")
	for _, t := range j.Terms {
		p.term(t, j.MeanResponseNs)
	}
	p.line("%-22s %12s %6.1f%%", "= response time", results.FormatDuration(j.MeanResponseNs), 100.0)
	p.line("no terms, but beside them or after the answer:")
	for _, t := range j.Beside {
		p.term(t, j.MeanResponseNs)
	}
	if j.TermsOverResponse > 0 {
		p.line("over all requests, the mean terms add up to %.3f of the mean response time", j.TermsOverResponse)
	}
	switch {
	case !j.ServerKernelStamps:
		p.line("the server's kernel stamps are off: SocketQueue is within RequestWire")
	case !j.OneSegment:
		p.line("requests or answers of several segments, or several in flight: SocketQueue is a lower bound")
	}
	if m.Broker().After == nil || m.Broker().After.Hides == "" {
		return
	}
	p.line("model %s hides %s", m.Broker().After.Knobs["model"], m.Broker().After.Hides)
	for _, r := range j.RunQueue {
		p.line("  %d threads %s waited for a CPU for %s a request, mean since the start", r.Threads, r.Group, results.FormatDuration(r.MeanNs))
	}
}

// term prints one stretch of the requests' time and its share of the whole.
func (p *printer) term(t record.JoinTerm, wholeNs float64) {
	quantile := func(ns *int64) string {
		if ns == nil {
			return "n/a"
		}
		return results.FormatDuration(float64(*ns))
	}
	p.line("%-22s %12s %6.1f%% %12s %12s %12s", t.Name, results.FormatDuration(t.MeanNs), 100*t.MeanNs/wholeNs,
		quantile(t.P50Ns), quantile(t.P99Ns), results.FormatDuration(float64(t.MaxNs)))
}
