package broker

import (
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// ownMetrics are the families that Kafka has no name for, in Prometheus's base
// units.
var ownMetrics = []Metric{
	{Name: "c10klab_stage_seconds", Unit: "s", labels: []string{"stage", "api"}, unitNs: float64(time.Second),
		Meaning: "time of a request by stage and API, with the measures beside the stages",
		spans: func(s *record.ServerSnapshot, yield func(*hdr.Histogram, ...string)) {
			for key, h := range s.Histograms {
				yield(h, key.Stage, key.API)
			}
		}},
	perThread("receive_calls_total", "calls", "recv and recvmsg calls", func(t record.ThreadIO) float64 { return float64(t.ReceiveCalls) }),
	perThread("received_bytes_total", "bytes", "bytes received", func(t record.ThreadIO) float64 { return float64(t.ReceivedBytes) }),
	perThread("receive_seconds_total", "s", "time in receive calls that brought bytes, without waiting for them", func(t record.ThreadIO) float64 { return seconds(t.ReceiveNs) }),
	perThread("send_calls_total", "calls", "send and sendfile calls", func(t record.ThreadIO) float64 { return float64(t.SendCalls) }),
	perThread("sent_bytes_total", "bytes", "bytes sent", func(t record.ThreadIO) float64 { return float64(t.SentBytes) }),
	perThread("send_seconds_total", "s", "time in send and sendfile calls", func(t record.ThreadIO) float64 { return seconds(t.SendNs) }),
	perThread("send_blocked_seconds_total", "s", "of the time in sends, asleep in calls with file bytes", func(t record.ThreadIO) float64 { return seconds(t.BlockedNs) }),
	{Name: "c10klab_queue_length", Unit: "items", labels: []string{"queue"}, gauge: true, Meaning: "items that wait in a queue between threads",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for _, q := range s.Queues {
				yield(float64(q.Now), q.Name)
			}
		}},
	{Name: "c10klab_queue_longest", Unit: "items", labels: []string{"queue"}, gauge: true, Meaning: "most items that waited in a queue since the last mark",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for _, q := range s.Queues {
				yield(float64(q.Longest), q.Name)
			}
		}},
	{Name: "c10klab_handler_idle_seconds_total", Unit: "s", labels: []string{"pool"}, Meaning: "time that a pool's handler threads waited for requests, summed",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for _, p := range s.HandlerIdle {
				yield(seconds(p.IdleNs), p.Pool)
			}
		}},
	{Name: "c10klab_queue_full_total", Unit: "requests", labels: []string{"policy"}, Meaning: "requests that found the request queue full, by what was done with them",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			yield(float64(s.Counters.Blocked), "block")
			yield(float64(s.Counters.Paused), "pause")
			yield(float64(s.Counters.Shed), "shed")
		}},
	{Name: "c10klab_connections_total", Unit: "connections", Meaning: "connections accepted",
		values: one(func(s *record.ServerSnapshot) float64 { return float64(s.Counters.Connections) })},
	{Name: "c10klab_throttled_fetches_total", Unit: "requests", Meaning: "fetches above a read quota",
		values: one(func(s *record.ServerSnapshot) float64 { return float64(s.Counters.ThrottledFetches) })},
	{Name: "c10klab_metrics_scrapes_total", Unit: "readings", Meaning: "readings of this page",
		values: one(func(s *record.ServerSnapshot) float64 { return float64(s.Counters.Scrapes) })},
}

// perThread is a family with a member for each name of threads.
func perThread(name, unit, meaning string, value func(record.ThreadIO) float64) Metric {
	return Metric{Name: "c10klab_thread_" + name, Unit: unit, labels: []string{"thread"}, Meaning: meaning,
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for _, t := range s.ThreadIO {
				yield(value(t), t.Name)
			}
		}}
}

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }
