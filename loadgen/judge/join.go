package judge

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

	"gonum.org/v1/gonum/stat"
)

const (
	// addUpShare is how far mean terms may be from adding up to the mean response time,
	// besides sampleErrors standard errors of the wires' mean.
	addUpShare   = 0.05
	sampleErrors = 3
	slowestKept  = 8 // of the slowest joined requests, whole
)

// joined is one request as both sides saw it.
type joined struct {
	client *Sample
	server *record.ServerSample
}

// joinedSpan is a stretch of a joined request's time.
type joinedSpan struct {
	span *measure.Span
	of   func(j joined) int64 // nanoseconds
	// floor is the least that can be, without the clocks' error; nil: 0.
	floor func(j joined) int64
}

// The first stage's beginning is the one boundary that may lack; lastByte is the end of
// Send, which the client may see.
var (
	arrived, readStart = beginOf(measure.SocketQueue), beginOf(measure.Receive)
	localDone          = beginOf(measure.RemoteTime)
	lastByte           = beginOf(measure.Send) + 1
)

// beginOf is the number of the boundary that a stage begins at; its end is the next.
func beginOf(s *measure.Span) int { return slices.Index(measure.Stages, s) }

// at is when the server passed a boundary; when it has no stamp of the request's arrival,
// that is when it began to read it.
func (j joined) at(boundary int) int64 {
	if ns := j.server.BoundariesNs[boundary]; ns != 0 || boundary != arrived {
		return ns
	}
	return j.server.BoundariesNs[readStart]
}

// stageSpans are the server's stages that begin at some boundaries.
func stageSpans(from, to int) (spans []joinedSpan) {
	for i := from; i < to; i++ {
		spans = append(spans, joinedSpan{span: measure.Stages[i], of: func(j joined) int64 { return j.at(i+1) - j.at(i) }})
	}
	return spans
}

// terms lie one after the other from the due time to the answer, so that they add up
// to the response time.
var terms = slices.Concat([]joinedSpan{
	{span: measure.Lateness, of: func(j joined) int64 { return j.client.AttemptedNs - j.client.DueNs }},
	{span: measure.RequestWire, of: joined.requestWireNs},
}, stageSpans(0, lastByte), []joinedSpan{
	// The client may have the answer before the last send call has returned.
	{span: measure.ResponseWire, of: joined.responseWireNs,
		floor: func(j joined) int64 { return j.server.LastSend - j.at(lastByte) }},
})

// beside are no terms: they overlap terms or lie after the answer.
func beside(serverStamps, clientStamps bool) []joinedSpan {
	spans := []joinedSpan{
		{span: measure.ConnectionWait, of: func(j joined) int64 { return j.client.BegunNs - j.client.AttemptedNs }},
		{span: measure.BackPressure, of: func(j joined) int64 { return j.client.LastByteNs - j.client.AttemptedNs }},
	}
	if serverStamps {
		spans = append(spans, joinedSpan{span: measure.RequestNetwork, of: func(j joined) int64 { return j.server.BoundariesNs[arrived] - j.client.BegunNs }})
	}
	if clientStamps {
		spans = append(spans,
			joinedSpan{span: measure.ResponseNetwork, of: func(j joined) int64 { return j.client.ArrivedNs - j.server.LastSend }},
			joinedSpan{span: measure.AnswerRead, of: func(j joined) int64 { return j.client.AnsweredNs - j.client.ArrivedNs }})
	}
	return append(spans, stageSpans(lastByte, len(measure.Stages))...)
}

func (j joined) requestWireNs() int64  { return j.at(arrived) - j.client.AttemptedNs }
func (j joined) responseWireNs() int64 { return j.client.AnsweredNs - j.at(lastByte) }
func (j joined) responseNs() int64     { return j.client.AnsweredNs - j.client.DueNs }

// below reports whether any of the request's spans is shorter than it can be.
func (j joined) below(clockErrorNs int64, spans []joinedSpan) bool {
	return slices.ContainsFunc(spans, func(s joinedSpan) bool {
		least := -clockErrorNs
		if s.floor != nil {
			least += s.floor(j)
		}
		return s.of(j) < least
	})
}

func (s joinedSpan) describe(requests []joined) record.JoinTerm {
	values := make([]int64, len(requests))
	var sum float64
	for i, j := range requests {
		values[i] = s.of(j)
		sum += float64(values[i])
	}
	slices.Sort(values)
	n := len(values)
	quantile := func(q float64) *int64 {
		if !hdr.Supports(int64(n), q) {
			return nil
		}
		return &values[max(0, int(math.Ceil(q*float64(n)))-1)]
	}
	return record.JoinTerm{Name: s.span.Name, MeanNs: sum / float64(n), MinNs: values[0], P50Ns: quantile(0.5), P99Ns: quantile(0.99), MaxNs: values[n-1]}
}

// Samples are what is needed to join the stamps of both sides.
type Samples struct {
	Join     record.Join // what the client knows of it
	Client   []Sample
	Arrivals []Arrival
	Server   []byte // record.Samples as JSON
	server   record.Samples
}

// pair decodes the server's samples and finds the requests that both sides have; none: nothing
// was sampled.
func (s *Samples) pair(api string) ([]joined, error) {
	if s == nil {
		return nil, nil
	}
	if err := json.Unmarshal(s.Server, &s.server); err != nil {
		return nil, fmt.Errorf("decode the server's samples: %w", err)
	}
	return pair(s.Client, s.server.Requests, api), nil
}

// join says what the requests that both sides have say; nil: nothing was sampled.
func (s *Samples) join(m *record.Measurement, requests []joined, api string) *record.Join {
	if s == nil {
		return nil
	}
	server, r := &s.server, &s.Join
	r.Client, r.Server, r.Joined = len(s.Client), len(server.Requests), len(requests)
	r.Lost += server.Lost
	r.ServerKernelStamps = server.KernelStamps
	r.ClockErrorNs += server.ClockErrorNs
	if after := m.Broker().After; after != nil {
		r.RunQueue = runQueue(after)
	}
	if len(requests) > 0 {
		describe(r, requests)
		r.TermsOverResponse = termsOverResponse(r, m.Histograms, api)
	}
	return r
}

// pair finds the requests that both sides have, by correlation id; an id that a side
// has twice is nobody's.
func pair(client []Sample, server []record.ServerSample, api string) []joined {
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
		if s := byID[c.ID]; s != nil {
			all = append(all, joined{c, s})
			byID[c.ID] = nil
		}
	}
	return all
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
	all := slices.Concat(terms, others)
	var sum float64
	for _, j := range requests {
		sum += float64(j.responseNs())
		if r.OneSegment && j.below(r.ClockErrorNs, all) {
			r.BelowClockError++
		}
	}
	r.MeanResponseNs = sum / float64(len(requests))
	r.WiresErrorNs = wiresError(requests)
	slices.SortFunc(requests, func(a, b joined) int { return cmp.Compare(b.responseNs(), a.responseNs()) })
	for _, j := range requests[:min(slowestKept, len(requests))] {
		one := record.JoinedRequest{ID: j.client.ID, ResponseNs: j.responseNs()}
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
func addUp(f *facts, j *record.Join) answer {
	if j.TermsOverResponse == 0 || f.m.InFlightAtEnd > 0 || f.m.Errors > 0 {
		return answer{}
	}
	edges := 2 * j.MeanResponseNs / float64(f.load.Window)
	sample := sampleErrors * j.WiresErrorNs / j.MeanResponseNs
	return answer{100 * math.Abs(j.TermsOverResponse-1), 100 * (addUpShare + edges + sample), true}
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
