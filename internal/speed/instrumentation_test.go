package speed

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"c10klab/internal/record"
)

const (
	instrumentationRounds = 21
	instrumentedWarmUpMs  = "100"
	instrumentedWindowMs  = "400"
	scrapeEvery           = time.Second
)

// instrumented is one way to instrument a server.
type instrumented struct {
	name    string
	flags   []string
	sampled string // knob join-samples of the generator
	scraped bool   // the metrics page is read once a second
}

// instrumentations are compared with the first, which has none. The names are those
// that results.InstrumentationNote shows.
var instrumentations = []instrumented{
	{name: "off", flags: []string{"--stages", "false", "--kernel-stamps", "off", "--blocked-time", "off"}, sampled: "0"},
	{name: "stages", flags: []string{"--stages", "true", "--kernel-stamps", "off", "--blocked-time", "off"}, sampled: "0"},
	{name: "stages and kernel stamps", flags: []string{"--stages", "true", "--kernel-stamps", "on", "--blocked-time", "off"}, sampled: "0"},
	{name: "stages, kernel stamps and samples", flags: []string{"--stages", "true", "--kernel-stamps", "on", "--blocked-time", "off"}, sampled: "4096"},
	{name: "stages and metrics page", flags: []string{"--stages", "true", "--kernel-stamps", "off", "--blocked-time", "off"}, sampled: "0", scraped: true},
}

// BenchmarkInstrumentation measures what stages, kernel stamps, samples and the
// metrics page cost: the server's CPU time for each answered request, against that of
// a server with none of them in the same round, for echoes of 64 bytes over 64
// connections and for Produce of 64 KiB at 100 MB/s. Server and client have a CPU each;
// every round starts every server afresh.
func BenchmarkInstrumentation(b *testing.B) {
	binary, client := buildC10klab(b), compile(b, "echo_client.c")
	costs := map[string]map[string][]float64{}
	loads := []struct {
		name    string
		measure func(way instrumented) float64
	}{
		{"echo", func(way instrumented) float64 { return echoCPU(b, binary, client, way) }},
		{"produce 64 KiB", func(way instrumented) float64 { return produceCPU(b, binary, way) }},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, l := range loads {
		costs[l.name] = map[string][]float64{}
		for range instrumentationRounds {
			for _, i := range random.Perm(len(instrumentations)) {
				way := instrumentations[i]
				costs[l.name][way.name] = append(costs[l.name][way.name], l.measure(way))
			}
		}
		reportCosts(b, l.name, costs[l.name])
	}
	keep(b, "instrumentation", costs)
}

// echoCPU is the server's CPU nanoseconds for an echo of a closed loop.
func echoCPU(b *testing.B, binary, client string, way instrumented) float64 {
	ready, stop := serve(b, binary, append([]string{"--service", "echo", "--model", "loop-per-thread", "--loops", "1"}, way.flags...)...)
	defer stop()
	if way.sampled != "0" {
		sampleEchoes(b, ready)
	}
	defer way.scrape(b, ready)()
	_, port, err := net.SplitHostPort(ready.Listen)
	if err != nil {
		b.Fatal(err)
	}
	run(b, client, clientCPU, port, echoConnections, echoPayloadBytes, instrumentedWarmUpMs)
	before := cpuOf(b, ready.PID)
	line := run(b, client, clientCPU, port, echoConnections, echoPayloadBytes, instrumentedWindowMs)
	answers, _, _ := strings.Cut(line, " ")
	n, err := strconv.ParseFloat(answers, 64)
	if err != nil || n == 0 {
		b.Fatalf("the client printed %q", line)
	}
	return float64(cpuOf(b, ready.PID)-before) / n
}

// sampleEchoes has the server sample as many as the generator asks for in a closed loop.
func sampleEchoes(b *testing.B, ready record.ServerReady) {
	response, err := http.Post("http://"+ready.Admin+record.SamplePath, "application/json", strings.NewReader(`{"seed":1,"share":0.015625,"keep":8192}`))
	if err != nil {
		b.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		b.Fatalf("%s answers %s", record.SamplePath, response.Status)
	}
}

// produceCPU is the server's CPU nanoseconds for a Produce request of an open loop.
func produceCPU(b *testing.B, binary string, way instrumented) float64 {
	data, err := os.MkdirTemp(b.TempDir(), "data")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(data)
	ready, stop := serve(b, binary, append([]string{"--model", "loop-per-thread-pool", "--data", data}, way.flags...)...)
	defer stop()
	defer way.scrape(b, ready)()
	m := load(b, binary, ready, "--rate", "100", "--batch-bytes", "64KiB", "--producers", "30", "--warm-up", "500ms", "--window", "2s",
		"--join-samples", way.sampled, "--client-stamps", "off")
	if m.Answered == 0 {
		b.Fatal("no request was answered")
	}
	return float64(m.Broker().Process.CPUNs) / float64(m.Answered)
}

// scrape reads the metrics page until the returned function is called.
func (way instrumented) scrape(b *testing.B, ready record.ServerReady) (stop func()) {
	if !way.scraped {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- scrapeUntil(done, "http://"+ready.Admin+record.MetricsPath) }()
	return func() {
		close(done)
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
}

func scrapeUntil(done chan struct{}, url string) error {
	ticker := time.NewTicker(scrapeEvery)
	defer ticker.Stop()
	for {
		response, err := http.Get(url)
		if err != nil {
			return err
		}
		response.Body.Close()
		select {
		case <-done:
			return nil
		case <-ticker.C:
		}
	}
}

// cpuOf is the CPU time of all threads of a process that live, in nanoseconds
// (/proc/PID/task/TID/schedstat).
func cpuOf(b *testing.B, pid int) (total int64) {
	b.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		b.Fatalf("threads of process %d: %v", pid, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			b.Fatalf("%s: %v", file, err)
		}
		total += ns
	}
	return total
}

func reportCosts(b *testing.B, load string, costs map[string][]float64) {
	base := costs[instrumentations[0].name]
	fmt.Printf("\n%-16s %-36s %12s  ratio to %s: median [quartiles] of %d rounds\n", load, "instrumentation", "CPU ns/req", instrumentations[0].name, len(base))
	for _, way := range instrumentations {
		ratios := make([]float64, len(base))
		for i, ns := range costs[way.name] {
			ratios[i] = ns / base[i]
		}
		low, middle, high := quartiles(ratios)
		fmt.Printf("%-16s %-36s %12.0f  %.3f [%.3f, %.3f]\n", load, way.name, median(costs[way.name]), middle, low, high)
		b.ReportMetric(middle, strings.ReplaceAll(load+":"+way.name, " ", "-"))
	}
}
