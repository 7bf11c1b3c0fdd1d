package broker

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/internal/stage"
)

// Metrics lists the families of the metrics page. Where Kafka has the thing, the
// name is that which the Prometheus JMX exporter's example rules for Kafka give
// it (lowercaseOutputName: "…PerSec" Count becomes "…_total", "…Percent" becomes
// "…_percent", percentiles become quantile labels). Everything counts since the
// server's start; idle shares are over all of it, as Kafka's MeanRate is.
var Metrics = slices.Concat(requestMetrics(), []Metric{
	{Name: "kafka_network_requestmetrics_requests_total", Unit: "requests", labels: []string{"request"},
		Meaning: "complete frames received, by API", Kafka: "kafka.network:type=RequestMetrics,name=RequestsPerSec,request=*",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			for api, n := range s.Counters.Requests {
				yield(float64(n), api)
			}
		}},
	{Name: "kafka_server_brokertopicmetrics_bytesin_total", Unit: "bytes",
		Meaning: "record batches written to the log", Kafka: "kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec",
		values: one(func(s *record.ServerSnapshot) float64 { return float64(s.Counters.AppendedBytes) })},
	{Name: "kafka_server_brokertopicmetrics_bytesout_total", Unit: "bytes",
		Meaning: "file bytes named in fetch responses", Kafka: "kafka.server:type=BrokerTopicMetrics,name=BytesOutPerSec",
		values: one(func(s *record.ServerSnapshot) float64 { return float64(s.Counters.FetchedBytes) })},
	{Name: "kafka_network_requestchannel_requestqueuesize", Unit: "requests", gauge: true,
		Meaning: "requests in all request queues", Kafka: "kafka.network:type=RequestChannel,name=RequestQueueSize",
		values: func(s *record.ServerSnapshot, yield func(float64, ...string)) {
			total, any := 0, false
			for _, q := range s.Queues {
				if q.Name == requestsQueue || strings.HasPrefix(q.Name, requestsQueue+"/") {
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
}, ownMetrics)

// requestsQueue is the name of the queue of requests among record.QueueLength's.
const requestsQueue = "requests"

// requestMetrics are Kafka's times of a request, in Kafka's milliseconds.
func requestMetrics() []Metric {
	var all []Metric
	for _, t := range []struct {
		span          stage.Stage
		name, meaning string
	}{
		{stage.RequestQueue, "RequestQueueTimeMs", "in the request queue, a blocked put included"},
		{stage.LocalTime, "LocalTimeMs", "in the handler"},
		{stage.RemoteTime, "RemoteTimeMs", "waiting for others after the handler returned"},
		{stage.ResponseQueue, "ResponseQueueTimeMs", "complete and not yet taken up by the sending thread"},
		{stage.ResponseSend, "ResponseSendTimeMs", "from there to the end of bookkeeping after the last byte"},
		{stage.Total, "TotalTimeMs", "from the put into the request queue to the end"},
	} {
		all = append(all, Metric{
			Name: "kafka_network_requestmetrics_" + strings.ToLower(t.name), Unit: "ms", labels: []string{"request"},
			Meaning: "time of a request: " + t.meaning, Kafka: "kafka.network:type=RequestMetrics,name=" + t.name + ",request=*",
			unitNs: float64(time.Millisecond), spans: func(s *record.ServerSnapshot, yield func(*hdr.Histogram, ...string)) {
				for key, h := range s.Histograms {
					if key.Stage == t.span.String() {
						yield(h, key.API)
					}
				}
			}})
	}
	return all
}

// one is a family of a single member.
func one(value func(*record.ServerSnapshot) float64) func(*record.ServerSnapshot, func(float64, ...string)) {
	return func(s *record.ServerSnapshot, yield func(float64, ...string)) { yield(value(s)) }
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
