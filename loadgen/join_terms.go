package loadgen

import (
	"cmp"
	"math"
	"slices"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// joined is one request as both sides saw it.
type joined struct {
	client *clientSample
	server *record.ServerSample
}

// joinedSpan is a stretch of a joined request's time.
type joinedSpan struct {
	span *measure.Span
	of   func(j joined) int64 // nanoseconds
	// floor is the least that can be, without the clocks' error; nil: 0.
	floor func(j joined) int64
}

// terms lie one after the other from the due time to the answer, so that they add up
// to the response time.
var terms = []joinedSpan{
	{span: measure.Lateness, of: func(j joined) int64 { return j.client.attemptedNs - j.client.dueNs }},
	{span: measure.RequestWire, of: joined.requestWireNs},
	{span: measure.SocketQueue, of: func(j joined) int64 { return j.server.ReadStart - j.arrived() }},
	{span: measure.Receive, of: func(j joined) int64 { return j.server.FrameComplete - j.server.ReadStart }},
	{span: measure.Dispatch, of: func(j joined) int64 { return j.server.EnqueueStart - j.server.FrameComplete }},
	{span: measure.RequestQueue, of: func(j joined) int64 { return j.server.Dequeued - j.server.EnqueueStart }},
	{span: measure.LocalTime, of: func(j joined) int64 { return j.server.LocalDone - j.server.Dequeued }},
	{span: measure.RemoteTime, of: func(j joined) int64 { return j.server.ResponseComplete - j.server.LocalDone }},
	{span: measure.ResponseQueue, of: func(j joined) int64 { return j.server.ResponseDequeued - j.server.ResponseComplete }},
	{span: measure.SendWait, of: func(j joined) int64 { return j.server.FirstWrite - j.server.ResponseDequeued }},
	{span: measure.Send, of: func(j joined) int64 { return j.server.LastByte - j.server.FirstWrite }},
	// The client may have the answer before the last send call has returned.
	{span: measure.ResponseWire, of: joined.responseWireNs,
		floor: func(j joined) int64 { return j.server.LastSend - j.server.LastByte }},
}

// beside are no terms: they overlap terms or lie after the answer.
func beside(serverStamps, clientStamps bool) []joinedSpan {
	spans := []joinedSpan{
		{span: measure.ConnectionWait, of: func(j joined) int64 { return j.client.begunNs - j.client.attemptedNs }},
		{span: measure.BackPressure, of: func(j joined) int64 { return j.client.lastByteNs - j.client.attemptedNs }},
	}
	if serverStamps {
		spans = append(spans, joinedSpan{span: measure.RequestNetwork, of: func(j joined) int64 { return j.server.Arrived - j.client.begunNs }})
	}
	if clientStamps {
		spans = append(spans,
			joinedSpan{span: measure.ResponseNetwork, of: func(j joined) int64 { return j.client.arrivedNs - j.server.LastSend }},
			joinedSpan{span: measure.AnswerRead, of: func(j joined) int64 { return j.client.answeredNs - j.client.arrivedNs }})
	}
	return append(spans, joinedSpan{span: measure.Reap, of: func(j joined) int64 { return j.server.Reaped - j.server.LastByte }})
}

// arrived is when the server's kernel had the request; without its stamp, when the
// server began to read it.
func (j joined) arrived() int64 { return cmp.Or(j.server.Arrived, j.server.ReadStart) }

func (j joined) requestWireNs() int64 { return j.arrived() - j.client.attemptedNs }

func (j joined) responseWireNs() int64 { return j.client.answeredNs - j.server.LastByte }

func (j joined) responseNs() int64 { return j.client.answeredNs - j.client.dueNs }

// below reports whether any span of the request is shorter than it can be.
func (j joined) below(clockErrorNs int64, groups ...[]joinedSpan) bool {
	for _, group := range groups {
		for _, s := range group {
			least := -clockErrorNs
			if s.floor != nil {
				least += s.floor(j)
			}
			if s.of(j) < least {
				return true
			}
		}
	}
	return false
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
