// Package queueing holds what theory says of queues with one server and Poisson
// arrivals, in closed form: the known answers that the load generator is held
// against. Times are in the unit of Service. Response is wait and service together;
// customers are served in order of arrival.
package queueing

import "math"

// MM1 is M/M/1: exponentially distributed service times (Kleinrock, Queueing
// Systems I, chapter 3).
type MM1 struct {
	Utilisation float64 // below 1
	Service     float64 // mean
}

// MeanResponse is the mean time from arrival to departure.
func (q MM1) MeanResponse() float64 { return q.Service / (1 - q.Utilisation) }

// MeanWait is the mean time from arrival to the beginning of service.
func (q MM1) MeanWait() float64 { return q.Utilisation * q.MeanResponse() }

// ResponseQuantile is the response time that a share p of customers does not
// exceed.
func (q MM1) ResponseQuantile(p float64) float64 { return -math.Log(1-p) * q.MeanResponse() }

// WaitQuantile is the same of the wait; a share of 1 − Utilisation does not wait.
func (q MM1) WaitQuantile(p float64) float64 {
	return max(0, -math.Log((1-p)/q.Utilisation)*q.MeanResponse())
}

// MD1 is M/D/1: all service times are equal.
type MD1 struct {
	Utilisation float64 // below 1
	Service     float64
}

// MeanWait is Pollaczek and Khinchine's.
func (q MD1) MeanWait() float64 { return q.Utilisation * q.Service / (2 * (1 - q.Utilisation)) }

// MeanResponse is the mean time from arrival to departure.
func (q MD1) MeanResponse() float64 { return q.Service + q.MeanWait() }

// ResponseQuantile is the response time that a share p of customers does not
// exceed.
func (q MD1) ResponseQuantile(p float64) float64 { return q.Service + q.WaitQuantile(p) }

// WaitQuantile inverts WaitAtMost by bisection.
func (q MD1) WaitQuantile(p float64) float64 {
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
func (q MD1) WaitAtMost(t float64) float64 {
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
func (q MD1) queueAtMost(n int) []float64 {
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
