package record

import (
	"testing"
	"time"
)

func TestSeriesBucketsTileTheDurations(t *testing.T) {
	if from, _ := SeriesBounds(0); from != 0 {
		t.Errorf("the first bucket begins at %d", from)
	}
	for bucket := range SeriesBuckets - 1 {
		from, to := SeriesBounds(bucket)
		next, _ := SeriesBounds(bucket + 1)
		if to != next || from >= to {
			t.Fatalf("bucket %d reaches from %d to %d, the next begins at %d", bucket, from, to, next)
		}
		if from > 0 && 8*(to-from) > from {
			t.Errorf("bucket %d from %d to %d is wider than an eighth", bucket, from, to)
		}
		for _, ns := range []int64{from, to - 1} {
			if got := SeriesBucket(ns); got != bucket {
				t.Fatalf("%d ns is in bucket %d, want %d", ns, got, bucket)
			}
		}
	}
	const fiveMinutes = int64(5 * 60e9)
	if got := SeriesBucket(fiveMinutes); got >= SeriesBuckets-1 {
		t.Errorf("the longest duration of a histogram is in the last bucket %d", got)
	}
}

// Time above a bound is that of the union of the requests that are longer, as far as it lies
// in the window; one of 300 ms covers three steps, however many others fall into them.
func TestTimeAboveIsCoveredOnce(t *testing.T) {
	ms := func(n int64) int64 { return int64(SeriesBucket(n * 1e6)) }
	s := TimeSeries{StepNs: 100e6, Steps: [][]int64{{ms(1), 9}, {ms(1), 5, ms(301), 1}, {ms(201), 4}, {}, {ms(10), 8}, {ms(1000), 1}}}
	bucket := func(n int64) int64 { from, _ := SeriesBounds(SeriesBucket(n * 1e6)); return from }
	for boundMs, want := range map[int64]int64{50: max(bucket(301), 100e6+bucket(201)) + 100e6, 250: bucket(301) + 100e6, 500: 100e6, 2000: 0} {
		if got := s.AboveNs(boundMs * 1e6); got != want {
			t.Errorf("above %d ms: %d ns, want %d", boundMs, got, want)
		}
	}
}

func TestLongWindowsHaveLongerSteps(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{
		time.Second: leastStep, 12 * time.Second: leastStep, 14 * time.Second: 2 * leastStep, 30 * time.Minute: 15 * time.Second,
	} {
		if got, steps := SeriesSteps(window); got != int64(want) || int64(steps) != int64(window/want) {
			t.Errorf("a window of %v has %d steps of %d ns, want %v", window, steps, got, want)
		}
	}
}
