package loadgen

import (
	"time"

	"c10klab/internal/record"
)

const (
	// leastStep and mostSteps choose the step of a series: fine enough to see a
	// stall, few enough that a record stays small.
	leastStep = 100 * time.Millisecond
	mostSteps = 120
)

// seriesStep is the step for a window: the smallest multiple of leastStep of
// which the window holds at most mostSteps.
func seriesStep(window time.Duration) time.Duration {
	return leastStep * max(1, (window+mostSteps*leastStep-1)/(mostSteps*leastStep))
}

// series counts durations by step and bucket. One thread at a time may use it.
type series struct {
	stepNs int64
	counts []uint32 // of each step, record.SeriesBuckets
}

// newSeries touches its memory at once, as newTally does.
func newSeries(window time.Duration) *series {
	step := seriesStep(window)
	steps := int((window + step - 1) / step)
	s := &series{stepNs: int64(step), counts: make([]uint32, steps*record.SeriesBuckets)}
	clear(s.counts)
	return s
}

// record counts a duration of a request sinceNs after the window's start.
func (s *series) record(sinceNs, ns int64) {
	if s == nil {
		return
	}
	at := int(sinceNs/s.stepNs)*record.SeriesBuckets + record.SeriesBucket(ns)
	if sinceNs >= 0 && at < len(s.counts) {
		s.counts[at]++
	}
}

func (s *series) merge(other *series) {
	if s == nil || other == nil {
		return
	}
	for i, n := range other.counts {
		s.counts[i] += n
	}
}

// document is the series in its stored form, without its name; false if it is empty.
func (s *series) document(startNs int64) (d record.TimeSeries, counted bool) {
	if s == nil {
		return d, false
	}
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
