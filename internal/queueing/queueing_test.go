package queueing

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s is %.9g, want %.9g", what, got, want)
	}
}

func TestMM1AgainstTextbookValues(t *testing.T) {
	q := MM1{Utilisation: 0.5, Service: 2}
	near(t, "mean response", q.MeanResponse(), 4, 1e-12)
	near(t, "mean wait", q.MeanWait(), 2, 1e-12)
	near(t, "median response", q.ResponseQuantile(0.5), 4*math.Ln2, 1e-12)
	near(t, "median wait", q.WaitQuantile(0.5), 0, 1e-12)
	near(t, "p75 of the wait", q.WaitQuantile(0.75), 4*math.Ln2, 1e-12)
}

// erlang is Erlang's series of 1909 for the same distribution, exact enough near 0.
func erlang(q MD1, t float64) float64 {
	sum, lambda := 0.0, q.Utilisation/q.Service
	for k := 0.0; k*q.Service <= t; k++ {
		x := lambda * (k*q.Service - t)
		sum += math.Pow(x, k) / math.Gamma(k+1) * math.Exp(-x)
	}
	return (1 - q.Utilisation) * sum
}

func TestMD1AgainstErlangsSeries(t *testing.T) {
	for _, utilisation := range []float64{0.1, 0.5, 0.7, 0.9} {
		q := MD1{utilisation, 2}
		near(t, "share that does not wait", q.WaitAtMost(0), 1-utilisation, 1e-12)
		for _, at := range []float64{0.3, 1.9, 2, 2.1, 5, 9.7} {
			near(t, "share of waits", q.WaitAtMost(at), erlang(q, at), 1e-9)
		}
	}
}

// The mean of the distribution is Pollaczek and Khinchine's, which knows nothing of it.
func TestMD1DistributionHasTheMeanOfPollaczekAndKhinchine(t *testing.T) {
	for _, utilisation := range []float64{0.3, 0.7, 0.95} {
		q := MD1{utilisation, 1}
		const step = 0.01
		mean := 0.0
		for at := step / 2; at < 400 && q.WaitAtMost(at) < 1-1e-9; at += step {
			mean += step * (1 - q.WaitAtMost(at))
		}
		near(t, "mean wait", mean, q.MeanWait(), 1e-3*q.MeanWait())
	}
}

func TestQuantilesInvertTheDistribution(t *testing.T) {
	q := MD1{0.7, 3}
	for _, p := range []float64{0.31, 0.5, 0.9, 0.99, 0.9999} {
		near(t, "share at its quantile", q.WaitAtMost(q.WaitQuantile(p)), p, 1e-6)
		near(t, "response", q.ResponseQuantile(p)-q.WaitQuantile(p), 3, 1e-12)
	}
	near(t, "wait of the lucky", q.WaitQuantile(0.2), 0, 0)
}
