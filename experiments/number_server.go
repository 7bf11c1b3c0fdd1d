package experiments

import (
	"strings"

	"c10klab/internal/record"
)

// serverNumbers are what server and generator know together, and what the server's
// threads did with their sockets.
var serverNumbers = []Number{
	{"terms_over_response", "sum of the mean terms of a request's time, Lateness to ResponseWire, over the mean ResponseTime", ofJoin(func(j *record.Join) (float64, bool) {
		return j.TermsOverResponse, j.TermsOverResponse > 0
	})},
	{"joined_requests", "requests whose stamps on both sides were joined", ofJoin(func(j *record.Join) (float64, bool) {
		return float64(j.Joined), true
	})},
	{"below_clock_error_requests", "joined requests with a term that is negative beyond the clocks' error", ofJoin(func(j *record.Join) (float64, bool) {
		return float64(j.BelowClockError), j.OneSegment
	})},
	{"request_wire_p99_us", "RequestWire p99 of joined requests: attempted until the server's kernel had the request", ofTerm("RequestWire")},
	{"response_wire_p99_us", "ResponseWire p99 of joined requests: last byte accepted until the client had read the answer", ofTerm("ResponseWire")},
	{"request_network_p99_us", "RequestNetwork p99 of joined requests: begin of the client's send call until the server's kernel had the request", ofTerm("RequestNetwork")},
	{"response_network_p99_us", "ResponseNetwork p99 of joined requests: begin of the server's last send call until the client's kernel had the answer", ofTerm("ResponseNetwork")},

	{"receive_us_per_request", "time in receive calls of the server, for each answered request", perRequest(func(io record.ThreadIO) float64 { return float64(io.ReceiveNs) / 1e3 })},
	{"send_us_per_request", "time in send calls of the server, for each answered request", perRequest(func(io record.ThreadIO) float64 { return float64(io.SendNs) / 1e3 })},
	{"send_blocked_us_per_request", "time that the server slept in send calls with file bytes, for each answered request", perRequest(func(io record.ThreadIO) float64 { return float64(io.BlockedNs) / 1e3 })},
	{"receive_calls_per_request", "receive calls of the server for each answered request", perRequest(func(io record.ThreadIO) float64 { return float64(io.ReceiveCalls) })},
	{"send_calls_per_request", "send calls of the server for each answered request", perRequest(func(io record.ThreadIO) float64 { return float64(io.SendCalls) })},
	{"received_bytes_per_call", "bytes that a receive call of the server brings, mean", func(t record.Trial) (float64, bool) {
		total := threadIO(t)
		return over(float64(total.ReceivedBytes), float64(total.ReceiveCalls))
	}},
	{"sent_bytes_per_call", "bytes that a send call of the server takes, mean", func(t record.Trial) (float64, bool) {
		total := threadIO(t)
		return over(float64(total.SentBytes), float64(total.SendCalls))
	}},
	{"request_queue_longest_requests", "most requests that waited in a request queue within the window", longestQueue("requests")},
	{"response_queue_longest_responses", "most complete responses that waited for a network thread within the window", longestQueue("responses")},
	{"send_queue_longest_responses", "most responses that waited for a send thread within the window", longestQueue("send")},
	{"handler_idle_ratio", "share of the window that handler threads waited for requests, mean (Kafka's RequestHandlerAvgIdlePercent)", func(t record.Trial) (float64, bool) {
		var idleNs, wallNs float64
		for _, p := range t.Measurement.Broker().HandlerIdle {
			idleNs += float64(p.IdleNs)
			wallNs += float64(p.Threads) * float64(p.WallNs)
		}
		return over(idleNs, wallNs)
	}},
}

// units are those of numbers, by the end of their names.
var units = []struct{ suffix, unit string }{
	{"_mb_s", "MB/s"}, {"_per_s", "1/s"}, {"_us_per_request", "µs"}, {"_ns_per_byte", "ns"}, {"_ms", "ms"}, {"_us", "µs"},
	{"_requests", "requests"}, {"_responses", "responses"}, {"_bytes_per_call", "bytes"}, {"_bytes", "bytes"}, {"_calls_per_request", "calls"},
}

// Unit is what the number counts, by its name; a ratio's is 1.
func (n Number) Unit() string {
	for _, u := range units {
		if strings.HasSuffix(n.Name, u.suffix) {
			return u.unit
		}
	}
	return "1"
}

// ofJoin reads a number from a trial with joined requests.
func ofJoin(of func(*record.Join) (float64, bool)) func(record.Trial) (float64, bool) {
	return func(t record.Trial) (float64, bool) {
		if j := t.Measurement.Join; j != nil && j.Joined > 0 {
			return of(j)
		}
		return 0, false
	}
}

// ofTerm reads the p99 of one of the spans of joined requests, in microseconds.
func ofTerm(name string) func(record.Trial) (float64, bool) {
	return ofJoin(func(j *record.Join) (float64, bool) {
		for _, terms := range [][]record.JoinTerm{j.Terms, j.Beside} {
			for _, t := range terms {
				if t.Name == name && t.P99Ns != nil {
					return float64(*t.P99Ns) / 1e3, true
				}
			}
		}
		return 0, false
	})
}

// threadIO adds up what the server's threads did within the window.
func threadIO(t record.Trial) (total record.ThreadIO) {
	for _, io := range t.Measurement.Broker().ThreadIO {
		total.ReceiveCalls += io.ReceiveCalls
		total.ReceivedBytes += io.ReceivedBytes
		total.SendCalls += io.SendCalls
		total.SentBytes += io.SentBytes
	}
	return total
}

// perRequest divides what the server's threads did by the number of answered requests.
func perRequest(part func(record.ThreadIO) float64) func(record.Trial) (float64, bool) {
	return func(t record.Trial) (float64, bool) {
		m := t.Measurement
		if len(m.Broker().ThreadIO) == 0 {
			return 0, false
		}
		var sum float64
		for _, io := range m.Broker().ThreadIO {
			sum += part(io)
		}
		return over(sum, m.ServerRequests(m.Broker()))
	}
}

// longestQueue is the most that waited in any queue of a kind.
func longestQueue(kind string) func(record.Trial) (float64, bool) {
	return func(t record.Trial) (longest float64, found bool) {
		if t.Measurement.Broker().After == nil {
			return 0, false
		}
		for _, q := range t.Measurement.Broker().After.Queues {
			if name, _, _ := strings.Cut(q.Name, "/"); name == kind {
				longest, found = max(longest, float64(q.Longest)), true
			}
		}
		return longest, found
	}
}
