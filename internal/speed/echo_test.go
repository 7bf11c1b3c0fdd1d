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
	echoWarmUpMs     = "100"
	echoWindowMs     = "500"
	echoRounds       = 41
)

// contestant is one echo server.
type contestant struct {
	name string
	// start runs the server afresh for a round; nil: one process serves all, at port.
	start func() (port string, stop func())
	port  string
	warms bool // it is under load for a while before each round
	// Answers per second, one number a round.
	rates []float64
}

// BenchmarkEcho measures echo servers in interleaved rounds, server and client on
// a CPU each, and prints each one's ratio to a plain C epoll loop, and to a bare
// server on package net, in the same round: median and quartiles of the rounds.
// Every round starts every server afresh and warms it, since where a process's pages
// lie makes it faster or slower by a few percent for as long as it lives.
func BenchmarkEcho(b *testing.B) {
	client := compile(b, "echo_client.c")
	all := echoContestants(b)
	random := rand.New(rand.NewPCG(1, 2))
	for range echoRounds {
		for _, i := range random.Perm(len(all)) {
			c := all[i]
			port, stop := c.start()
			run(b, client, clientCPU, port, echoConnections, echoPayloadBytes, echoWarmUpMs)
			line := run(b, client, clientCPU, port, echoConnections, echoPayloadBytes, echoWindowMs)
			stop()
			c.rates = append(c.rates, answersPerSecond(b, line))
		}
	}
	reportRatios(b, all, all[0])
	reportRatios(b, all, all[1])
	rates := map[string][]float64{}
	for _, c := range all {
		rates[c.name] = c.rates
	}
	keep(b, "echo", rates)
}

// echoContestants lists the yardsticks and every model that is compared.
func echoContestants(b *testing.B) []*contestant {
	loop, bare, binary := compile(b, "echo_server.c"), buildServers(b), buildC10klab(b)
	all := []*contestant{
		{name: "C epoll loop", start: func() (string, func()) { return start(b, loop, serverCPU) }},
		{name: "bare package net", start: func() (string, func()) { return start(b, "taskset", "-c", serverCPU, "env", asServer+"=netecho", bare) }},
	}
	for _, variant := range echoVariants() {
		all = append(all, &contestant{name: strings.ReplaceAll(variant, "--", ""), start: func() (string, func()) {
			ready, stop := serve(b, binary, append([]string{"--service", "echo"}, strings.Fields(variant)...)...)
			_, port, err := net.SplitHostPort(ready.Listen)
			if err != nil {
				b.Fatal(err)
			}
			return port, stop
		}})
	}
	return all
}

func echoVariants() (variants []string) {
	models := []string{
		"--model reactor", "--model loop-per-thread --loops 1",
		"--model reactor-pool --handlers 1 --response-writer loop", "--model reactor-pool --handlers 1 --response-writer handler",
		"--model reactor-pool --handlers 1 --response-writer handler --handler-wake request",
		"--model goroutine-per-connection", "--model thread-per-connection",
	}
	for _, m := range models {
		variants = append(variants, m+" --stages false", m+" --stages true")
	}
	return variants
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

func reportRatios(b *testing.B, all []*contestant, base *contestant) {
	rounds := len(base.rates)
	fmt.Printf("\n%-66s %9s  ratio to %s: median [quartiles] of %d rounds\n", "server", "answers/s", base.name, rounds)
	for _, c := range all {
		ratios := make([]float64, rounds)
		for i, rate := range c.rates {
			ratios[i] = rate / base.rates[i]
		}
		low, middle, high := quartiles(ratios)
		fmt.Printf("%-66s %9.0f  %.3f [%.3f, %.3f]\n", c.name, median(c.rates), middle, low, high)
		b.ReportMetric(middle, strings.ReplaceAll(c.name+"/"+base.name, " ", ","))
	}
}

func quartiles(values []float64) (low, middle, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return sorted[n/4], median(sorted), sorted[3*n/4]
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
