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
	// Of a C program that only sleeps and looks at the clock, evenly spaced, just before.
	MachineP99Us, MachineP999Us float64
	Outcome                     record.Outcome
}

// BenchmarkPacing sends small batches with acks 0 from one thread that has a core of its
// own, and prints how late sends are and what share of the core the generator takes, at
// 50 000 and at 1 000 a second, evenly spaced and Poisson; and how late a C program is
// there that does nothing but wait: what the machine itself takes.
func BenchmarkPacing(b *testing.B) {
	binary, pacer := buildC10klab(b), compile(b, "pacer.c")
	target, stop := startSink(b)
	b.Cleanup(stop)
	var all []pace
	for _, schedule := range []string{"constant", "poisson"} {
		for _, perSecond := range []int{50_000, 1_000} {
			machineP99, machineP999 := machinePace(b, pacer, perSecond)
			m := load(b, binary, target, "--acks", "0", "--producers", "8", "--in-flight", "64", "--batch-bytes", "128", "--record-bytes", "16",
				"--schedule", schedule, "--rate-requests", strconv.Itoa(perSecond), "--warm-up", "1s", "--window", "10s")
			late := find(b, m, "Lateness")
			us := func(q float64) float64 { return float64(late.ValueNs(q)) / 1e3 }
			p := pace{PerSecond: perSecond, Schedule: schedule, Outcome: m.Outcome, Cores: generatorCores(m),
				LatenessP50Us: us(0.5), LatenessP99Us: us(0.99), LatenessP999Us: us(0.999), MaxUs: float64(late.MaxNs()) / 1e3, MachineP99Us: machineP99, MachineP999Us: machineP999}
			fmt.Printf("%-8s %6d sends/s from one thread: Lateness p50 %.1f, p99 %.1f, p99.9 %.1f, max %.0f µs; %.3f cores: %s; the machine alone: p99 %.1f, p99.9 %.1f\n",
				schedule, perSecond, p.LatenessP50Us, p.LatenessP99Us, p.LatenessP999Us, p.MaxUs, p.Cores, p.Outcome, p.MachineP99Us, p.MachineP999Us)
			b.ReportMetric(p.LatenessP999Us, fmt.Sprintf("p99.9-µs-late-%s-%d", schedule, perSecond))
			b.ReportMetric(p.Cores, fmt.Sprintf("cores-%s-%d", schedule, perSecond))
			all = append(all, p)
		}
	}
	keep(b, "pacing", all)
}

// machinePace is how late the C program is, in microseconds.
func machinePace(b *testing.B, pacer string, perSecond int) (p99, p999 float64) {
	line := run(b, pacer, clientCPU, strconv.Itoa(perSecond), "10000")
	var p50Ns, p99Ns, p999Ns, maxNs float64
	if _, err := fmt.Sscan(line, &p50Ns, &p99Ns, &p999Ns, &maxNs); err != nil {
		b.Fatalf("%s printed %q: %v", pacer, line, err)
	}
	return p99Ns / 1e3, p999Ns / 1e3
}
