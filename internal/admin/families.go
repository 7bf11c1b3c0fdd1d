package admin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// Families lists the families of the metrics page. Where Kafka has the thing, the
// name is that which the Prometheus JMX exporter's example rules for Kafka give
// it (lowercaseOutputName: "…PerSec" Count becomes "…_total", "…Percent" becomes
// "…_percent", percentiles become quantile labels). Everything counts since the
// server's start; idle shares are over all of it, as Kafka's MeanRate is.
var Families = slices.Concat(requestTimes(), countFamilies(), []Family{
	{Name: "kafka_network_requestmetrics_requests_total", Unit: "requests", labels: []string{"request"},
		Meaning: "complete frames received, by API", Kafka: "kafka.network:type=RequestMetrics,name=RequestsPerSec,request=*",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for api, n := range s.Counters.Requests {
				yield(float64(n), api)
			}
		}},
	{Name: "kafka_network_requestchannel_requestqueuesize", Unit: "requests", gauge: true,
		Meaning: "requests in all request queues", Kafka: "kafka.network:type=RequestChannel,name=RequestQueueSize",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			total, any := 0, false
			for _, q := range s.Queues {
				if kind, _, _ := strings.Cut(q.Name, "/"); kind == "requests" {
					total, any = total+q.Now, true
				}
			}
			if any {
				yield(float64(total))
			}
		}},
	{Name: "kafka_network_requestchannel_responsequeuesize", Unit: "responses", gauge: true, labels: []string{"processor"},
		Meaning: "complete responses that wait for a network thread", Kafka: "kafka.network:type=RequestChannel,name=ResponseQueueSize,processor=*",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for _, q := range s.Queues {
				if thread, found := strings.CutPrefix(q.Name, "responses/"); found {
					yield(float64(q.Now), processor(thread))
				}
			}
		}},
	{Name: "kafka_network_socketserver_networkprocessoravgidle_percent", Unit: "1", gauge: true,
		Meaning: "share of their time that network threads wait in the poll, mean", Kafka: "kafka.network:type=SocketServer,name=NetworkProcessorAvgIdlePercent",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			sum := 0.0
			for _, l := range s.LoopTimes {
				sum += float64(l.IOWaitNs) / float64(max(1, l.WallNs))
			}
			if n := len(s.LoopTimes); n > 0 {
				yield(sum / float64(n))
			}
		}},
	{Name: "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", Unit: "1", gauge: true,
		Meaning: "share of their time that handler threads wait for requests, mean", Kafka: "kafka.server:type=KafkaRequestHandlerPool,name=RequestHandlerAvgIdlePercent",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			var idleNs, wallNs int64
			for _, p := range s.HandlerIdle {
				idleNs += p.IdleNs
				wallNs += int64(p.Threads) * p.WallNs
			}
			if wallNs > 0 {
				yield(float64(idleNs) / float64(wallNs))
			}
		}},
	{Name: "kafka_server_socket_server_metrics_io_wait_ratio", Unit: "1", gauge: true, labels: []string{"networkprocessor"},
		Meaning: "share of its time that a network thread waits in the poll", Kafka: "kafka.server:type=socket-server-metrics,networkProcessor=*: io-wait-ratio",
		values: perLoop(func(l record.LoopTimes) float64 { return float64(l.IOWaitNs) / float64(max(1, l.WallNs)) })},
	{Name: "kafka_server_socket_server_metrics_io_ratio", Unit: "1", gauge: true, labels: []string{"networkprocessor"},
		Meaning: "share of its time that a network thread spends in I/O after the poll, sendfile included", Kafka: "kafka.server:type=socket-server-metrics,networkProcessor=*: io-ratio",
		values: perLoop(func(l record.LoopTimes) float64 { return float64(l.IONs) / float64(max(1, l.WallNs)) })},
	{Name: "kafka_server_socket_server_metrics_connection_count", Unit: "connections", gauge: true, labels: []string{"networkprocessor"},
		Meaning: "connections that a network thread owns", Kafka: "kafka.server:type=socket-server-metrics,networkProcessor=*: connection-count",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for i, n := range s.ConnectionsByLoop {
				yield(float64(n), strconv.Itoa(i))
			}
		}},
}, ownFamilies)

// requestTimes are Kafka's times of a request, in Kafka's milliseconds.
func requestTimes() []Family {
	var all []Family
	for _, span := range measure.Spans(func(s *measure.Span) bool { return s.Kafka != "" }) {
		all = append(all, Family{
			Name: "kafka_network_requestmetrics_" + strings.ToLower(span.Kafka), Unit: "ms", labels: []string{"request"},
			Meaning: "time of a request: " + span.Meaning, Kafka: "kafka.network:type=RequestMetrics,name=" + span.Kafka + ",request=*",
			unitNs: float64(time.Millisecond), spans: func(s *record.ServerSnapshot, yield func(*hdr.Histogram, ...string)) {
				for key, h := range s.Histograms {
					if key.Stage == span.Name {
						yield(h, key.API)
					}
				}
			}})
	}
	return all
}

func countFamilies() []Family {
	var all []Family
	for _, c := range measure.Counters {
		all = append(all, Family{Name: cmp.Or(c.Page, "c10klab_"+c.Name+"_total"), Unit: c.Unit, Meaning: c.Meaning, Kafka: c.Kafka,
			values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
				yield(float64(s.Counters.Counts[c.Name]))
			}})
	}
	return all
}

// perLoop is a family with a member for each network thread.
func perLoop(value func(record.LoopTimes) float64) func(*record.ServerSnapshot, func(float64, ...string)) {
	return func(s *record.ServerSnapshot, yield func(float64, ...string)) {
		for _, l := range s.LoopTimes {
			yield(value(l), processor(l.Name))
		}
	}
}

// processor is Kafka's number of a network thread: 0 for net-0. Threads that only
// write keep their names.
func processor(thread string) string {
	number, _ := strings.CutPrefix(thread, "net-")
	return number
}

// ownFamilies are the families that Kafka has no name for, in Prometheus's base
// units.
var ownFamilies = []Family{
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
}

// perThread is a family with a member for each name of threads.
func perThread(name, unit, meaning string, value func(record.ThreadIO) float64) Family {
	return Family{Name: "c10klab_thread_" + name, Unit: unit, labels: []string{"thread"}, Meaning: meaning,
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for _, t := range s.ThreadIO {
				yield(value(t), t.Name)
			}
		}}
}

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }
