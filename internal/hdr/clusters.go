package hdr

import "math"

// Quantiles are those for which a histogram can know how its samples cluster: the
// percentiles that are shown everywhere.
var Quantiles = [...]float64{0.5, 0.99, 0.999}

// SetClusters says that the samples beyond a quantile came in clusters of a mean
// size, as one stall delays many requests: so many fewer are independent. It is for
// one of Quantiles, a size of 1 or less means independent samples.
func (h *Histogram) SetClusters(q, size float64) {
	if i := nearest(q); size > 1 {
		h.dependent[i] = float64(h.Count()) * (1 - 1/size)
	}
}

// Independent is how many independent samples the histogram is worth at quantile q.
func (h *Histogram) Independent(q float64) int64 {
	return h.Count() - int64(math.Round(h.dependent[nearest(q)]))
}

// StillNeeded is how many more samples, clustered as these are, would support
// quantile q; 0 if these do.
func (h *Histogram) StillNeeded(q float64) int64 {
	independent := h.Independent(q)
	if Supports(independent, q) {
		return 0
	}
	missing := exceedancesForInterval/math.Min(q, 1-q) - float64(independent)
	if independent > 0 {
		missing *= float64(h.Count()) / float64(independent)
	}
	return int64(math.Ceil(missing))
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
