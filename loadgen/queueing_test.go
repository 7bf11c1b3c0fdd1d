package loadgen

import (
	"math"
	"testing"
)

// What theory says of queues with one server and Poisson arrivals, in closed form: the known
// answers that the generator is held against. Times are in the unit of Service. Response is
// wait and service together; customers are served in order of arrival.

// mm1 is M/M/1: exponentially distributed service times (Kleinrock, Queueing
// Systems I, chapter 3).
type mm1 struct {
	Utilisation float64 // below 1
	Service     float64 // mean
}

// MeanResponse is the mean time from arrival to departure.
func (q mm1) MeanResponse() float64 { return q.Service / (1 - q.Utilisation) }

// MeanWait is the mean time from arrival to the beginning of service.
func (q mm1) MeanWait() float64 { return q.Utilisation * q.MeanResponse() }

// ResponseQuantile is the response time that a share p of customers does not
// exceed.
func (q mm1) ResponseQuantile(p float64) float64 { return -math.Log(1-p) * q.MeanResponse() }

// WaitQuantile is the same of the wait; a share of 1 − Utilisation does not wait.
func (q mm1) WaitQuantile(p float64) float64 {
	return max(0, -math.Log((1-p)/q.Utilisation)*q.MeanResponse())
}

// md1 is M/D/1: all service times are equal.
type md1 struct {
	Utilisation float64 // below 1
	Service     float64
}

// MeanWait is Pollaczek and Khinchine's.
func (q md1) MeanWait() float64 { return q.Utilisation * q.Service / (2 * (1 - q.Utilisation)) }

// MeanResponse is the mean time from arrival to departure.
func (q md1) MeanResponse() float64 { return q.Service + q.MeanWait() }

// ResponseQuantile is the response time that a share p of customers does not
// exceed.
func (q md1) ResponseQuantile(p float64) float64 { return q.Service + q.WaitQuantile(p) }

// WaitQuantile inverts WaitAtMost by bisection.
func (q md1) WaitQuantile(p float64) float64 {
	low, high := 0.0, q.Service
	if q.WaitAtMost(0) >= p {
		return 0
	}
	for q.WaitAtMost(high) < p {
		low, high = high, 2*high
	}
	const precision = 1e-9
	for high-low > precision*high {
		if middle := (low + high) / 2; q.WaitAtMost(middle) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// WaitAtMost is the share of customers who wait no longer than t. It is Crommelin's
// distribution in the form of Franx (A simple solution for the M/D/c waiting time
// distribution, 2001), whose terms are all positive: Erlang's series alternates and
// loses its digits far out.
func (q md1) WaitAtMost(t float64) float64 {
	if t < 0 {
		return 0
	}
	k := int(t/q.Service) + 1
	mean := q.Utilisation * (float64(k) - t/q.Service) // arrivals until the kth departure
	queued := q.queueAtMost(k)
	share := 0.0
	for j, p := 0, math.Exp(-mean); j < k; j++ {
		share += queued[k-1-j] * p
		p *= mean / float64(j+1)
	}
	return share
}

// queueAtMost returns the shares of time with at most 0, 1 … n−1 customers waiting.
// What departing customers leave behind is a Markov chain (Kendall 1953), solved by
// the balance of moves up and down across each level.
func (q md1) queueAtMost(n int) []float64 {
	arrivals := poissonAtLeast(q.Utilisation, n+2)
	none := 1 - arrivals[1] // no arrival during one service
	left := make([]float64, n+1)
	left[0] = 1 - q.Utilisation
	for level := 1; level <= n; level++ {
		up := left[0] * arrivals[level]
		for from := 1; from < level; from++ {
			up += left[from] * arrivals[level-from+1]
		}
		left[level] = up / none
	}
	atMost := make([]float64, n)
	sum := left[0] // one in service and none waiting counts as none waiting
	for waiting := range atMost {
		sum += left[waiting+1]
		atMost[waiting] = sum
	}
	return atMost
}

// poissonAtLeast returns the probabilities of at least 0, 1 … n−1 arrivals where
// mean are expected.
func poissonAtLeast(mean float64, n int) []float64 {
	exactly := make([]float64, n+far)
	exactly[0] = math.Exp(-mean)
	for i := 1; i < len(exactly); i++ {
		exactly[i] = exactly[i-1] * mean / float64(i)
	}
	atLeast := make([]float64, n)
	sum := 0.0
	for i := len(exactly) - 1; i >= 0; i-- { // small ones first
		sum += exactly[i]
		if i < n {
			atLeast[i] = sum
		}
	}
	return atLeast
}

// far is how many terms of a Poisson distribution with a mean below 1 matter beyond
// any other.
const far = 30

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s is %.9g, want %.9g", what, got, want)
	}
}

func TestMM1AgainstTextbookValues(t *testing.T) {
	q := mm1{Utilisation: 0.5, Service: 2}
	near(t, "mean response", q.MeanResponse(), 4, 1e-12)
	near(t, "mean wait", q.MeanWait(), 2, 1e-12)
	near(t, "median response", q.ResponseQuantile(0.5), 4*math.Ln2, 1e-12)
	near(t, "median wait", q.WaitQuantile(0.5), 0, 1e-12)
	near(t, "p75 of the wait", q.WaitQuantile(0.75), 4*math.Ln2, 1e-12)
}

// erlang is Erlang's series of 1909 for the same distribution, exact enough near 0.
func erlang(q md1, t float64) float64 {
	sum, lambda := 0.0, q.Utilisation/q.Service
	for k := 0.0; k*q.Service <= t; k++ {
		x := lambda * (k*q.Service - t)
		sum += math.Pow(x, k) / math.Gamma(k+1) * math.Exp(-x)
	}
	return (1 - q.Utilisation) * sum
}

func TestMD1AgainstErlangsSeries(t *testing.T) {
	for _, utilisation := range []float64{0.1, 0.5, 0.7, 0.9} {
		q := md1{utilisation, 2}
		near(t, "share that does not wait", q.WaitAtMost(0), 1-utilisation, 1e-12)
		for _, at := range []float64{0.3, 1.9, 2, 2.1, 5, 9.7} {
			near(t, "share of waits", q.WaitAtMost(at), erlang(q, at), 1e-9)
		}
	}
}

// The mean of the distribution is Pollaczek and Khinchine's, which knows nothing of it.
func TestMD1DistributionHasTheMeanOfPollaczekAndKhinchine(t *testing.T) {
	for _, utilisation := range []float64{0.3, 0.7, 0.95} {
		q := md1{utilisation, 1}
		const step = 0.01
		mean := 0.0
		for at := step / 2; at < 400 && q.WaitAtMost(at) < 1-1e-9; at += step {
			mean += step * (1 - q.WaitAtMost(at))
		}
		near(t, "mean wait", mean, q.MeanWait(), 1e-3*q.MeanWait())
	}
}

func TestQuantilesInvertTheDistribution(t *testing.T) {
	q := md1{0.7, 3}
	for _, p := range []float64{0.31, 0.5, 0.9, 0.99, 0.9999} {
		near(t, "share at its quantile", q.WaitAtMost(q.WaitQuantile(p)), p, 1e-6)
		near(t, "response", q.ResponseQuantile(p)-q.WaitQuantile(p), 3, 1e-12)
	}
	near(t, "wait of the lucky", q.WaitQuantile(0.2), 0, 0)
}
