package loadgen

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"

	"golang.org/x/sys/unix"
	"gonum.org/v1/gonum/stat"
)

const (
	// addUpShare is how far mean terms may be from adding up to the mean response time,
	// besides sampleErrors standard errors of the wires' mean.
	addUpShare   = 0.05
	sampleErrors = 3
)

// slowestKept is how many of the slowest joined requests a record holds whole.
const slowestKept = 8

// join puts the samples of both sides together; nil: nothing was sampled.
func (e *evidence) join(m *record.Measurement) (*record.Join, error) {
	if e.samples == nil {
		return nil, nil
	}
	var server record.Samples
	if err := json.Unmarshal(e.samples, &server); err != nil {
		return nil, fmt.Errorf("decode the server's samples: %w", err)
	}
	l := e.load
	client, lost := l.clientSamples()
	requests := pair(client, server.Requests, l.protocol.api())
	r := &record.Join{
		Rule: l.sampling.rule, Client: len(client), Server: len(server.Requests), Joined: len(requests), Lost: lost + server.Lost,
		OneSegment: l.oneSegment(), ServerKernelStamps: server.KernelStamps, ClientKernelStamps: l.cfg.ClientStamps,
		ClockErrorNs: server.ClockErrorNs + l.wall.ErrorNs(),
	}
	if m.Broker().After != nil {
		r.RunQueue = runQueue(m.Broker().After)
	}
	if len(requests) > 0 {
		describe(r, requests)
		r.TermsOverResponse = termsOverResponse(r, m.Histograms, l.protocol.api())
	}
	return r, nil
}

func (l *load) clientSamples() (all []clientSample, lost int) {
	for _, r := range l.receivers {
		if r.tally.samples == nil {
			continue
		}
		kept, gone := r.tally.samples.Kept()
		all, lost = append(all, kept...), lost+gone
	}
	return all, lost
}

// pair finds the requests that both sides have, by correlation id; an id that a side
// has twice is nobody's.
func pair(client []clientSample, server []record.ServerSample, api string) []joined {
	byID := map[int32]*record.ServerSample{}
	for i := range server {
		s := &server[i]
		if s.API != api {
			continue
		}
		if _, twice := byID[s.ID]; twice {
			s = nil
		}
		byID[server[i].ID] = s
	}
	var all []joined
	for i := range client {
		c := &client[i]
		if s := byID[c.id]; s != nil {
			all = append(all, joined{c, s})
			byID[c.id] = nil
		}
	}
	return all
}

// oneSegment reports whether requests and answers fit into one TCP segment and are
// alone on their connections, so that the kernel's stamps are exact.
func (l *load) oneSegment() bool {
	c := l.connections[0]
	segment, err := unix.GetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG)
	return err == nil && l.cfg.InFlight == 1 && max(len(l.protocol.newFrame()), l.protocol.maxAnswerBytes()) <= segment
}

// describe enters the spans of all joined requests, and what single ones show.
func describe(r *record.Join, requests []joined) {
	for _, s := range terms {
		r.Terms = append(r.Terms, s.describe(requests))
	}
	others := beside(r.ServerKernelStamps, r.ClientKernelStamps)
	for _, s := range others {
		r.Beside = append(r.Beside, s.describe(requests))
	}
	var sum float64
	for _, j := range requests {
		sum += float64(j.responseNs())
		if r.OneSegment && j.below(r.ClockErrorNs, terms, others) {
			r.BelowClockError++
		}
	}
	r.MeanResponseNs = sum / float64(len(requests))
	r.WiresErrorNs = wiresError(requests)
	slices.SortFunc(requests, func(a, b joined) int { return cmp.Compare(b.responseNs(), a.responseNs()) })
	for _, j := range requests[:min(slowestKept, len(requests))] {
		one := record.JoinedRequest{ID: j.client.id, ResponseNs: j.responseNs()}
		for _, s := range terms {
			one.TermsNs = append(one.TermsNs, s.of(j))
		}
		r.Slowest = append(r.Slowest, one)
	}
}

// wiresError is the standard error of the mean of a request's two wires together, in
// nanoseconds: by so much a sample may miss the mean of all requests.
func wiresError(requests []joined) float64 {
	if len(requests) < 2 {
		return 0
	}
	wires := make([]float64, len(requests))
	for i, j := range requests {
		wires[i] = float64(j.requestWireNs() + j.responseWireNs())
	}
	return stat.StdErr(stat.StdDev(wires, nil), float64(len(wires)))
}

// termsOverResponse is the sum of mean terms over the mean response time of all
// requests: the wires' means are the joined requests', all others come from the
// histograms of the two sides, which know nothing of each other. 0: not known.
func termsOverResponse(r *record.Join, histograms hdr.Bundle, api string) float64 {
	response := histograms[measure.ResponseTime.Key(api)]
	if response == nil {
		response = histograms[measure.ServiceTime.Key(api)] // a closed loop
	}
	if response == nil || response.MeanNs() == 0 {
		return 0
	}
	var sum float64
	for _, t := range r.Terms {
		if t.Name == measure.RequestWire.Name || t.Name == measure.ResponseWire.Name {
			sum += t.MeanNs
		} else if h := histograms[hdr.Key{Stage: t.Name, API: api}]; h != nil {
			sum += h.MeanNs()
		}
	}
	return sum / response.MeanNs()
}

// addUp holds the sum of all mean terms against the mean response time. A request that
// was never answered, or with an error, has no terms.
func addUp(f *facts) (value, limit float64, applies bool) {
	j := f.m.Join
	if j == nil || j.TermsOverResponse == 0 || f.m.InFlightAtEnd > 0 || f.m.Errors > 0 {
		return 0, 0, false
	}
	edges := 2 * j.MeanResponseNs / float64(f.cfg.Window)
	sample := sampleErrors * j.WiresErrorNs / j.MeanResponseNs
	return 100 * math.Abs(j.TermsOverResponse-1), 100 * (addUpShare + edges + sample), true
}

// runQueue is how long each group of the server's threads waited for a CPU, for each
// answered request, since the server's start. It rests on the groups' sums: the list of
// threads is left out where there are many, and never holds those of the Go runtime, on
// which a model without threads of its own serves.
func runQueue(s *record.ServerSnapshot) []record.RunQueueWait {
	answered := s.Counters.AllResponses()
	if answered == 0 {
		return nil
	}
	var all []record.RunQueueWait
	for _, group := range slices.Sorted(maps.Keys(s.ThreadUse)) {
		use := s.ThreadUse[group]
		all = append(all, record.RunQueueWait{
			Group: group, Threads: use.Threads, TotalWait: use.RunQueueWaitNs,
			MeanNs: float64(use.RunQueueWaitNs) / float64(answered),
		})
	}
	return all
}
