package speed

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

const (
	threadConnections = "1000"
	threadRounds      = 9
)

// threadServer is one server with a thread for each connection.
type threadServer struct {
	name  string
	start func() (record.ServerReady, func())
	// Of each round: answers a second, and the 99.9th percentile of the service time.
	Rates  []float64 `json:"rates"`
	TailNs []float64 `json:"tail_ns"`
}

// BenchmarkThreadPerConnection loads the model and a C server that does the same, each
// with 1000 connections in closed loop, in interleaved rounds of fresh processes, and
// prints the model's ratio to the C server of the same round: of the throughput and of
// p99.9. Beside them threads in Go that do nothing else tell what the runtime costs.
func BenchmarkThreadPerConnection(b *testing.B) {
	inC, inGo, binary := compile(b, "thread_server.c", "-pthread"), buildServers(b), buildC10klab(b)
	b.Setenv("CGO_ENABLED", "0") // then threads are the Go runtime's own and not those of the C library
	pureGo, pure := buildServers(b), buildC10klab(b)
	echoing := func(name string, args ...string) func() (record.ServerReady, func()) {
		return func() (record.ServerReady, func()) {
			port, stop := start(b, name, args...)
			return record.ServerReady{Listen: "127.0.0.1:" + port}, stop
		}
	}
	model := func(program, stages string) func() (record.ServerReady, func()) {
		return func() (record.ServerReady, func()) {
			return serve(b, program, "--service", "echo", "--model", "thread-per-connection", "--stages", stages)
		}
	}
	all := []*threadServer{
		{name: "C threads", start: echoing(inC, serverCPU)},
		{name: "Go threads that only echo", start: echoing("env", asServer+"=threadecho", inGo)},
		{name: "Go threads that only echo, no cgo", start: echoing("env", asServer+"=threadecho", pureGo)},
		{name: "thread-per-connection", start: model(binary, "false")},
		{name: "thread-per-connection, no cgo", start: model(pure, "false")},
		{name: "thread-per-connection with stages", start: model(binary, "true")},
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range threadRounds {
		for _, i := range random.Perm(len(all)) {
			s := all[i]
			ready, stop := s.start()
			m := load(b, binary, ready, "--protocol", "echo", "--mode", "closed", "--connections", threadConnections, "--warm-up", "1s", "--window", "2s")
			stop()
			s.Rates = append(s.Rates, m.RequestsPerSec)
			s.TailNs = append(s.TailNs, float64(m.Histograms[hdr.Key{Stage: "ServiceTime", API: "Echo"}].ValueNs(0.999)))
		}
	}
	fmt.Printf("\n%-36s %9s %9s  ratio to C: throughput, p99.9 (median [quartiles] of %d rounds)\n", "server", "answers/s", "p99.9 ms", threadRounds)
	kept := map[string]*threadServer{}
	for _, s := range all {
		slow, rate, fast := quartiles(ratios(s.Rates, all[0].Rates))
		short, tail, long := quartiles(ratios(s.TailNs, all[0].TailNs))
		fmt.Printf("%-36s %9.0f %9.1f  %.3f [%.3f, %.3f]  %.3f [%.3f, %.3f]\n", s.name, median(s.Rates), median(s.TailNs)/1e6,
			rate, slow, fast, tail, short, long)
		kept[s.name] = s
	}
	b.ReportMetric(median(ratios(all[3].Rates, all[0].Rates)), "throughput/C")
	b.ReportMetric(median(ratios(all[3].TailNs, all[0].TailNs)), "p99.9/C")
	keep(b, "thread-per-connection", kept)
}

// ratios divides round by round.
func ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}
