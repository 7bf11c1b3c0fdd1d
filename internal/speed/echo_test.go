package speed

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	echoConnections  = "64"
	echoPayloadBytes = "64"
	echoWarmUpMs     = "200"
	echoWindowMs     = "1000"
	echoRounds       = 9
)

// contestant is one echo server; start returns its port.
type contestant struct {
	name  string
	start func(b *testing.B) (port string, stop func())
}

// BenchmarkEcho measures echo servers in interleaved rounds, server and client on
// a CPU each, and prints each one's ratio to a plain C epoll loop in the same
// round: median, least and greatest of the rounds.
func BenchmarkEcho(b *testing.B) {
	c, client := compile(b, "echo_server.c"), compile(b, "echo_client.c")
	bare, binary := build(b, "./testdata/netecho", "netecho"), buildC10klab(b)
	contestants := []contestant{
		{"c-epoll", func(b *testing.B) (string, func()) { return start(b, c, serverCPU) }},
		{"bare-net", func(b *testing.B) (string, func()) { return start(b, "taskset", "-c", serverCPU, bare) }},
	}
	for _, variant := range echoVariants() {
		contestants = append(contestants, contestant{variant, func(b *testing.B) (string, func()) {
			args := append([]string{"--service", "echo"}, strings.Fields(variant)...)
			ready, stop := serve(b, binary, args...)
			_, port, err := net.SplitHostPort(ready.Listen)
			if err != nil {
				b.Fatal(err)
			}
			return port, stop
		}})
	}
	rates := echoRoundsOf(b, contestants, client)
	reportRatios(b, contestants, rates, "c-epoll")
	reportRatios(b, contestants, rates, "bare-net")
	keep(b, "echo", rates)
}

func echoVariants() (variants []string) {
	models := []string{
		"--model reactor", "--model loop-per-thread --loops 1",
		"--model reactor-pool --handlers 1 --response-writer loop", "--model reactor-pool --handlers 1 --response-writer handler",
		"--model goroutine-per-connection", "--model thread-per-connection",
	}
	for _, m := range models {
		variants = append(variants, m+" --stages false", m+" --stages true")
	}
	return variants
}

// echoRoundsOf returns answers per second by contestant, one number a round.
func echoRoundsOf(b *testing.B, contestants []contestant, client string) map[string][]float64 {
	rates := map[string][]float64{}
	random := rand.New(rand.NewPCG(1, 2))
	for range echoRounds {
		for _, i := range random.Perm(len(contestants)) {
			one := contestants[i]
			port, stop := one.start(b)
			run(b, client, clientCPU, port, echoConnections, echoPayloadBytes, echoWarmUpMs)
			rates[one.name] = append(rates[one.name], answersPerSecond(b, run(b, client, clientCPU, port, echoConnections, echoPayloadBytes, echoWindowMs)))
			stop()
		}
	}
	return rates
}

func answersPerSecond(b *testing.B, line string) float64 {
	b.Helper()
	answers, ns, _ := strings.Cut(line, " ")
	a, err1 := strconv.ParseFloat(answers, 64)
	t, err2 := strconv.ParseFloat(ns, 64)
	if err1 != nil || err2 != nil {
		b.Fatalf("the client printed %q", line)
	}
	return a / t * 1e9
}

func reportRatios(b *testing.B, contestants []contestant, rates map[string][]float64, base string) {
	fmt.Printf("\n%-75s %10s  ratio to %s: median [least, greatest] of %d rounds\n", "server", "answers/s", base, echoRounds)
	for _, c := range contestants {
		ratios := make([]float64, echoRounds)
		for i, rate := range rates[c.name] {
			ratios[i] = rate / rates[base][i]
		}
		fmt.Printf("%-75s %10.0f  %.3f [%.3f, %.3f]\n", c.name, median(rates[c.name]), median(ratios), slices.Min(ratios), slices.Max(ratios))
		b.ReportMetric(median(ratios), strings.ReplaceAll(strings.ReplaceAll(c.name, "--", ""), " ", ",")+"/"+base)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
