package main

import (
	"net/http"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"c10klab/internal/child"
	"c10klab/internal/record"
	"c10klab/models"
)

// scrape reads a server's metrics page with the official parser.
func scrape(t *testing.T, admin string) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := http.Get("http://" + admin + record.MetricsPath)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the metrics page: status %d, %v", response.StatusCode, err)
	}
	return families
}

// counted is the sum of a family's counters, or the counts of its summaries.
func counted(families map[string]*dto.MetricFamily, name string) (sum float64) {
	for _, m := range families[name].GetMetric() {
		sum += m.GetCounter().GetValue() + float64(m.GetSummary().GetSampleCount())
	}
	return sum
}

const (
	requestsTotal = "kafka_network_requestmetrics_requests_total"
	totalTime     = "kafka_network_requestmetrics_totaltimems"
)

// The page agrees with what the generator knows it has done, under every model; and
// the generator has not read it.
func TestMetricsPageOfALoadedServer(t *testing.T) {
	for _, name := range models.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := child.Serve(t, "--model", name, "--data", t.TempDir())
			stdout, stderr, exit := child.Run(t, "load", "--json", "--target", s.Listen, "--admin", s.Admin,
				"--rate-requests", "100", "--batch-bytes", "4KiB", "--producers", "4", "--partitions", "4", "--warm-up", "0s", "--window", "500ms")
			if exit != exitOK && exit != exitLimited {
				t.Fatalf("load ended with %d: %s", exit, stderr)
			}
			var m record.Measurement
			decode(t, stdout, &m)
			if n := m.Broker().After.Counters.Counts[record.Scrapes]; n != 0 {
				t.Errorf("the generator read the metrics page %d times", n)
			}
			// A request's end is recorded after its answer.
			var families map[string]*dto.MetricFamily
			readings := 0.0
			child.Eventually(t, "every request received has its TotalTime", func() bool {
				families = scrape(t, s.Admin)
				readings++
				return counted(families, requestsTotal) > 0 && counted(families, requestsTotal) == counted(families, totalTime)
			})
			written := counted(families, "kafka_server_brokertopicmetrics_bytesin_total")
			const batchBytes, recordsOfBatch = 4 << 10, 4
			if batches := float64(m.AckedRecords) / recordsOfBatch; written != batches*batchBytes {
				t.Errorf("%g bytes are in the log, %g batches of %d bytes were acknowledged", written, batches, batchBytes)
			}
			if got := counted(families, "c10klab_thread_received_bytes_total"); got <= written {
				t.Errorf("%g bytes were received, %g of them written", got, written)
			}
			if n := counted(families, "c10klab_metrics_scrapes_total"); n != readings {
				t.Errorf("the page counts %g readings of %g, its own included", n, readings)
			}
		})
	}
}
