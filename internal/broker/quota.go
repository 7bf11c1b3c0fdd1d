package broker

import (
	"sync"
	"sync/atomic"
	"time"
)

// quotaBurst is how long a quota may be saved up: Kafka's quota.window.size.seconds.
const quotaBurst = time.Second

// readQuota limits the record bytes that fetches take, per connection and in all
// (Kafka's ClientQuotaManager). Kafka keys on the client id and user; here it is
// the connection, because a load generator gives all its consumers one id. Any
// thread may call its methods.
//
// A quota is a bucket of bytes that fills at the quota's rate up to quotaBurst's
// worth. A fetch takes its bytes if they are there; one that finds too few takes
// nothing and waits until they would be. A single batch larger than the bucket
// takes a full one and leaves it in debt, so that it passes, and the rate holds.
type readQuota struct {
	now       func() int64 // CLOCK_MONOTONIC ns
	throttled atomic.Int64
	each      float64 // bytes per second, 0: no quota

	mu    sync.Mutex
	total bucket
	// byConnection forgets a bucket once it is full, which is how a new one begins.
	byConnection map[int]*bucket
	sweepAt      int // size of the map at which full buckets are looked for
}

// fewestSwept keeps small maps from being searched.
const fewestSwept = 64

func newReadQuota(each, total float64, now func() int64) *readQuota {
	return &readQuota{now: now, each: each, total: newBucket(total, now()),
		byConnection: map[int]*bucket{}, sweepAt: fewestSwept}
}

// none reports that nothing is limited.
func (q *readQuota) none() bool { return q.each == 0 && q.total.rate == 0 }

// capFetch bounds what a fetch may ask for to what its bucket holds (KAFKA-9677).
func (q *readQuota) capFetch(maxBytes int) int {
	for _, rate := range []float64{q.each, q.total.rate} {
		if rate > 0 {
			maxBytes = min(maxBytes, max(1, int(rate*quotaBurst.Seconds())))
		}
	}
	return maxBytes
}

// take charges a fetch. Unless it returns 0 the fetch is above a quota and was
// not charged; the result is how long to wait, in whole milliseconds.
func (q *readQuota) take(connection, bytes int) time.Duration {
	if q.none() {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	own := q.bucketOf(connection, now)
	wait := max(q.total.wait(bytes, now), own.wait(bytes, now))
	if wait > 0 {
		q.throttled.Add(1)
		return (wait + time.Millisecond - 1).Truncate(time.Millisecond)
	}
	q.total.take(bytes)
	own.take(bytes)
	return 0
}

// bucketOf returns a connection's bucket; the caller holds the lock.
func (q *readQuota) bucketOf(connection int, now int64) *bucket {
	b := q.byConnection[connection]
	if b == nil {
		q.sweep(now)
		fresh := newBucket(q.each, now)
		b = &fresh
		q.byConnection[connection] = b
	}
	return b
}

// sweep forgets full buckets when there are many: their connections are idle or
// gone.
func (q *readQuota) sweep(now int64) {
	if len(q.byConnection) < q.sweepAt {
		return
	}
	for connection, b := range q.byConnection {
		if b.refill(now); b.level >= b.capacity {
			delete(q.byConnection, connection)
		}
	}
	q.sweepAt = max(fewestSwept, 2*len(q.byConnection))
}

// bucket holds bytes that may be taken. The zero rate limits nothing.
type bucket struct {
	rate, capacity, level float64 // bytes per second, bytes
	filledNs              int64   // when level was right
}

func newBucket(rate float64, now int64) bucket {
	capacity := rate * quotaBurst.Seconds()
	return bucket{rate: rate, capacity: capacity, level: capacity, filledNs: now}
}

func (b *bucket) refill(now int64) {
	b.level = min(b.capacity, b.level+b.rate*time.Duration(now-b.filledNs).Seconds())
	b.filledNs = now
}

// wait is how long it takes until so many bytes are there, or the bucket is full.
func (b *bucket) wait(bytes int, now int64) time.Duration {
	if b.rate == 0 {
		return 0
	}
	b.refill(now)
	lacking := min(float64(bytes), b.capacity) - b.level
	return max(0, time.Duration(lacking/b.rate*float64(time.Second)))
}

func (b *bucket) take(bytes int) {
	if b.rate > 0 {
		b.level -= float64(bytes)
	}
}
