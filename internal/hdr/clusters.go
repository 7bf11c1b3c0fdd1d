package hdr

import "math"

// Quantiles are those for which a histogram can know how its samples cluster: the
// percentiles that are shown everywhere.
var Quantiles = [...]float64{0.5, 0.99, 0.999}

// addDependent counts as dependent, for each of Quantiles, what n samples lack to
// as many independent ones when those beyond the quantile come in clusters of a mean
// size. A size of 1 or less means independent samples.
func addDependent(dependent *[len(Quantiles)]float64, n int64, sizes []float64) {
	for i, size := range sizes {
		if i < len(dependent) && size > 1 {
			dependent[i] += float64(n) * (1 - 1/size)
		}
	}
}

func independent(n int64, dependent float64) int64 { return n - int64(math.Round(dependent)) }

// Independent is how many independent samples the histogram is worth at quantile q:
// one stall delays many requests, which come in a cluster beyond q.
func (h *Histogram) Independent(q float64) int64 {
	return independent(h.Count(), h.dependent[nearest(q)])
}

// Withheld is the digest whose samples no longer support quantile q, one of Quantiles.
func (d Digest) Withheld(q float64) Digest {
	d.dependent[nearest(q)] = float64(d.Count)
	return d
}

// nearest is the index of the quantile in Quantiles that is nearest by the share of
// samples beyond it.
func nearest(q float64) int {
	best, distance := 0, math.Inf(1)
	for i, known := range Quantiles {
		if d := math.Abs(math.Log(max(1-q, 1e-9) / (1 - known))); d < distance {
			best, distance = i, d
		}
	}
	return best
}
