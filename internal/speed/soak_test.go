package speed

import (
	"bufio"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"c10klab/internal/record"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

const (
	soakMinutes = 10
	soakLong    = 60 // under loop-per-thread-pool
	soakPause   = time.Second
	// soakSettles is the share of a soak before the server has seen all its states: it counts for no slope.
	soakSettles = 0.2
	soakParts   = 10 // of the rest, whose means are the points that a slope is laid through
)

// trend is how a quantity of the server's process went: its mean over the first and the last part, and its
// growth an hour with a 95 % interval, by least squares through the means of the parts.
type trend struct {
	First, Last   float64
	PerHour       float64
	Low, High     float64
	HoursMeasured float64
}

// soak is one model under 100 MB/s with tail consumers, retention and garbage collection.
type soak struct {
	Model       string
	Outcome     record.Outcome
	RateHeld    float64
	Minutes     float64
	Collections int64
	RSSBytes    trend
	Descriptors trend
	Threads     trend
	Goroutines  trend
}

// soakServer keeps some seconds of the log, so that retention works all the time.
var soakServer = []string{"--gc", "on", "--segment-bytes", "16MiB", "--retention-bytes", "48MiB", "--housekeeping-interval", "1s"}

// BenchmarkSoak lets every model hold 100 MB/s for minutes, one of them for an hour, and asks what
// of its process grows: nothing may.
func BenchmarkSoak(b *testing.B) {
	binary := buildC10klab(b)
	var all []soak
	for _, model := range []string{"thread-per-connection", "reactor", "reactor-pool", "loop-per-thread", "goroutine-per-connection", "loop-per-thread-pool"} {
		minutes := brief(soakMinutes)
		if model == "loop-per-thread-pool" {
			minutes = brief(soakLong)
		}
		ready, stop := serve(b, binary, append([]string{"--model", model, "--data", b.TempDir()}, soakServer...)...)
		ended, sampled := make(chan struct{}), make(chan []processState)
		go func() { sampled <- watchProcess(ready, ended) }()
		window := time.Duration(minutes) * time.Minute
		m := load(b, binary, ready, "--rate", "100", "--consumers", "tail", "--window", window.String(), "--lateness-limit", "10ms")
		close(ended)
		states := <-sampled
		stop()
		s := soak{
			Model: model, Outcome: m.Outcome, RateHeld: m.AckedMBps / m.OfferedMBps, Minutes: window.Minutes(), Collections: m.Broker().Process.GCCycles,
			RSSBytes:    trendOf(states, func(s processState) float64 { return s.rssBytes }),
			Descriptors: trendOf(states, func(s processState) float64 { return s.descriptors }),
			Threads:     trendOf(states, func(s processState) float64 { return s.threads }),
			Goroutines:  trendOf(states, func(s processState) float64 { return s.goroutines }),
		}
		fmt.Printf("%-26s %-20s held %.3f for %.0f min, %d collections\n", s.Model, s.Outcome, s.RateHeld, s.Minutes, s.Collections)
		for _, q := range []struct {
			what  string
			trend trend
			unit  float64
		}{{"RSS, MiB", s.RSSBytes, 1 << 20}, {"descriptors", s.Descriptors, 1}, {"threads", s.Threads, 1}, {"goroutines", s.Goroutines, 1}} {
			t := q.trend
			fmt.Printf("    %-12s %8.1f at first, %8.1f at last, %+8.2f an hour [%.2f, %.2f]\n", q.what, t.First/q.unit, t.Last/q.unit, t.PerHour/q.unit, t.Low/q.unit, t.High/q.unit)
		}
		all = append(all, s)
	}
	keep(b, "soak", all)
}

// processState is what a server's process has at an instant.
type processState struct {
	at                                         time.Time
	rssBytes, descriptors, threads, goroutines float64
}

// watchProcess looks at a server's process once a second until told to end.
func watchProcess(ready record.ServerReady, ended <-chan struct{}) (states []processState) {
	ticker := time.NewTicker(soakPause)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return states
		case <-ticker.C:
		}
		s := processState{at: time.Now()}
		status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(ready.PID), "status"))
		if err != nil {
			return states // it has ended
		}
		for line := range strings.Lines(string(status)) {
			fields := strings.Fields(line)
			switch {
			case len(fields) < 2:
			case fields[0] == "VmRSS:":
				s.rssBytes = 1024 * number(fields[1])
			case fields[0] == "Threads:":
				s.threads = number(fields[1])
			}
		}
		open, _ := os.ReadDir(filepath.Join("/proc", strconv.Itoa(ready.PID), "fd"))
		s.descriptors, s.goroutines = float64(len(open)), metric(ready, "go_goroutines")
		states = append(states, s)
	}
}

func number(text string) float64 {
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

// metric reads a number without labels from a server's metrics page; 0: it has none of that name.
func metric(ready record.ServerReady, name string) float64 {
	resp, err := http.Get("http://" + ready.Admin + record.MetricsPath)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			return number(value)
		}
	}
	return 0
}

// trendOf lays a line through the means of the parts of a soak, once it has settled.
func trendOf(states []processState, of func(processState) float64) (t trend) {
	states = states[int(soakSettles*float64(len(states))):]
	part := len(states) / soakParts
	if part == 0 {
		return trend{}
	}
	var hours, means []float64
	for i := range soakParts {
		var values []float64
		for _, s := range states[i*part : (i+1)*part] {
			values = append(values, of(s))
		}
		hours = append(hours, states[i*part+part/2].at.Sub(states[0].at).Hours())
		means = append(means, stat.Mean(values, nil))
	}
	intercept, slope := stat.LinearRegression(hours, means, nil, false)
	var residuals float64
	for i := range hours {
		off := means[i] - intercept - slope*hours[i]
		residuals += off * off
	}
	spread := stat.Variance(hours, nil) * float64(len(hours)-1)
	const degrees = soakParts - 2
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: degrees}.Quantile(0.975) * math.Sqrt(residuals/degrees/spread)
	return trend{First: means[0], Last: means[soakParts-1], PerHour: slope, Low: slope - half, High: slope + half, HoursMeasured: hours[soakParts-1] - hours[0]}
}
