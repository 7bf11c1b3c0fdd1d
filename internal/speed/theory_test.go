package speed

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"c10klab/internal/record"
)

const (
	knownServiceMs = 2
	knownRequests  = 105_000 // at each load
)

// knownAnswer is a measured queue beside M/D/1.
type knownAnswer struct {
	Load, Utilisation         float64
	ServiceNs                 float64 // mean LocalTime
	BusyNs                    float64 // the thread's, a request
	Requests                  int64
	FloorNs                   float64 // mean ResponseTime of an echo at the same rate
	MeanNs, P99Ns             float64 // ResponseTime less the floor beyond service
	TheoryMeanNs, TheoryP99Ns float64
	MeanRatio, P99Ratio       float64
	Measurement               record.Measurement
}

// BenchmarkKnownAnswer loads one server thread that spins 2 ms a request with Poisson
// arrivals at half and at seven tenths of what it can do, and compares ResponseTime, as a
// client measures it, with M/D/1: the mean (Pollaczek–Khinchine) and p99 (Erlang). Of
// the measured times the floor is subtracted, the mean ResponseTime of an idle echo at the
// same rate: sockets and threads, which theory does not know. Utilisation and the time for
// which each request keeps the server from the next are measured: what its thread is
// busy receiving, spinning and sending.
func BenchmarkKnownAnswer(b *testing.B) {
	binary := buildC10klab(b)
	var all []knownAnswer
	for _, share := range []float64{0.5, 0.7} {
		perSecond := share * 1000 / knownServiceMs
		floor := find(b, knownLoad(b, binary, perSecond, 20*time.Second, "--service", "echo"), "ResponseTime").MeanNs()
		window := time.Duration(knownRequests / perSecond * float64(time.Second))
		m := knownLoad(b, binary, perSecond, window, "--service", "synthetic", "--cost", fmt.Sprintf("%dms", knownServiceMs))
		k := knownAnswerOf(b, m, floor)
		k.Load = share
		fmt.Printf("load %.1f: %d requests, utilisation %.4f, service %.4f ms of %.4f busy, floor %.3f ms: mean %.3f ms, theory %.3f, ratio %.3f; p99 %.3f ms, theory %.3f, ratio %.3f; %s\n",
			share, k.Requests, k.Utilisation, k.ServiceNs/1e6, k.BusyNs/1e6, floor/1e6, k.MeanNs/1e6, k.TheoryMeanNs/1e6, k.MeanRatio, k.P99Ns/1e6, k.TheoryP99Ns/1e6, k.P99Ratio, m.Outcome)
		b.ReportMetric(k.MeanRatio, fmt.Sprintf("mean/theory-at-%.1f", share))
		b.ReportMetric(k.P99Ratio, fmt.Sprintf("p99/theory-at-%.1f", share))
		all = append(all, k)
	}
	keep(b, "known-answer", all)
}

// knownLoad measures a fresh server of one thread. A connection has seldom more than one
// request in flight, so that requests are served in order of arrival.
func knownLoad(b *testing.B, binary string, perSecond float64, window time.Duration, service ...string) record.Measurement {
	b.Helper()
	ready, stop := serve(b, binary, append([]string{"--model", "reactor"}, service...)...)
	defer stop()
	return load(b, binary, ready, "--protocol", "echo", "--producers", "256", "--in-flight", "64", "--schedule", "poisson",
		"--rate-requests", strconv.FormatFloat(perSecond, 'g', -1, 64), "--warm-up", "3s", "--window", window.String())
}

func knownAnswerOf(b *testing.B, m record.Measurement, floorNs float64) knownAnswer {
	b.Helper()
	response, service := find(b, m, "ResponseTime"), find(b, m, "LocalTime").MeanNs()
	if len(m.Broker().LoopTimes) != 1 || m.Broker().Window == nil {
		b.Fatalf("the server tells the times of %d loops, want 1", len(m.Broker().LoopTimes))
	}
	loop := m.Broker().LoopTimes[0]
	utilisation, busyNs := float64(loop.IONs)/float64(loop.WallNs), float64(loop.IONs)/float64(m.Broker().Window.Requests)
	meanWaitNs := utilisation * busyNs / (2 * (1 - utilisation))
	k := knownAnswer{
		Utilisation: utilisation, ServiceNs: service, BusyNs: busyNs, Requests: response.Count(), FloorNs: floorNs,
		MeanNs: response.MeanNs() - floorNs, P99Ns: float64(response.ValueNs(0.99)) - floorNs,
		TheoryMeanNs: meanWaitNs + service, TheoryP99Ns: busyNs*waitQuantile(utilisation, 0.99) + service, Measurement: m,
	}
	k.MeanRatio, k.P99Ratio = k.MeanNs/k.TheoryMeanNs, k.P99Ns/k.TheoryP99Ns
	return k
}

// waitQuantile is the wait, in service times, that a share p of M/D/1's customers does not
// exceed. Erlang's series of 1909 alternates, which far beyond p99 would cost its digits.
func waitQuantile(utilisation, p float64) float64 {
	atMost := func(t float64) (share float64) {
		for k := 0.0; k <= t; k++ {
			x := utilisation * (k - t)
			share += (1 - utilisation) * math.Pow(x, k) / math.Gamma(k+1) * math.Exp(-x)
		}
		return share
	}
	low, high := 0.0, 1.0
	for atMost(high) < p {
		high *= 2
	}
	for high-low > 1e-9 {
		if middle := (low + high) / 2; atMost(middle) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
