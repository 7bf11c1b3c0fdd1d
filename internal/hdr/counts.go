package hdr

import "math/bits"

// counts is what a thread records into: a histogram's buckets as 32-bit numbers and
// nothing else. A request touches a line of memory in each of a dozen of them, and
// these must share the CPU's caches with everything the thread does. A reader turns
// them into a Histogram of the same buckets.
type counts struct {
	buckets    []uint32
	beyond     map[int]int64 // by bucket, what the 32 bits cannot hold
	outOfRange int64
}

const (
	// halfBuckets is how many buckets each doubling of a duration has: 10³ rounded up
	// to a power of two, as three significant figures need (HdrHistogram's
	// subBucketHalfCount); the first 2·halfBuckets are 1 ns wide.
	halfBucketsLog2 = 10
	halfBuckets     = 1 << halfBucketsLog2
)

// bucketCount is that of every histogram.
var bucketCount = len(NewHistogram().inner.Export().Counts)

// newCounts makes counts all of whose memory is there: a page that is met for the
// first time costs a page fault, and recorders would grow with the durations they meet,
// which would look like memory of connections.
func newCounts() *counts {
	c := &counts{buckets: make([]uint32, bucketCount), beyond: map[int]int64{}}
	clear(c.buckets)
	return c
}

// bucketOf is the index of a duration's bucket, which the counts may not have.
func bucketOf(ns int64) int {
	doublings := 64 - (halfBucketsLog2 + 1) - bits.LeadingZeros64(uint64(ns)|(2*halfBuckets-1))
	return doublings<<halfBucketsLog2 + int(ns>>doublings)
}

// leastOf is the shortest duration of a bucket.
func leastOf(bucket int) int64 {
	if bucket < 2*halfBuckets {
		return int64(bucket)
	}
	doublings := bucket>>halfBucketsLog2 - 1
	return int64(bucket-doublings<<halfBucketsLog2) << doublings
}

func (c *counts) record(ns int64) {
	i := bucketOf(ns)
	if ns < 0 || i >= len(c.buckets) {
		c.outOfRange++
		return
	}
	if c.buckets[i]++; c.buckets[i] == 0 {
		c.beyond[i] += 1 << 32
	}
}

// moveTo adds the counts to a histogram and forgets them.
func (c *counts) moveTo(h *Histogram) {
	for i, n := range c.buckets {
		if n > 0 {
			h.RecordN(leastOf(i), int64(n))
		}
	}
	for i, n := range c.beyond {
		h.RecordN(leastOf(i), n)
	}
	h.outOfRange += c.outOfRange
	clear(c.buckets)
	clear(c.beyond)
	c.outOfRange = 0
}
