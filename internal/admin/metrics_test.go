package admin

import (
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// scrape reads a page with the official parser.
func scrape(t *testing.T, p *MetricsPage) map[string]*dto.MetricFamily {
	t.Helper()
	answer := httptest.NewRecorder()
	p.ServeHTTP(answer, httptest.NewRequest("GET", record.MetricsPath, nil))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if answer.Code != 200 || err != nil {
		t.Fatalf("status %d, %v", answer.Code, err)
	}
	return families
}

// member finds the metric of a family whose labels are those given, as name=value.
func member(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) *dto.Metric {
	t.Helper()
	family := families[name]
	if family == nil {
		t.Fatalf("%s is not on the page", name)
	}
	for _, m := range family.Metric {
		var found []string
		for _, l := range m.Label {
			found = append(found, l.GetName()+"="+l.GetValue())
		}
		if strings.Join(found, ",") == strings.Join(labels, ",") {
			return m
		}
	}
	t.Fatalf("%s has no member %v", name, labels)
	return nil
}

func pageOfKnownNumbers() *MetricsPage {
	queued := hdr.NewHistogram()
	queued.RecordN(2_000_000, 1000)
	return NewMetricsPage(func(s *record.ServerSnapshot) {
		s.Histograms = hdr.Bundle{{Stage: "RequestQueue", API: "Produce"}: queued}
		s.Counters = record.Counters{Requests: map[string]int64{"Produce": 1000}, Counts: map[string]int64{record.AppendedBytes: 7, record.FetchedBytes: 8, "queue_full_shed": 9}}
		s.LoopTimes = []record.LoopTimes{{Name: "net-0", WallNs: 100, IOWaitNs: 50, IONs: 25}, {Name: "net-1", WallNs: 100, IOWaitNs: 100}}
		s.HandlerIdle = []record.HandlerIdle{{Pool: "io", Threads: 2, IdleNs: 150, WallNs: 100}}
		s.Queues = []record.QueueLength{{Name: "requests", Now: 3, Longest: 5}, {Name: "requests/fetch-io", Now: 1}, {Name: "responses/net-1", Now: 4}}
		s.ThreadIO = []record.ThreadIO{{Name: "net-0", ReceiveCalls: 10, ReceiveNs: 2e9, SentBytes: 11}}
		s.ConnectionsByLoop = []int{6, 7}
	})
}

func TestPageShowsWhatTheSourceTells(t *testing.T) {
	families := scrape(t, pageOfKnownNumbers())
	for _, c := range []struct {
		name, label string
		want        float64
	}{
		{"kafka_network_requestmetrics_requests_total", "request=Produce", 1000},
		{"kafka_server_brokertopicmetrics_bytesin_total", "", 7},
		{"kafka_server_brokertopicmetrics_bytesout_total", "", 8},
		{"kafka_network_requestchannel_requestqueuesize", "", 4},
		{"kafka_network_requestchannel_responsequeuesize", "processor=1", 4},
		{"kafka_network_socketserver_networkprocessoravgidle_percent", "", 0.75},
		{"kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", "", 0.75},
		{"kafka_server_socket_server_metrics_io_ratio", "networkprocessor=0", 0.25},
		{"kafka_server_socket_server_metrics_connection_count", "networkprocessor=1", 7},
		{"c10klab_thread_receive_calls_total", "thread=net-0", 10},
		{"c10klab_thread_receive_seconds_total", "thread=net-0", 2},
		{"c10klab_thread_sent_bytes_total", "thread=net-0", 11},
		{"c10klab_queue_longest", "queue=requests", 5},
		{"c10klab_queue_full_shed_total", "", 9},
	} {
		var labels []string
		if c.label != "" {
			labels = append(labels, c.label)
		}
		m := member(t, families, c.name, labels...)
		if got := m.GetCounter().GetValue() + m.GetGauge().GetValue(); got != c.want {
			t.Errorf("%s %s is %g, want %g", c.name, c.label, got, c.want)
		}
	}
	queued := member(t, families, "kafka_network_requestmetrics_requestqueuetimems", "request=Produce").GetSummary()
	if queued.GetSampleCount() != 1000 || queued.GetSampleSum() < 1999 || queued.GetSampleSum() > 2001 {
		t.Errorf("RequestQueueTimeMs counts %d and sums to %g ms, want 1000 and 2000", queued.GetSampleCount(), queued.GetSampleSum())
	}
	if first := queued.GetQuantile()[0]; first.GetQuantile() != 0.5 || first.GetValue() < 1.99 || first.GetValue() > 2.01 {
		t.Errorf("its median is %v, want 2 ms", first)
	}
}

// What operators of Kafka watch of the JVM has a counterpart from Go's runtime.
func TestPageShowsTheRuntime(t *testing.T) {
	families := scrape(t, pageOfKnownNumbers())
	for _, name := range []string{"go_gc_duration_seconds", "go_gc_heap_live_bytes", "go_memstats_heap_alloc_bytes", "go_threads", "go_goroutines", "process_cpu_seconds_total", "process_resident_memory_bytes"} {
		if families[name] == nil {
			t.Errorf("%s is not on the page", name)
		}
	}
}

func TestPageCountsItsReadings(t *testing.T) {
	p := pageOfKnownNumbers()
	scrape(t, p)
	scrape(t, p)
	if p.Scrapes() != 2 {
		t.Errorf("%d readings counted of 2", p.Scrapes())
	}
}

// The mapping in docs/stages.md is the table of the code.
func TestEveryKafkaNameIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/stages.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range Families {
		if m.Unit == "" || m.Meaning == "" {
			t.Errorf("%s lacks its unit or meaning", m.Name)
		}
		if m.Kafka != "" && !strings.Contains(string(text), "| `"+m.Name+"` | `"+m.Kafka+"` |") {
			t.Errorf("docs/stages.md does not map | `%s` | `%s` |", m.Name, m.Kafka)
		}
	}
	for line := range strings.Lines(string(text)) {
		name, isMetric := strings.CutPrefix(line, "| `kafka_")
		name, _, _ = strings.Cut("kafka_"+name, "`")
		if isMetric && !slices.ContainsFunc(Families, func(f Family) bool { return f.Name == name }) {
			t.Errorf("docs/stages.md has %s, which the page has not", name)
		}
	}
}
