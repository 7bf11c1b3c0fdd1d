package record

import (
	"gonum.org/v1/gonum/stat"

	"c10klab/internal/hdr"
)

// Clusters measures for each histogram how its samples beyond a quantile cluster
// in time: the index of dispersion, variance over mean, of their number a step of
// the series. Independent arrivals give 1; for clusters shorter than a step it is
// their mean size, as each sample counts (Cox & Lewis, The Statistical Analysis of
// Series of Events, 1966). A histogram without a series of its own borrows that of the
// client's span of its API. The sizes are in the order of hdr.Quantiles, by STAGE/API; what is not named has
// independent samples.
func Clusters(bundle hdr.Bundle, series []TimeSeries) map[string][]float64 {
	clusters := map[string][]float64{}
	for key := range bundle {
		lender, found := lenderOf(key, series)
		h := bundle[hdr.Key{Stage: lender.Stage, API: lender.API}]
		if !found || h == nil || h.Count() == 0 {
			continue
		}
		sizes := make([]float64, len(hdr.Quantiles))
		some := false
		for i, q := range hdr.Quantiles {
			sizes[i] = dispersion(beyond(lender, SeriesBucket(h.ValueNs(q))))
			some = some || sizes[i] > 1
		}
		if some {
			clusters[key.String()] = sizes
		}
	}
	return clusters
}

func lenderOf(key hdr.Key, series []TimeSeries) (lender TimeSeries, found bool) {
	for _, s := range series {
		if s.API != key.API {
			continue
		}
		if s.Stage == key.Stage {
			return s, true
		}
		if !found {
			lender, found = s, true
		}
	}
	return lender, found
}

// beyond counts for each step the durations in a bucket and those above it.
func beyond(s TimeSeries, bucket int) []float64 {
	counts := make([]float64, len(s.Steps))
	for i, step := range s.Steps {
		for j := 0; j+1 < len(step); j += 2 {
			if step[j] >= int64(bucket) {
				counts[i] += float64(step[j+1])
			}
		}
	}
	return counts
}

func dispersion(counts []float64) float64 {
	if len(counts) < 2 {
		return 1
	}
	mean, variance := stat.MeanVariance(counts, nil)
	if mean == 0 {
		return 1
	}
	return max(1, variance/mean)
}
