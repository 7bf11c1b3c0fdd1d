// Package hdr records latencies: histograms that count what they cannot hold,
// recorders that many threads share without blocking each other, and encodings
// that the standard HdrHistogram tools read.
package hdr

import (
	"errors"
	"fmt"
	"math"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Every histogram has this shape, so any two merge without loss.
const (
	lowestNs           = 1
	highestNs          = int64(5 * 60 * 1e9)
	significantFigures = 3
)

// Histogram counts durations in nanoseconds with three significant figures from
// 1 ns to 5 min. A value outside is counted apart, never clamped. One goroutine
// at a time may use it; Recorders arbitrate between threads.
type Histogram struct {
	inner      *hdrhistogram.Histogram
	outOfRange int64
	dependent  [len(Quantiles)]float64 // samples beyond the independent ones, by quantile
}

func NewHistogram() *Histogram {
	return &Histogram{inner: hdrhistogram.New(lowestNs, highestNs, significantFigures)}
}

// Record counts one duration.
func (h *Histogram) Record(ns int64) { h.RecordN(ns, 1) }

// RecordN counts n equal durations.
func (h *Histogram) RecordN(ns, n int64) {
	if h.inner.RecordValues(ns, n) != nil {
		h.outOfRange += n
	}
}

// Count is the number of durations held, without those out of range.
func (h *Histogram) Count() int64 { return h.inner.TotalCount() }

// OutOfRange is the number of durations below 0 or above 5 min.
func (h *Histogram) OutOfRange() int64 { return h.outOfRange }

func (h *Histogram) MaxNs() int64    { return h.inner.Max() }
func (h *Histogram) MinNs() int64    { return h.inner.Min() }
func (h *Histogram) MeanNs() float64 { return h.inner.Mean() }

// ValueNs is the value at quantile q in [0, 1].
func (h *Histogram) ValueNs(q float64) int64 { return h.inner.ValueAtPercentile(q * 100) }

// exceedancesForInterval is −ln(0.025): with fewer expected samples above a
// quantile, its 95 % confidence interval has no finite upper end.
const exceedancesForInterval = 3.689

// Supports reports whether n independent samples support quantile q, that is,
// whether its 95 % order-statistic interval is finite on both sides.
func Supports(n int64, q float64) bool {
	return float64(n)*math.Min(q, 1-q) >= exceedancesForInterval
}

// Quantile returns the value at q, and false when the independent samples do not
// support it.
func (h *Histogram) Quantile(q float64) (ns int64, supported bool) {
	return h.ValueNs(q), Supports(h.Independent(q), q)
}

// Merge adds other's counts; it loses nothing because all shapes are equal.
func (h *Histogram) Merge(other *Histogram) {
	h.outOfRange += other.outOfRange + h.inner.Merge(other.inner)
	for i, n := range other.dependent {
		h.dependent[i] += n
	}
}

// Clone returns an independent copy.
func (h *Histogram) Clone() *Histogram {
	return &Histogram{inner: h.inner.Clone(), outOfRange: h.outOfRange, dependent: h.dependent}
}

// ErrNotEarlier says that a histogram to subtract holds counts that the
// minuend lacks, so it is no earlier state of it.
var ErrNotEarlier = errors.New("the subtracted histogram is not an earlier state of this one")

// Since returns the counts recorded after the earlier cumulative state was
// taken. A nil earlier state means the beginning.
func (h *Histogram) Since(earlier *Histogram) (*Histogram, error) {
	if earlier == nil {
		return h.Clone(), nil
	}
	now, then := h.inner.Export(), earlier.inner.Export()
	if len(now.Counts) != len(then.Counts) || h.outOfRange < earlier.outOfRange {
		return nil, ErrNotEarlier
	}
	for i, count := range then.Counts {
		if now.Counts[i] < count {
			return nil, fmt.Errorf("bucket %d: %w", i, ErrNotEarlier)
		}
		now.Counts[i] -= count
	}
	return &Histogram{inner: hdrhistogram.Import(now), outOfRange: h.outOfRange - earlier.outOfRange}, nil
}

// Bracket is one step of the cumulative distribution.
type Bracket struct {
	Quantile float64 // in [0, 1]
	ValueNs  int64
}

// Distribution returns the cumulative distribution on the HDR axis, with the
// given number of steps per halving of the distance to 1.
func (h *Histogram) Distribution(stepsPerHalving int) []Bracket {
	inner := h.inner.CumulativeDistributionWithTicks(int32(stepsPerHalving))
	brackets := make([]Bracket, len(inner))
	for i, b := range inner {
		brackets[i] = Bracket{Quantile: b.Quantile / 100, ValueNs: b.ValueAt}
	}
	return brackets
}

// MemoryBytes is what the histogram occupies.
func (h *Histogram) MemoryBytes() int { return h.inner.ByteSize() }
