package loadgen

import "math"

// trendParts is into how many equal parts the window is cut to see whether times
// change within it.
const trendParts = 20

// leastPerPart is how many requests a part needs for its mean to say something.
const leastPerPart = 20

// trend sums the times of requests by the part of the window in which they were due.
type trend [trendParts]struct{ n, sumNs int64 }

// record enters a request that was due in the window.
func (t *trend) record(w *window, dueNs, ns int64) {
	startNs, endNs := w.startNs.Load(), w.endNs.Load()
	part := &t[(dueNs-startNs)*trendParts/(endNs-startNs)]
	part.n++
	part.sumNs += ns
}

func (t *trend) merge(other *trend) {
	for i := range t {
		t[i].n += other[i].n
		t[i].sumNs += other[i].sumNs
	}
}

// means returns the mean of each part, 0 for a part without requests.
func (t *trend) means() []float64 {
	means := make([]float64, trendParts)
	for i, part := range t {
		means[i] = float64(part.sumNs) / float64(max(1, part.n))
	}
	return means
}

// leastCount is the number of requests in the emptiest part.
func (t *trend) leastCount() int64 {
	least := t[0].n
	for _, part := range t {
		least = min(least, part.n)
	}
	return least
}

// kendallSure is the number of standard deviations beyond which a rank correlation is
// no chance (one in a thousand).
const kendallSure = 3.3

// oneWay reports whether the means go one way: Kendall's rank correlation with time
// (Mann 1945) tells a trend from a burst.
func oneWay(means []float64) bool {
	n := len(means)
	pairs := 0 // that rise, less those that fall
	for i := range n {
		for j := i + 1; j < n; j++ {
			switch {
			case means[j] > means[i]:
				pairs++
			case means[j] < means[i]:
				pairs--
			}
		}
	}
	deviation := math.Sqrt(float64(n*(n-1)*(2*n+5)) / 18)
	return math.Abs(float64(pairs)) >= kendallSure*deviation
}

// outerQuarters are the means over the first and over the last quarter of the parts.
func outerQuarters(means []float64) (first, last float64) {
	n := len(means)
	for i := range n / 4 {
		first += means[i] / float64(n/4)
		last += means[n-1-i] / float64(n/4)
	}
	return first, last
}

// rising judges an open loop for a queue that grows: a target that takes a share x less
// than what is offered answers later and later, by x of the time that passes. The
// middles of the outer quarters lie three quarters of the window apart.
func rising(f *facts) (value, limit float64, applies bool) {
	if oneWay(f.m.MeanTimeNs) {
		first, last := outerQuarters(f.m.MeanTimeNs)
		value = max(0, last-first) / (0.75 * float64(f.cfg.Window))
	}
	return 100 * value, 100 * behindShare, f.trends && f.cfg.opensLoop()
}

// unsteady judges whether the window shows one state at all.
func unsteady(f *facts) (value, limit float64, applies bool) {
	value = 1
	if first, last := outerQuarters(f.m.MeanTimeNs); first > 0 && last > 0 && oneWay(f.m.MeanTimeNs) {
		value = max(last/first, first/last)
	}
	return value, trendFactor, f.trends
}
