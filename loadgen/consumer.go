package loadgen

import (
	"fmt"
	"sync/atomic"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/kafka"
	"c10klab/loadgen/judge"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// dueFetch is one fetch.
type dueFetch struct {
	dueNs       int64 // 0: none, the fetch under way is of the consumer's own accord
	attemptedNs int64 // 0: not yet
	size        int32 // index into the sizes of its kind
}

// consumer reads its partitions with one fetch in flight, in a closed loop or, as the plan
// says, when fetches fall due. Its receiver's thread uses it, and the sender of
// its kind; what both touch is under mu. Anybody may read caughtUp and fetches.
type consumer struct {
	oneRequest
	load     *load
	receiver *receiver
	tally    *judge.Tally // the receiver's
	kind     *consumerKind
	index    int
	splits   []*consumer // of partitions that other brokers lead since; under mu

	scheduled      bool           // fetches fall due
	waiting        ring[dueFetch] // due and not sent
	now            dueFetch       // under way
	blockedSinceNs int64          // when the connection became unable to send; 0: it can

	request kmsg.FetchRequest
	frame   []byte

	resumeNs  int64 // when the cap, or the pause after a refusal, allows the next fetch; 0: none
	timed     bool  // among those whose time the receiver looks at
	nowNs     int64 // when the answer at hand was whole
	refusal   int16 // retriable error code in the answer at hand; 0: none
	partition *kmsg.FetchRequestTopicPartition
	takeBatch func(batch.Header, []byte) error // c.batch, bound once

	fetches  atomic.Int64
	caughtUp atomic.Int64 // partitions of answers that reached the log's end before the window's
}

func newConsumer(l *load, kind *consumerKind, r *receiver, fd, index int, partitions []int32) *consumer {
	c := &consumer{load: l, kind: kind, index: index, receiver: r, tally: r.tally, scheduled: l.offered.OffersFetches(kind.planned)}
	c.stream = stream{fd: fd, name: fmt.Sprintf("%s consumer %d", kind.name, index), maxAnswerBytes: kafka.MaxFrameBytes, deliver: c.answered}
	c.takeBatch = c.batch
	var offsets []int64
	for _, p := range partitions {
		offsets = append(offsets, kind.starts[p])
	}
	c.request = newFetchRequest(l.cfg, kind.topic.name, partitions, offsets)
	return c
}

// begin sends the first fetch.
func (c *consumer) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fetch(dueFetch{})
}

// offer takes a fetch that has fallen due; the sender calls it.
func (c *consumer) offer(dueNs int64, size int, t *judge.Tally) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load.outstanding.Add(1)
	c.load.record(t, c.kind.planned, dueNs, int32(size))
	c.waiting.push(dueFetch{dueNs, c.load.attemptedAt(c.blockedSinceNs, dueNs), int32(size)})
	if c.blockedSinceNs != 0 {
		return nil
	}
	return c.next()
}

// closeLoop lets the consumer go on in a closed loop; the sender calls it.
func (c *consumer) closeLoop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scheduled = false
	if c.blockedSinceNs != 0 {
		return nil
	}
	return c.next()
}

// next sends the oldest fetch that is due, or in a closed loop one of the consumer's own
// accord. Its caller holds mu and knows that the connection can send.
func (c *consumer) next() error {
	switch {
	case c.waiting.len() > 0:
		return c.fetch(c.waiting.pop())
	case c.scheduled:
		c.blockedSinceNs = 0
		return nil
	}
	return c.fetch(dueFetch{})
}

// fetch asks for what comes next, with as many bytes as r says. Its caller holds mu.
func (c *consumer) fetch(r dueFetch) error {
	nowNs := c.load.system.now()
	if r.attemptedNs == 0 {
		r.attemptedNs = nowNs
	}
	if r.dueNs == 0 {
		c.load.record(c.tally, c.kind.planned, nowNs, r.size)
	}
	if c.blockedSinceNs == 0 {
		c.blockedSinceNs = r.attemptedNs
	}
	c.now = r
	mostBytes := int32(c.kind.sizes[r.size])
	c.request.MaxBytes = mostBytes
	partitions := c.request.Topics[0].Partitions
	for i := range partitions {
		partitions[i].PartitionMaxBytes = mostBytes
	}
	return c.ask()
}

