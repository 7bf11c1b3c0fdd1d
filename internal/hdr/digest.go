package hdr

import (
	"math"
	"slices"
)

// Digest is what tables and figures show of a histogram, in a thousandth of its memory.
type Digest struct {
	Count      int64
	MeanNs     float64
	MaxNs      int64
	quantileNs [len(Quantiles)]int64
	dependent  [len(Quantiles)]float64 // as a Histogram's
	boundNs    int64                   // values from here on are lower bounds; 0: none is
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
	if _, supported := d.Quantile(q); i < 0 || supported {
		return 0
	}
	known := float64(independent(d.Count, d.dependent[i]))
	missing := exceedancesForInterval/math.Min(q, 1-q) - known
	if known > 0 {
		missing *= float64(d.Count) / known
	}
	return int64(math.Ceil(missing))
}

// BoundedFrom is the digest with values from an instant on taken for lower bounds, as they are
// from the least age of a request without an answer; ns 0: they are not.
func (d Digest) BoundedFrom(ns int64) Digest {
	if ns > 0 && (d.boundNs == 0 || ns < d.boundNs) {
		d.boundNs = ns
	}
	return d
}

// BoundNs is the value from which on values are lower bounds; 0: none is.
func (d Digest) BoundNs() int64 { return d.boundNs }

// IsBound reports whether one of the digest's values is a lower bound.
func (d Digest) IsBound(ns int64) bool { return d.boundNs > 0 && ns >= d.boundNs }

// Values are a digest as files hold it.
type Values struct {
	Count  int64   `json:"count"`
	MeanNs float64 `json:"mean_ns"`
	P50Ns  int64   `json:"p50_ns"`
	P99Ns  int64   `json:"p99_ns"`
	P999Ns int64   `json:"p999_ns"`
	MaxNs  int64   `json:"max_ns"`
	// Clusters is the mean size of the clusters in which durations beyond each of
	// Quantiles came; absent where all are 1.
	Clusters []float64 `json:"clusters,omitempty"`
	// Unsupported are the percentiles that so few independent durations say nothing of.
	Unsupported []string `json:"unsupported,omitempty"`
	// LowerBounds are the percentiles that requests without an answer make lower bounds. They
	// follow from the trial's record, where a Digest does not get them from.
	LowerBounds []string `json:"lower_bounds,omitempty"`
}

// QuantileNames are what Quantiles are called.
var QuantileNames = [len(Quantiles)]string{"p50", "p99", "p999"}

// Values are those of the digest, whose clusters are not kept in it.
func (d Digest) Values(clusters []float64) Values {
	v := Values{Count: d.Count, MeanNs: d.MeanNs, P50Ns: d.quantileNs[0], P99Ns: d.quantileNs[1], P999Ns: d.quantileNs[2], MaxNs: d.MaxNs, Clusters: clusters}
	for i, q := range Quantiles {
		if _, supported := d.Quantile(q); !supported {
			v.Unsupported = append(v.Unsupported, QuantileNames[i])
		}
		if d.IsBound(d.quantileNs[i]) {
			v.LowerBounds = append(v.LowerBounds, QuantileNames[i])
		}
	}
	return v
}

// Digest is the one that the values are of.
func (v Values) Digest() Digest {
	d := Digest{Count: v.Count, MeanNs: v.MeanNs, MaxNs: v.MaxNs, quantileNs: [len(Quantiles)]int64{v.P50Ns, v.P99Ns, v.P999Ns}}
	addDependent(&d.dependent, d.Count, v.Clusters)
	return d
}

// SameValues reports whether two digests are of the same durations, however these came
// in time, and whatever of them are ages.
func (d Digest) SameValues(other Digest) bool {
	d.dependent, d.boundNs = other.dependent, other.boundNs
	return d == other
}

// digestFilled makes the digest of buckets, as the library computes its numbers.
func digestFilled(buckets []filled) Digest {
	var d Digest
	sum := 0.0
	for _, f := range buckets {
		least, width := widthOf(f.bucket)
		d.Count += f.count
		d.MaxNs = least + width - 1
		sum += float64(f.count) * float64(least+width/2)
	}
	if d.Count == 0 {
		return d
	}
	d.MeanNs = sum / float64(d.Count)
	seen, next := int64(0), 0
	for _, f := range buckets {
		seen += f.count
		for ; next < len(Quantiles); next++ {
			if seen < rank(Quantiles[next], d.Count) {
				break
			}
			least, width := widthOf(f.bucket)
			d.quantileNs[next] = least + width - 1
		}
	}
	return d
}

// widthOf is the shortest duration of a bucket and how many it has.
func widthOf(bucket int) (least, width int64) {
	least = leastOf(bucket)
	return least, leastOf(bucket+1) - least
}

// rank is the position of a quantile among count durations, from 1.
func rank(q float64, count int64) int64 {
	return min(max(1, int64(100*q/100*float64(count)+0.5)), count)
}
