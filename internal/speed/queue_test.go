package speed

import (
	"fmt"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// BenchmarkQueueAgainstTheory loads one handler that spins 10 ms with Poisson
// arrivals of 70/s and compares the mean wait in the request queue with M/D/1
// (Pollaczek–Khinchine): ρ·S / (2(1−ρ)), with the service time S and the
// utilisation ρ that were measured.
func BenchmarkQueueAgainstTheory(b *testing.B) {
	binary := buildC10klab(b)
	ready, stop := serve(b, binary, "--service", "synthetic", "--model", "loop-per-thread-pool", "--handlers", "1", "--cost", "10ms")
	defer stop()
	m := load(b, binary, ready, "--protocol", "echo", "--producers", "64", "--in-flight", "64", "--rate-requests", "70",
		"--schedule", "poisson", "--warm-up", "5s", "--window", "290s")
	queue, local := find(b, m, "RequestQueue"), find(b, m, "LocalTime")
	service := local.MeanNs()
	utilisation := float64(local.Count()) / float64(m.WindowNs) * service
	theory := utilisation * service / (2 * (1 - utilisation))
	ratio := queue.MeanNs() / theory
	fmt.Printf("\n%d requests, utilisation %.3f, service %.3f ms: mean RequestQueue %.3f ms, M/D/1 %.3f ms, ratio %.3f; outcome %s\n",
		queue.Count(), utilisation, service/1e6, queue.MeanNs()/1e6, theory/1e6, ratio, m.Outcome)
	b.ReportMetric(ratio, "measured/theory")
	keep(b, "queue-against-theory", struct {
		Requests                                         int64
		Utilisation, ServiceNs, QueueNs, TheoryNs, Ratio float64
		Measurement                                      record.Measurement
	}{queue.Count(), utilisation, service, queue.MeanNs(), theory, ratio, m})
}

// find returns the histogram of a stage, of whichever API was measured.
func find(b *testing.B, m record.Measurement, stage string) *hdr.Histogram {
	b.Helper()
	for k, h := range m.Histograms {
		if k.Stage == stage && k.API != "Fetch" {
			return h
		}
	}
	b.Fatalf("no %s was measured; outcome %s, problems %v", stage, m.Outcome, m.Problems)
	return nil
}