// ask sends the fetch under way. Its caller holds mu.
func (c *consumer) ask() error {
	if c.down {
		c.asking = true // once it is connected again
		return nil
	}
	c.lastID++
	c.frame = kafka.AppendRequest(c.frame[:0], c.lastID, clientID, &c.request)
	return c.load.sendFailed(c.send(c.frame))
}

// answered takes a fetch response and asks for more, as soon as plan and cap allow.
// While it reads the answer the sender may only add to what waits.
func (c *consumer) answered(payload []byte, nowNs int64) error {
	c.mu.Lock()
	sent := c.isSent()
	c.mu.Unlock()
	if !sent {
		return errUnasked
	}
	c.nowNs, c.refusal = nowNs, 0
	recordBytes, err := c.walk(payload)
	if err != nil {
		return fmt.Errorf("fetch response of %d bytes: %w", len(payload), err)
	}
	if c.refusal == 0 {
		c.rotate()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if moved(c.refusal) && c.load.reconnects() {
		c.tally.FetchRefused(c.refusal)
		return errMoved // and asked again where it leads
	}
	c.asking = false
	if c.refusal != 0 {
		c.tally.FetchRefused(c.refusal)
		c.pauseUntil(nowNs + int64(refusedFor))
		return nil
	}
	attemptedNs := c.now.attemptedNs
	c.finish(nowNs)
	c.tally.Fetched(nowNs, c.kind.tail, recordBytes)
	c.fetches.Add(1)
	if c.kind.bytesPerSecond == 0 {
		return c.next()
	}
	c.pauseUntil(attemptedNs + int64(float64(recordBytes)/c.kind.bytesPerSecond*float64(time.Second)))
	_, err = c.fetchIfTime(nowNs)
	return err
}

func (c *consumer) finish(nowNs int64) {
	r := c.now
	c.now = dueFetch{}
	if r.dueNs != 0 {
		c.load.outstanding.Add(-1)
		c.tally.RecordFetch(c.kind.planned, r.dueNs, r.attemptedNs, nowNs)
	} else {
		c.tally.RecordClosedFetch(c.kind.planned, r.attemptedNs, nowNs)
	}
}

// refusedFor is the pause after an answer with a retriable error, as Kafka's
// clients make it (retry.backoff.ms).
const refusedFor = 100 * time.Millisecond

func (c *consumer) pauseUntil(ns int64) {
	c.resumeNs = ns
	if !c.timed {
		c.timed = true
		c.receiver.timed = append(c.receiver.timed, c)
	}
}

// resume goes on when the pause is over; the receiver calls it.
func (c *consumer) resume(nowNs int64) (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fetchIfTime(nowNs)
}

// fetchIfTime asks again after a refusal, or for what comes next, when the time has come, or
// says how long it has to wait; 0: not at all. Its caller holds mu.
func (c *consumer) fetchIfTime(nowNs int64) (time.Duration, error) {
	if c.asking || c.resumeNs == 0 {
		return 0, nil
	}
	if left := c.resumeNs - nowNs; left > 0 {
		return time.Duration(left), nil
	}
	c.resumeNs = 0
	if c.refusal != 0 {
		if c.now.dueNs == 0 {
			c.now.attemptedNs = nowNs
		}
		return 0, c.ask()
	}
	return 0, c.next()
}

// owed reports whether a fetch of the consumer's own accord, sent before an instant, has no answer yet.
func (c *consumer) owed(beforeNs int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asking && c.now.dueNs == 0 && c.now.attemptedNs < beforeNs
}

// unanswered calls fn for every fetch without an answer. All threads must have ended.
func (c *consumer) unanswered(fn func(r dueFetch, sent bool)) {
	if c.now.dueNs != 0 || c.asking {
		fn(c.now, true)
	}
	for i := range c.waiting.len() {
		fn(*c.waiting.at(i), false)
	}
}
