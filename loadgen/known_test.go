package loadgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

const (
	knownService = time.Millisecond
	knownSamples = 1_100_000 // expected
	leastSamples = 1_000_000
	// knownError is how far a measured time may lie from theory.
	knownError = 0.05
)

// theory is what a queue's textbook says of it.
type theory interface {
	MeanResponse() float64
	ResponseQuantile(p float64) float64
	MeanWait() float64
	WaitQuantile(p float64) float64
}

func exponentialService(seed uint64) func() int64 {
	random := rand.New(rand.NewPCG(seed, 1))
	return func() int64 { return int64(random.ExpFloat64() * float64(knownService)) }
}

func constantService() int64 { return int64(knownService) }

// queueCase is one queue and where its customers wait.
type queueCase struct {
	name        string
	theory      theory
	utilisation float64
	service     func() int64
	// Many in flight wait at the server; one connection with one in flight has them
	// all wait within the generator.
	connections, inFlight int
}

func queueCases() []queueCase {
	const half, busy, service = 0.5, 0.7, float64(knownService)
	const many, unlimited = 64, 1 << 20
	return []queueCase{
		{"M/M/1 in the server", mm1{Utilisation: busy, Service: service}, busy, exponentialService(1), many, unlimited},
		{"M/M/1 in the generator", mm1{Utilisation: half, Service: service}, half, exponentialService(2), 1, 1},
		{"M/D/1 in the server", md1{Utilisation: half, Service: service}, half, constantService, many, unlimited},
		{"M/D/1 in the generator", md1{Utilisation: busy, Service: service}, busy, constantService, 1, 1},
	}
}

// TestQueuesOfTheTextbooksAreMeasuredRight runs the generator in virtual time against
// a server whose response times are known exactly.
func TestQueuesOfTheTextbooksAreMeasuredRight(t *testing.T) {
	for _, c := range queueCases() {
		t.Run(c.name, func(t *testing.T) {
			perSecond := c.utilisation / knownService.Seconds()
			v := newVirtual(t, plan.Schedule{Kind: plan.Poisson, PerSecond: perSecond, Seed: 3}, c.connections, c.inFlight, c.service)
			got := v.run(time.Duration(knownSamples / perSecond * float64(time.Second)))
			wantDistribution(t, "ResponseTime", got.Histograms[judge.ResponseTime], c.theory.MeanResponse(), c.theory.ResponseQuantile)
			if c.inFlight == 1 {
				wantDistribution(t, "BackPressure", got.Histograms[judge.BackPressure], c.theory.MeanWait(), c.theory.WaitQuantile)
			}
			if late := got.Histograms[judge.Lateness].MaxNs(); late != 0 {
				t.Errorf("Lateness is up to %d ns, and the sender was never late", late)
			}
			if n := got.Histograms[judge.ResponseTime].Count(); n != got.Counts[judge.Offered] || n < leastSamples {
				t.Errorf("%d response times of %d requests", n, got.Counts[judge.Offered])
			}
			wantLittlesLaw(t, v, got)
		})
	}
}

func wantDistribution(t *testing.T, what string, h *hdr.Histogram, mean float64, quantile func(float64) float64) {
	t.Helper()
	wantNear(t, what+" mean", h.MeanNs(), mean)
	for _, p := range []float64{0.5, 0.9, 0.99, 0.999} {
		wantNear(t, fmt.Sprintf("%s at %g", what, p), float64(h.ValueNs(p)), quantile(p))
	}
}

func wantNear(t *testing.T, what string, got, want float64) {
	t.Helper()
	const resolutionNs = 1000 // where theory says next to nothing
	if math.Abs(got-want) > max(knownError*want, resolutionNs) {
		t.Errorf("%s is %.0f ns, theory says %.0f: ratio %.3f", what, got, want, got/want)
	}
}

// wantLittlesLaw holds the gauge against the histograms: every request is in flight for
// its response time.
func wantLittlesLaw(t *testing.T, v *virtual, got *judge.Tally) {
	t.Helper()
	times := got.Histograms[judge.ResponseTime]
	wantNear(t, "integral of requests in flight", float64(got.Counts[judge.InFlightNs]), times.MeanNs()*float64(times.Count()))
}

// TestLateSenderTakesTheBlameForExactlyItsLateness lets each sleep of the sender end
// late by a fixed time, on a server that is never busy.
func TestLateSenderTakesTheBlameForExactlyItsLateness(t *testing.T) {
	const late, service = 300 * time.Microsecond, 100 * time.Microsecond
	v := newVirtual(t, plan.Schedule{Kind: plan.Constant, PerSecond: 1000, Seed: 1}, 8, 1, func() int64 { return int64(service) })
	v.oversleep = func() int64 { return int64(late) }
	got := v.run(10 * time.Second)
	for what, c := range map[string]struct {
		s    judge.Span
		want time.Duration
	}{
		"Lateness": {judge.Lateness, late}, "ServiceTime": {judge.ServiceTime, service},
		"ResponseTime": {judge.ResponseTime, late + service}, "BackPressure": {judge.BackPressure, 0},
	} {
		// The first request falls due at the very beginning and needs no sleep.
		wantNear(t, what, float64(got.Histograms[c.s].ValueNs(0.5)), float64(c.want))
		if h := got.Histograms[c.s]; h.Count() != 10_000 {
			t.Errorf("%s holds %d of 10 000 requests", what, h.Count())
		}
	}
}

// TestStallIsCountedWholeForEveryRequestDueInIt is the coordinated-omission test: what
// falls due i milliseconds into a stall of 1.4 s waits the rest of it.
func TestStallIsCountedWholeForEveryRequestDueInIt(t *testing.T) {
	const stall, gap, window = 1400 * time.Millisecond, time.Millisecond, 10 * time.Second
	for _, c := range []struct {
		name                  string
		connections, inFlight int
	}{{"requests wait at the target", 100, 1 << 20}, {"requests wait for their connection", 100, 1}, {"one connection", 1, 1}} {
		v := newVirtual(t, plan.Schedule{Kind: plan.Constant, PerSecond: float64(time.Second / gap), Seed: 1}, c.connections, c.inFlight, func() int64 { return 0 })
		v.stallFromNs = virtualBeginNs + int64(5*time.Second)
		v.stallToNs = v.stallFromNs + int64(stall)
		got := v.run(window)
		response := got.Histograms[judge.ResponseTime]
		wantNear(t, c.name+": longest", float64(response.MaxNs()), float64(stall))
		const requests, inStall = int64(window / gap), int64(stall / gap)
		for _, waited := range []int64{1000, 500, 100} { // milliseconds, by so many requests fewer than inStall
			p := 1 - float64(inStall-waited)/float64(requests)
			wantNear(t, fmt.Sprintf("%s: response time at %.4f", c.name, p), float64(response.ValueNs(p)), float64(waited)*1e6)
		}
		if late := got.Histograms[judge.Lateness].MaxNs(); late != 0 {
			t.Errorf("%s: Lateness %d ns during the target's stall", c.name, late)
		}
	}
}
