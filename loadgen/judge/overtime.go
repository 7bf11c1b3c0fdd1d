package judge

import (
	"cmp"
	"math"
	"time"

	"c10klab/internal/record"

	"gonum.org/v1/gonum/stat"
)

const (
	trendParts   = 20  // equal ones, into which the window is cut to see whether times change in it
	leastPerPart = 20  // requests that a part needs for its mean to say something
	chanceSure   = 3.3 // standard deviations beyond which a rank correlation, or a share, is no chance (one in a thousand)
)

// timeSeries counts durations by step and bucket; the zero value counts none. One thread at a
// time may use it.
type timeSeries struct {
	stepNs int64
	counts []uint32 // of each step, record.SeriesBuckets
}

// newTimeSeries touches its memory at once, as NewTally does.
func newTimeSeries(window time.Duration) timeSeries {
	stepNs, steps := record.SeriesSteps(window)
	s := timeSeries{stepNs: stepNs, counts: make([]uint32, steps*record.SeriesBuckets)}
	clear(s.counts)
	return s
}

// record counts a duration of a request sinceNs after the window's start.
func (s *timeSeries) record(sinceNs, ns int64) {
	if s.stepNs == 0 {
		return
	}
	at := int(sinceNs/s.stepNs)*record.SeriesBuckets + record.SeriesBucket(ns)
	if sinceNs >= 0 && at < len(s.counts) {
		s.counts[at]++
	}
}

func (s *timeSeries) merge(other timeSeries) {
	for i, n := range other.counts {
		s.counts[i] += n
	}
}

// document is the time series in its stored form, without its name; false if it is empty.
func (s *timeSeries) document(startNs int64) (d record.TimeSeries, counted bool) {
	d = record.TimeSeries{StartNs: startNs, StepNs: s.stepNs, Steps: make([][]int64, len(s.counts)/record.SeriesBuckets)}
	for i, n := range s.counts {
		if n > 0 {
			step := i / record.SeriesBuckets
			d.Steps[step] = append(d.Steps[step], int64(i%record.SeriesBuckets), int64(n))
			counted = true
		}
	}
	return d, counted
}

// trend sums the times of requests by the part of the window in which they were due.
type trend [trendParts]struct{ n, sumNs int64 }

func (t *trend) record(w *Window, dueNs, ns int64) {
	startNs, endNs := w.StartNs(), w.EndNs()
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

// oneWay reports whether the means go one way: Kendall's rank correlation with time
// (Mann 1945) tells a trend from a burst.
func oneWay(means []float64) bool {
	n := len(means)
	pairs := 0 // that rise, less those that fall
	for i := range n {
		for j := i + 1; j < n; j++ {
			pairs += cmp.Compare(means[j], means[i])
		}
	}
	deviation := math.Sqrt(float64(n*(n-1)*(2*n+5)) / 18)
	return math.Abs(float64(pairs)) >= chanceSure*deviation
}

// outerQuarters are the means over the first and over the last quarter of the parts.
func outerQuarters(means []float64) (first, last float64) {
	quarter := len(means) / 4
	return stat.Mean(means[:quarter], nil), stat.Mean(means[len(means)-quarter:], nil)
}

// rising judges an open loop for a queue that grows: a target that takes a share x less
// than what is offered answers later and later, by x of the time that passes. The
// middles of the outer quarters lie three quarters of the window apart.
func rising(f *facts) answer {
	value := 0.0
	if oneWay(f.m.MeanTimeNs) {
		first, last := outerQuarters(f.m.MeanTimeNs)
		value = max(0, last-first) / (0.75 * float64(f.load.Window))
	}
	return answer{100 * value, 100 * behindShare, f.trends && f.load.OffersRequests()}
}

// unsteady judges whether the window shows one state at all.
func unsteady(f *facts) answer {
	value := 1.0
	if first, last := outerQuarters(f.m.MeanTimeNs); first > 0 && last > 0 && oneWay(f.m.MeanTimeNs) {
		value = max(last/first, first/last)
	}
	return answer{value, trendFactor, f.trends}
}
