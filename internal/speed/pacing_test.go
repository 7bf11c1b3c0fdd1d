package speed

import (
	"fmt"
	"strconv"
	"testing"

	"c10klab/internal/record"
)

// pace is what became of one rate of sends from one thread, round by round.
type pace struct {
	PerSecond int
	Schedule  string
	BusyPoll  string
	Rounds    []pacedRound
}

type pacedRound struct {
	LatenessP50Us, LatenessP99Us, LatenessP999Us, MaxUs, Cores float64
	// Of a C program that only waits and looks at the clock, evenly spaced, just before.
	MachineP99Us, MachineP999Us float64
	Outcome                     record.Outcome
}

const pacingRounds = 5

// BenchmarkPacing sends small batches with acks 0 from one thread that has a core of its
// own, and prints how late sends are and what share of the core the generator takes: at
// 50 000 a second with and without waiting busily, and at 1 000, evenly spaced and Poisson;
// and how late a C program is there that does nothing but wait: what the machine itself
// takes. Rounds take turns.
func BenchmarkPacing(b *testing.B) {
	binary, pacer := buildC10klab(b), compile(b, "pacer.c")
	target, stop := startSink(b)
	b.Cleanup(stop)
	var all []*pace
	for _, schedule := range []string{"constant", "poisson"} {
		all = append(all, &pace{50_000, schedule, "auto", nil}, &pace{50_000, schedule, "off", nil}, &pace{1_000, schedule, "auto", nil})
	}
	for range pacingRounds {
		for _, p := range all {
			p.round(b, binary, pacer, target)
		}
	}
	for _, p := range all {
		p.report(b)
	}
	keep(b, "pacing", all)
}

func (p *pace) round(b *testing.B, binary, pacer string, target record.ServerReady) {
	machineP99, machineP999 := machinePace(b, pacer, p.PerSecond)
	m := load(b, binary, target, "--acks", "0", "--producers", "8", "--in-flight", "64", "--batch-bytes", "128", "--record-bytes", "16", "--busy-poll", p.BusyPoll,
		"--schedule", p.Schedule, "--rate-requests", strconv.Itoa(p.PerSecond), "--warm-up", "1s", "--window", "8s")
	late := find(b, m, "Lateness")
	us := func(q float64) float64 { return float64(late.ValueNs(q)) / 1e3 }
	p.Rounds = append(p.Rounds, pacedRound{Outcome: m.Outcome, Cores: generatorCores(m),
		LatenessP50Us: us(0.5), LatenessP99Us: us(0.99), LatenessP999Us: us(0.999), MaxUs: float64(late.MaxNs()) / 1e3, MachineP99Us: machineP99, MachineP999Us: machineP999})
}

// report prints the medians over the rounds, and of the tails all of them.
func (p *pace) report(b *testing.B) {
	of := func(get func(r pacedRound) float64) []float64 {
		var all []float64
		for _, r := range p.Rounds {
			all = append(all, get(r))
		}
		return all
	}
	cores := median(of(func(r pacedRound) float64 { return r.Cores }))
	p999 := of(func(r pacedRound) float64 { return r.LatenessP999Us })
	fmt.Printf("%-8s %6d sends/s from one thread, busy-poll %-4s: Lateness p50 %.1f, p99 %.1f, p99.9 %.0f µs; %.3f cores; the machine alone p99.9 %.0f\n",
		p.Schedule, p.PerSecond, p.BusyPoll, median(of(func(r pacedRound) float64 { return r.LatenessP50Us })), median(of(func(r pacedRound) float64 { return r.LatenessP99Us })),
		p999, cores, of(func(r pacedRound) float64 { return r.MachineP999Us }))
	name := fmt.Sprintf("%s-%d-%s", p.Schedule, p.PerSecond, p.BusyPoll)
	b.ReportMetric(median(p999), "p99.9-µs-late-"+name)
	b.ReportMetric(cores, "cores-"+name)
}

// machinePace is how late the C program is, in microseconds.
func machinePace(b *testing.B, pacer string, perSecond int) (p99, p999 float64) {
	line := run(b, pacer, clientCPU, strconv.Itoa(perSecond), "4000")
	var p50Ns, p99Ns, p999Ns, maxNs float64
	if _, err := fmt.Sscan(line, &p50Ns, &p99Ns, &p999Ns, &maxNs); err != nil {
		b.Fatalf("%s printed %q: %v", pacer, line, err)
	}
	return p99Ns / 1e3, p999Ns / 1e3
}
