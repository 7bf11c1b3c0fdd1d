package measure

import "c10klab/internal/record"

// Counter is a number that a server counts up from its start, by the same name: whoever
// counts enters it into record.Counters (Count of models.Server and broker.Log), the
// admin port shows it on the metrics page, and as a Number it is the count within the
// server's window.
type Counter struct {
	*Number
	Page string // its name on the metrics page; empty: c10klab_NAME_total
}

// Counters are all of them in the order of declaration.
var Counters = []Counter{
	{counted("connections", "connections", "connections that the server accepted"), ""},
	{counted("receive_calls", "calls", "recv and recvmsg calls of the server"), ""},
	{counted("send_calls", "calls", "send and sendfile calls of the server"), ""},
	{counted("queue_full_blocked", "requests", "requests that a network thread waited with for room in the request queue"), ""},
	{counted("queue_full_paused", "pauses", "times that a network thread stopped reading for want of room in the request queue"), ""},
	{counted("queue_full_shed", "requests", "requests refused for want of room in the request queue; their stages count like those of others"), ""},
	{inKafka(counted(record.AppendedBytes, "bytes", "record batches written to the log"), "kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec"),
		"kafka_server_brokertopicmetrics_bytesin_total"},
	{inKafka(counted(record.FetchedBytes, "bytes", "file bytes named in fetch responses"), "kafka.server:type=BrokerTopicMetrics,name=BytesOutPerSec"),
		"kafka_server_brokertopicmetrics_bytesout_total"},
	{counted("throttled_fetches", "requests", "fetches above a read quota: answered empty, their connections muted"), ""},
	{counted(record.Scrapes, "readings", "readings of the metrics page, each of which costs the server milliseconds"), ""},
}

func counted(name, unit, meaning string) *Number {
	return number(Number{Name: name, Unit: unit, Meaning: meaning, Clock: Server}, func(m *record.Measurement) (float64, bool) {
		c := m.Broker().Counters
		if c == nil {
			return 0, false
		}
		n, counted := c.Counts[name]
		return float64(n), counted
	})
}

func inKafka(n *Number, mbean string) *Number {
	n.Kafka = mbean
	return n
}
