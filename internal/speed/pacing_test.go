package speed

import (
	"fmt"
	"strconv"
	"testing"

	"c10klab/internal/record"
)

// pace is one rate of sends from one thread.
type pace struct {
	PerSecond                    int
	Schedule                     string
	LatenessP50Us, LatenessP99Us float64
	LatenessP999Us, MaxUs, Cores float64
	Outcome                      record.Outcome
}

// BenchmarkPacing sends small batches with acks 0 from one thread that has a core of its
// own, and prints how late sends are and what share of the core the generator takes, at
// 50 000 and at 1 000 a second, evenly spaced and Poisson.
func BenchmarkPacing(b *testing.B) {
	binary := buildC10klab(b)
	target, stop := startSink(b)
	b.Cleanup(stop)
	var all []pace
	for _, schedule := range []string{"constant", "poisson"} {
		for _, perSecond := range []int{50_000, 1_000} {
			m := load(b, binary, target, "--acks", "0", "--producers", "8", "--in-flight", "64", "--batch-bytes", "128", "--record-bytes", "16",
				"--schedule", schedule, "--rate-requests", strconv.Itoa(perSecond), "--warm-up", "1s", "--window", "10s")
			late := find(b, m, "Lateness")
			us := func(q float64) float64 { return float64(late.ValueNs(q)) / 1e3 }
			p := pace{PerSecond: perSecond, Schedule: schedule, Outcome: m.Outcome, Cores: generatorCores(m),
				LatenessP50Us: us(0.5), LatenessP99Us: us(0.99), LatenessP999Us: us(0.999), MaxUs: float64(late.MaxNs()) / 1e3}
			fmt.Printf("%-8s %6d sends/s from one thread: Lateness p50 %.1f, p99 %.1f, p99.9 %.1f, max %.0f µs; %.3f cores: %s\n",
				schedule, perSecond, p.LatenessP50Us, p.LatenessP99Us, p.LatenessP999Us, p.MaxUs, p.Cores, p.Outcome)
			b.ReportMetric(p.LatenessP999Us, fmt.Sprintf("p99.9-µs-late-%s-%d", schedule, perSecond))
			b.ReportMetric(p.Cores, fmt.Sprintf("cores-%s-%d", schedule, perSecond))
			all = append(all, p)
		}
	}
	keep(b, "pacing", all)
}
