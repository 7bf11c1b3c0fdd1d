package record

import "testing"

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
