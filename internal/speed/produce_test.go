package speed

import (
	"fmt"
	"testing"

	"c10klab/internal/record"
)

// holdKnobs is the 100 MB/s of 64 KiB batches that every model must hold.
var holdKnobs = []string{"--rate", "100", "--batch-bytes", "64KiB", "--producers", "30", "--schedule", "poisson", "--window", "60s"}

// held is what one model did with it.
type held struct {
	Model            string
	Outcome          record.Outcome
	RateHeld         float64
	ServerCores      float64
	ObjectsPerAnswer float64 // heap allocations of the server
	BytesPerAnswer   float64
	Measurement      record.Measurement
}

// BenchmarkHold100MBps offers 100 MB/s for 60 s to every model and prints the
// share held, the server's cores, and its heap allocations per request.
func BenchmarkHold100MBps(b *testing.B) {
	binary := buildC10klab(b)
	var all []held
	for _, model := range []string{"thread-per-connection", "reactor", "reactor-pool", "loop-per-thread", "loop-per-thread-pool", "goroutine-per-connection"} {
		ready, stop := serve(b, binary, "--model", model, "--data", b.TempDir())
		m := load(b, binary, ready, holdKnobs...)
		stop()
		h := held{
			Model: model, Outcome: m.Outcome, RateHeld: m.AckedMBps / m.OfferedMBps,
			ServerCores:      m.ServerCores(m.Broker()),
			ObjectsPerAnswer: float64(m.Broker().Process.AllocatedObjects) / m.ServerRequests(m.Broker()),
			BytesPerAnswer:   float64(m.Broker().Process.AllocatedBytes) / m.ServerRequests(m.Broker()),
			Measurement:      m,
		}
		fmt.Printf("%-26s %-18s held %.3f of %.1f MB/s, server %.3f cores, %.2f allocations and %.0f bytes a request\n",
			h.Model, h.Outcome, h.RateHeld, m.OfferedMBps, h.ServerCores, h.ObjectsPerAnswer, h.BytesPerAnswer)
		b.ReportMetric(h.RateHeld, model+"/held")
		b.ReportMetric(h.ServerCores, model+"/cores")
		all = append(all, h)
	}
	keep(b, "hold-100mbs", all)
}
