package measure

import (
	"testing"

	"c10klab/internal/record"
)

func TestServerNumbersAreThoseOfTheWindow(t *testing.T) {
	p99 := int64(7000)
	trial := record.Trial{Measurement: &record.Measurement{
		RequestsPerSec: 100, WindowNs: 2e9,
		Join: &record.Join{Joined: 50, TermsOverResponse: 0.99, OneSegment: true, BelowClockError: 1,
			Terms: []record.JoinTerm{{Name: "RequestWire", P99Ns: &p99}, {Name: "ResponseWire"}}},
		Servers: []record.ServerUse{{Name: record.Broker, ThreadIO: []record.ThreadIO{
			{Name: "net-0", ReceiveCalls: 300, ReceivedBytes: 6000, ReceiveNs: 400_000, SendCalls: 200, SentBytes: 8000, SendNs: 1_000_000, BlockedNs: 600_000},
			{Name: "net-1", ReceiveCalls: 100, SendCalls: 200},
		},
			HandlerIdle: []record.HandlerIdle{{Pool: "io", Threads: 2, IdleNs: 3e9, WallNs: 2e9}},
			After: &record.ServerSnapshot{Queues: []record.QueueLength{
				{Name: "requests", Longest: 3}, {Name: "requests/fetch-io", Longest: 5}, {Name: "responses/net-0", Longest: 8}, {Name: "responses/net-1", Longest: 2}}}}},
	}}
	for name, want := range map[string]float64{
		"terms_over_response": 0.99, "joined_requests": 50, "below_clock_error_requests": 1, "request_wire_p99_us": 7,
		"receive_us_per_request": 2, "send_us_per_request": 5, "send_blocked_us_per_request": 3,
		"receive_calls_per_request": 2, "send_calls_per_request": 2, "received_bytes_per_call": 15, "sent_bytes_per_call": 20,
		"request_queue_longest_requests": 5, "response_queue_longest_responses": 8, "handler_idle_ratio": 0.75,
	} {
		metric, err := ParseMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := metric.Of(&trial); got.Value != want || !got.Supported {
			t.Errorf("%s is %g (known: %v), want %g", name, got.Value, got.Supported, want)
		}
	}
	for _, name := range []string{"response_wire_p99_us", "request_network_p99_us", "send_queue_longest_responses"} {
		metric, err := ParseMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := metric.Of(&trial); got.Supported {
			t.Errorf("%s is %g, and nothing was measured of it", name, got.Value)
		}
	}
}

func TestServerNumbersAreDividedByTheServersOwnWindow(t *testing.T) {
	// The snapshots were three seconds apart, the client's window was two.
	trial := record.Trial{Measurement: &record.Measurement{
		RequestsPerSec: 100, WindowNs: 2e9, AckedMBps: 1, FetchedMBps: 1,
		Servers: []record.ServerUse{{Name: record.Broker, Process: &record.Process{CPUNs: 600_000_000, VoluntarySwitches: 1200, InvoluntarySwitches: 600},
			Window:   &record.ServerWindow{Ns: 3e9, Requests: 600, Bytes: 6_000_000},
			ThreadIO: []record.ThreadIO{{Name: "conn", ReceiveCalls: 1200, SendCalls: 600, SendNs: 3_000_000}}}},
	}}
	for name, want := range map[string]float64{
		"server_cpu_us_per_request": 1000, "server_cpu_ns_per_byte": 100, "server_switches_per_s": 400, "server_switches_per_request": 2,
		"server_preemptions_per_request": 1, "receive_calls_per_request": 2, "send_us_per_request": 5, "requests_per_s": 100,
	} {
		metric, err := ParseMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := metric.Of(&trial); got.Value != want || !got.Supported {
			t.Errorf("%s is %g (known: %v), want %g", name, got.Value, got.Supported, want)
		}
	}
}
