package hdr

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// What threads record must end in the buckets that HdrHistogram itself would choose.
func TestCountsHaveTheHistogramsBuckets(t *testing.T) {
	values := []int64{0, 1, 2*halfBuckets - 1, 2 * halfBuckets, 2*halfBuckets + 1, highestNs - 1, highestNs}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		values = append(values, random.Int64N(highestNs)>>random.IntN(39))
	}
	direct, c := NewHistogram(), newCounts()
	for _, ns := range values {
		direct.Record(ns)
		c.record(ns)
	}
	moved := NewHistogram()
	c.moveTo(moved)
	if !slices.Equal(direct.inner.Export().Counts, moved.inner.Export().Counts) {
		t.Error("the buckets differ")
	}
	if c.moveTo(moved); moved.Count() != direct.Count() {
		t.Error("counts were moved twice")
	}
}

func TestEveryBucketHoldsItsLeastDuration(t *testing.T) {
	for bucket := range bucketCount {
		if got := bucketOf(leastOf(bucket)); got != bucket {
			t.Fatalf("the least duration of bucket %d, %d ns, is in bucket %d", bucket, leastOf(bucket), got)
		}
	}
}

func TestCountsOutOfRangeAndBeyond32BitsAreKept(t *testing.T) {
	c := newCounts()
	for _, ns := range []int64{-1, math.MinInt64, math.MaxInt64, 2 * highestNs, -1, -1, -1} {
		c.record(ns)
	}
	c.buckets[5] = math.MaxUint32
	c.record(5)
	c.record(5)
	c.record(7)
	h := NewHistogram()
	c.moveTo(h)
	if h.OutOfRange() != 7 || h.Count() != 1<<32+2 || h.MaxNs() != 7 {
		t.Errorf("%d out of range, %d counts up to %d ns", h.OutOfRange(), h.Count(), h.MaxNs())
	}
}
