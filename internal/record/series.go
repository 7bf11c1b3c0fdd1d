package record

import "math/bits"

// TimeSeries is how one span developed within the window: durations counted by the
// step of time in which their requests fell due (fetches: were asked for), and by
// buckets. It shows when something happened; percentiles of the whole window are
// the histograms', which are finer.
type TimeSeries struct {
	Stage   string `json:"stage"`
	API     string `json:"api"`
	StartNs int64  `json:"start_ns"` // of the window, CLOCK_MONOTONIC
	StepNs  int64  `json:"step_ns"`
	// Steps holds for each step the buckets that are not empty, ascending, each
	// followed by its count.
	Steps [][]int64 `json:"steps"`
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
