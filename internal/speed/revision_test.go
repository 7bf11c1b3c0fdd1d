package speed

import (
	"fmt"
	"os"
	"testing"

	"c10klab/internal/need"
	"c10klab/results"
)

// otherBinary names a c10klab that was built from another revision.
const otherBinary = "C10KLAB_OTHER"

// guarded are the loads at fixed rates that two revisions are compared under. Batches of
// Produce are small, so that a checksum is no part of what is compared.
var guarded = []struct {
	name   string
	models []string
	serve  []string
	load   []string
}{
	{"echo", []string{"thread-per-connection", "reactor", "reactor-pool", "loop-per-thread", "loop-per-thread-pool", "goroutine-per-connection"},
		[]string{"--service", "echo"}, []string{"--protocol", "echo", "--rate-requests", "20000", "--producers", "64", "--warm-up", "200ms", "--window", "800ms"}},
	{"produce", []string{"loop-per-thread", "loop-per-thread-pool"},
		nil, []string{"--rate", "20", "--batch-bytes", "4KiB", "--producers", "30", "--warm-up", "300ms", "--window", "1s"}},
	{"produce and fetch", []string{"loop-per-thread", "loop-per-thread-pool"},
		nil, []string{"--rate", "10", "--batch-bytes", "4KiB", "--producers", "30", "--consumers", "tail", "--warm-up", "300ms", "--window", "1s"}},
}

// perAnswer is what a server did for each of its answers, by round.
type perAnswer struct {
	CPUNs, Switches, SystemCalls, Allocations []float64
}

// BenchmarkAgainstRevision compares the server with that of another revision, whose
// binary C10KLAB_OTHER names: CPU time, voluntary switches, receive and send calls, and
// heap allocations for each answer at fixed rates, with one generator and in interleaved
// pairs of fresh servers, as many as -benchtime says (31x) and beginning with each in turn.
// Ratios are the other's over ours: above 1 this revision is better.
func BenchmarkAgainstRevision(b *testing.B) {
	other := os.Getenv(otherBinary)
	if other == "" {
		need.Lacking(b, otherBinary+", the binary of another revision")
	}
	ours := buildC10klab(b)
	kept := map[string]map[string]*perAnswer{}
	for _, l := range guarded {
		for _, model := range l.models {
			name := l.name + ", " + model
			b.Run(l.name+" "+model, func(b *testing.B) { // a comma in its directory would part log dirs
				all := map[string]*perAnswer{other: {}, ours: {}}
				for round := range b.N {
					pair := []string{other, ours}
					if round%2 == 1 {
						pair[0], pair[1] = ours, other
					}
					for _, binary := range pair {
						all[binary].measure(b, binary, ours, append([]string{"--model", model}, l.serve...), l.load)
					}
				}
				kept[name] = map[string]*perAnswer{"other": all[other], "this": all[ours]}
				reportRevision(b, name, all[other], all[ours])
			})
		}
	}
	keep(b, "against-revision", kept)
}

// measure adds a run of one binary's server under the generator of another.
func (p *perAnswer) measure(b *testing.B, binary, generator string, serveArgs, loadArgs []string) {
	data, err := os.MkdirTemp(b.TempDir(), "data")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(data)
	ready, stop := serve(b, binary, append(serveArgs, "--data", data)...)
	m := load(b, generator, ready, append(loadArgs, "--join-samples", "0", "--client-stamps", "off")...)
	stop()
	broker := m.Broker()
	answers := m.ServerRequests(broker)
	if answers == 0 || broker.Process == nil {
		b.Fatal("no request was answered, or the server does not tell its CPU time")
	}
	var calls int64
	for _, t := range broker.ThreadIO {
		calls += t.ReceiveCalls + t.SendCalls
	}
	p.CPUNs = append(p.CPUNs, float64(broker.Process.CPUNs)/answers)
	p.Switches = append(p.Switches, float64(broker.Process.VoluntarySwitches)/answers)
	p.SystemCalls = append(p.SystemCalls, float64(calls)/answers)
	p.Allocations = append(p.Allocations, float64(broker.Process.AllocatedObjects)/answers)
}

func reportRevision(b *testing.B, name string, other, ours *perAnswer) {
	cpu := results.Ratio(other.CPUNs, ours.CPUNs)
	fmt.Printf("%-44s CPU an answer %6.0f ns, other %6.0f, ratio %s of %d pairs; switches %.3f (%.3f), receive and send calls %.3f (%.3f), allocations %.3f (%.3f)\n",
		name, median(ours.CPUNs), median(other.CPUNs), cpu, cpu.N, median(ours.Switches), median(other.Switches),
		median(ours.SystemCalls), median(other.SystemCalls), median(ours.Allocations), median(other.Allocations))
	b.ReportMetric(cpu.Median, "other/this")
}
