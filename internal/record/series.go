package record

import (
	"math/bits"
	"time"

	"gonum.org/v1/gonum/stat"

	"c10klab/internal/hdr"
)

// TimeSeries is how one span developed within the window: durations counted by the
// step of time in which their requests fell due (fetches: were asked for), and by
// buckets. It shows when something happened; percentiles of the whole window are
// the histograms', which are finer.
type TimeSeries struct {
	Server  string `json:"server,omitempty"` // whose span it is; empty: the client's, or the broker's
	Stage   string `json:"stage"`
	API     string `json:"api"`
	StartNs int64  `json:"start_ns"` // of the window, CLOCK_MONOTONIC
	StepNs  int64  `json:"step_ns"`
	// Steps holds for each step the buckets that are not empty, ascending, each
	// followed by its count.
	Steps [][]int64 `json:"steps"`
}

const (
	leastStep = 100 * time.Millisecond // fine enough to see a stall
	mostSteps = 120                    // few enough that a record stays small
)

// SeriesSteps are the steps of a window's series: the smallest multiple of leastStep of which
// the window holds at most mostSteps, and how many there are.
func SeriesSteps(window time.Duration) (stepNs int64, steps int) {
	step := leastStep * max(1, (window+mostSteps*leastStep-1)/(mostSteps*leastStep))
	return int64(step), int((window + step - 1) / step)
}

// Buckets are eighths of a power of two: their width is at most an eighth of
// their lower end. Below 8 ns all is one bucket.
const (
	bucketBits       = 3
	bucketsPerOctave = 1 << bucketBits
)

// SeriesBuckets is the number of buckets; they reach beyond what histograms hold.
const SeriesBuckets = 40 * bucketsPerOctave

// SeriesBucket is the bucket of a duration; what is too long is in the last.
func SeriesBucket(ns int64) int {
	if ns < bucketsPerOctave {
		return 0
	}
	octave := bits.Len64(uint64(ns)) - 1
	bucket := (octave-bucketBits)*bucketsPerOctave + int(ns>>(octave-bucketBits))&(bucketsPerOctave-1) + 1
	return min(bucket, SeriesBuckets-1)
}

// SeriesBounds are the durations in ns that a bucket reaches from and up to.
func SeriesBounds(bucket int) (fromNs, toNs int64) {
	return bucketStart(bucket), bucketStart(bucket + 1)
}

func bucketStart(bucket int) int64 {
	if bucket == 0 {
		return 0
	}
	octave, eighth := (bucket-1)/bucketsPerOctave, (bucket-1)%bucketsPerOctave
	return int64(bucketsPerOctave+eighth) << octave
}

// Key names the histogram of the same durations.
func (s TimeSeries) Key() hdr.Key { return hdr.Key{Stage: s.Stage, API: s.API, Server: s.Server} }

// AboveNs is how much of the window lies within any duration of at least a bound: each covers
// the time from its step's beginning on, for as long as the lower end of its bucket.
func (s TimeSeries) AboveNs(boundNs int64) (ns int64) {
	covered := int64(0) // up to which instant since the start
	for i, step := range s.Steps {
		from, longestNs := int64(i)*s.StepNs, int64(0)
		for j := 0; j+1 < len(step); j += 2 {
			if step[j+1] > 0 {
				longestNs, _ = SeriesBounds(int(step[j]))
			}
		}
		if to := min(from+longestNs, int64(len(s.Steps))*s.StepNs); longestNs >= boundNs && to > covered {
			ns += to - max(from, covered)
			covered = to
		}
	}
	return ns
}

// SeriesNames are those of the spans of series, STAGE/API.
func SeriesNames(series []TimeSeries) []string {
	names := make([]string, len(series))
	for i, s := range series {
		names[i] = s.Key().String()
	}
	return names
}

// Clusters measures for each histogram how its samples beyond a quantile cluster in time:
// the index of dispersion, variance over mean, of their number a step of the series.
// Independent arrivals give 1; for clusters shorter than a step it is their mean size, as
// each sample counts (Cox & Lewis, The Statistical Analysis of Series of Events, 1966). A
// histogram without a series of its own borrows that of the client's span of its API. The
// sizes are in the order of hdr.Quantiles, by STAGE/API; what is not named has independent
// samples.
func Clusters(bundle hdr.Bundle, series []TimeSeries) map[string][]float64 {
	clusters := map[string][]float64{}
	for key := range bundle {
		lender, found := lenderOf(key, series)
		h := bundle[lender.Key()]
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
		if s.Key() == key {
			return s, true
		}
		if s.API == key.API && !found {
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
