package speed

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"c10klab/internal/record"
)

// generatorRounds are the interleaved rounds of the generator and the C client.
const generatorRounds = 21

// closedLoop is what the generator reached with so many requests in flight on each
// connection, one number a round.
type closedLoop struct {
	InFlight              string
	RequestsPerS, PerCore []float64
}

// BenchmarkGeneratorClosedLoop measures how many echo requests a second one core of the
// generator makes, 64 connections with one and with eight in flight each, beside a plain
// C client with one, against the same loop-per-thread server on the other core: in interleaved
// rounds, requests per second of the generator's CPU time, and the ratio of the two
// clients' rates. With one in flight every request costs either side two system calls,
// so the server's core is as busy as the generator's.
func BenchmarkGeneratorClosedLoop(b *testing.B) {
	binary, client := buildC10klab(b), compile(b, "echo_client.c")
	target, stop := serve(b, binary, "--service", "echo", "--model", "loop-per-thread", "--loops", "1", "--stages", "false")
	b.Cleanup(stop)
	_, port, err := net.SplitHostPort(target.Listen)
	if err != nil {
		b.Fatal(err)
	}
	target.Admin = "" // the same server for both clients, asked nothing
	loops := []*closedLoop{{InFlight: "1"}, {InFlight: "8"}}
	var plain []float64
	for range generatorRounds {
		plain = append(plain, answersPerSecond(b, run(b, client, clientCPU, port, echoConnections, echoPayloadBytes, "1000")))
		for _, l := range loops {
			m := load(b, binary, target, "--protocol", "echo", "--mode", "closed", "--busy-poll", "off", "--producers", echoConnections, "--echo-bytes", echoPayloadBytes,
				"--in-flight", l.InFlight, "--warm-up", "300ms", "--window", "1s")
			l.RequestsPerS = append(l.RequestsPerS, m.RequestsPerSec)
			l.PerCore = append(l.PerCore, m.RequestsPerSec/generatorCores(m))
		}
	}
	fmt.Printf("\nclosed loop, %s connections: C client, 1 in flight: %.0f requests/s (medians of %d rounds)\n", echoConnections, median(plain), generatorRounds)
	for _, l := range loops {
		ratio := median(ratios(l.RequestsPerS, plain))
		fmt.Printf("%s in flight: %.0f requests/s, %.0f per core of the generator; %.3f of the C client\n", l.InFlight, median(l.RequestsPerS), median(l.PerCore), ratio)
		b.ReportMetric(median(l.PerCore), "requests/s/core-with-"+l.InFlight)
		b.ReportMetric(ratio, "generator/C-with-"+l.InFlight)
	}
	keep(b, "generator-closed-loop", struct {
		CClient []float64
		Loops   []*closedLoop
	}{plain, loops})
}

// generatorCores is how many cores the generator used.
func generatorCores(m record.Measurement) float64 {
	return float64(m.Generator.CPUNs) / float64(m.WindowNs)
}

// openRate is one offered rate and what became of it.
type openRate struct {
	PerSecond, Answered, Cores, LatenessP999Us, ResponseP99Us float64
	Outcome                                                   record.Outcome
	Failed                                                    []string // checks
}

// BenchmarkGeneratorOpenLoop offers echo requests by a Poisson schedule from one core, at
// rising rates, to a C epoll loop on the other, and prints what the run says of itself.
func BenchmarkGeneratorOpenLoop(b *testing.B) {
	binary, server := buildC10klab(b), compile(b, "echo_server.c")
	port, stop := start(b, server, serverCPU)
	b.Cleanup(stop)
	target := record.ServerReady{Listen: net.JoinHostPort("127.0.0.1", port)}
	var all []openRate
	for _, perSecond := range []int{25_000, 50_000, 100_000, 150_000} {
		m := load(b, binary, target, "--protocol", "echo", "--producers", echoConnections,
			"--rate-requests", strconv.Itoa(perSecond), "--warm-up", "1s", "--window", "10s")
		all = append(all, openRateOf(b, m, perSecond))
	}
	keep(b, "generator-open-loop", all)
}

func openRateOf(b *testing.B, m record.Measurement, perSecond int) openRate {
	late, response := find(b, m, "Lateness"), find(b, m, "ResponseTime")
	r := openRate{
		PerSecond: float64(perSecond), Answered: m.RequestsPerSec, Cores: generatorCores(m), Outcome: m.Outcome,
		LatenessP999Us: float64(late.ValueNs(0.999)) / 1e3, ResponseP99Us: float64(response.ValueNs(0.99)) / 1e3,
	}
	for _, c := range m.Checks {
		if !c.OK {
			r.Failed = append(r.Failed, c.Name)
		}
	}
	fmt.Printf("open loop, %7d requests/s offered: %9.0f answered, %.2f cores, Lateness p99.9 %.0f µs, ResponseTime p99 %.0f µs: %s %s\n",
		perSecond, r.Answered, r.Cores, r.LatenessP999Us, r.ResponseP99Us, r.Outcome, strings.Join(r.Failed, ", "))
	b.ReportMetric(r.Answered/r.Cores, fmt.Sprintf("requests/s/core-at-%d", perSecond))
	return r
}

// BenchmarkGeneratorPayload produces batches of 1 MiB, and of 64 KiB, as fast as a broker
// takes them that throws them away.
func BenchmarkGeneratorPayload(b *testing.B) {
	binary := buildC10klab(b)
	target, stop := startSink(b)
	b.Cleanup(stop)
	rates := map[string]float64{}
	for _, batch := range []string{"64KiB", "1MiB"} {
		m := load(b, binary, target, "--mode", "closed", "--busy-poll", "off", "--producers", "8", "--in-flight", "4", "--batch-bytes", batch, "--record-bytes", "16KiB",
			"--warm-up", "1s", "--window", "5s")
		fmt.Printf("produce of %s: %.0f MB/s, %.2f cores of the generator, %.0f MB/s a core: %s\n", batch, m.AckedMBps, generatorCores(m), m.AckedMBps/generatorCores(m), m.Outcome)
		b.ReportMetric(m.AckedMBps, "MB/s-of-"+batch)
		rates[batch] = m.AckedMBps
	}
	keep(b, "generator-payload", rates)
}

// startSink starts the broker that throws away what is produced.
func startSink(b *testing.B) (record.ServerReady, func()) {
	b.Helper()
	port, stop := start(b, "taskset", "-c", serverCPU, "env", asServer+"=producesink", buildServers(b))
	return record.ServerReady{Listen: net.JoinHostPort("127.0.0.1", port)}, stop
}
