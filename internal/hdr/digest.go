package hdr

import (
	"slices"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Digest is what tables and figures show of a histogram, in a thousandth of its memory.
type Digest struct {
	Count      int64
	MeanNs     float64
	MaxNs      int64
	quantileNs [len(Quantiles)]int64
	dependent  [len(Quantiles)]float64 // as a Histogram's
}

func digestOf(h *hdrhistogram.Histogram) Digest {
	d := Digest{Count: h.TotalCount(), MeanNs: h.Mean(), MaxNs: h.Max()}
	for i, q := range Quantiles {
		d.quantileNs[i] = h.ValueAtPercentile(100 * q)
	}
	return d
}

// Digest makes a histogram's.
func (h *Histogram) Digest() Digest {
	d := digestOf(h.inner)
	d.dependent = h.dependent
	return d
}

// Quantile returns the value at one of Quantiles, and false when the independent
// samples do not support it or it is none of them.
func (d Digest) Quantile(q float64) (ns int64, supported bool) {
	i := slices.Index(Quantiles[:], q)
	if i < 0 {
		return 0, false
	}
	return d.quantileNs[i], Supports(independent(d.Count, d.dependent[i]), q)
}

// StillNeeded is how many more samples, clustered as these are, would support q, one of
// Quantiles; 0 if these do, and for others.
func (d Digest) StillNeeded(q float64) int64 {
	i := slices.Index(Quantiles[:], q)
	if i < 0 {
		return 0
	}
	return stillNeeded(d.Count, independent(d.Count, d.dependent[i]), q)
}
