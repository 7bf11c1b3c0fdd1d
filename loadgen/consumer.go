package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/kafka"
	"c10klab/internal/poll"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchVersion is the newest Fetch whose answers carry no tags.
const fetchVersion = 11

// consumer reads its partitions with one fetch in flight, in a closed loop or, while it
// replays a trace, when fetches fall due. Its receiver's thread uses it, and the sender of
// the trace; what both touch is under mu. Anybody may read caughtUp and fetches.
type consumer struct {
	stream
	load     *load
	receiver *receiver
	tally    *tally // the receiver's
	of       *readers

	mu       poll.Mutex
	replayed bool           // fetches fall due by the trace
	waiting  ring[dueFetch] // due and not sent
	now      dueFetch       // under way
	// blockedSinceNs is when the connection became unable to send; 0: it can.
	blockedSinceNs int64

	request kmsg.FetchRequest
	frame   []byte
	rest    []byte // of frame, not yet accepted
	lastID  int32
	asking  bool // a fetch is under way

	resumeNs  int64 // when the cap, or the pause after a refusal, allows the next fetch; 0: none
	timed     bool  // among those whose time the receiver looks at
	nowNs     int64 // when the answer at hand was whole
	refusal   int16 // retriable error code in the answer at hand; 0: none
	partition *kmsg.FetchRequestTopicPartition
	takeBatch func(batch.Header, []byte) error // c.batch, bound once

	fetches atomic.Int64
	// caughtUp counts partitions of answers that reached the log's end before the
	// window's.
	caughtUp atomic.Int64
}

// newConsumer makes the consumer with that index among its kind.
func newConsumer(l *load, of *readers, r *receiver, fd, index int) *consumer {
	c := &consumer{load: l, of: of, receiver: r, tally: r.tally, replayed: l.cfg.replays(of.traced)}
	c.stream = stream{fd: fd, name: fmt.Sprintf("%s consumer %d", of.kind, index), maxAnswerBytes: kafka.MaxFrameBytes, deliver: c.answered}
	c.takeBatch = c.batch
	partitions, offsets := of.share(index)
	c.request = newFetchRequest(l.cfg, of.topic.name, partitions, offsets)
	return c
}

func newFetchRequest(cfg Config, topicName string, partitions []int32, offsets []int64) kmsg.FetchRequest {
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = topicName
	for i, number := range partitions {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition = number
		p.FetchOffset = offsets[i]
		topic.Partitions = append(topic.Partitions, p)
	}
	request := kmsg.NewFetchRequest()
	request.SetVersion(fetchVersion)
	request.ReplicaID = -1
	request.MaxWaitMillis = int32(cfg.FetchMaxWait.Milliseconds())
	request.MinBytes = int32(cfg.FetchMinBytes)
	request.SessionEpoch = -1 // no fetch session
	request.Topics = []kmsg.FetchRequestTopic{topic}
	return request
}

// begin sends the first fetch.
func (c *consumer) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fetch(dueFetch{})
}

// next sends the oldest fetch that is due, or without a trace one of the consumer's own
// accord. Its caller holds mu and knows that the connection can send.
func (c *consumer) next() error {
	switch {
	case c.waiting.len() > 0:
		return c.fetch(c.waiting.pop())
	case c.replayed:
		c.blockedSinceNs = 0
		return nil
	}
	return c.fetch(dueFetch{})
}

// fetch asks for what comes next, with as many bytes as r says. Its caller holds mu.
func (c *consumer) fetch(r dueFetch) error {
	nowNs := c.load.ground.now()
	if r.attemptedNs == 0 {
		r.attemptedNs = nowNs
	}
	if r.dueNs == 0 {
		c.tally.trace(c.of.traced, nowNs, r.size, c.load)
	}
	if c.blockedSinceNs == 0 {
		c.blockedSinceNs = r.attemptedNs
	}
	c.now = r
	c.limit(c.of.sizes[r.size])
	return c.send()
}

// limit bounds the record bytes of the next answer.
func (c *consumer) limit(bytes int) {
	c.request.MaxBytes = int32(bytes)
	partitions := c.request.Topics[0].Partitions
	for i := range partitions {
		partitions[i].PartitionMaxBytes = int32(bytes)
	}
}

// send sends the fetch under way. Its caller holds mu.
func (c *consumer) send() error {
	c.lastID++
	c.frame = kafka.AppendRequest(c.frame[:0], c.lastID, clientID, &c.request)
	c.rest, c.asking = c.frame, true
	return c.flush()
}

// writable continues a send; the receiver calls it.
func (c *consumer) writable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flush()
}

// flush sends what the socket takes of the request under way. Its caller holds mu.
func (c *consumer) flush() (err error) {
	c.rest, err = c.push(c.rest)
	return err
}

// answered takes a fetch response and asks for more, as soon as trace and cap allow.
// While it reads the answer the sender may only add to what waits.
func (c *consumer) answered(payload []byte, nowNs int64) error {
	if !c.isAsking() {
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
	c.asking = false
	if c.refusal != 0 {
		c.tally.fetchRefused(c.refusal)
		c.pauseUntil(nowNs + int64(refusedFor))
		return nil
	}
	attemptedNs := c.now.attemptedNs
	c.finish(nowNs)
	if c.load.window.contains(nowNs) {
		c.tally.fetched(c.of, recordBytes)
	}
	c.fetches.Add(1)
	if c.of.bytesPerSecond == 0 {
		return c.next()
	}
	c.pauseUntil(attemptedNs + int64(float64(recordBytes)/c.of.bytesPerSecond*float64(time.Second)))
	_, err = c.goOn(nowNs)
	return err
}

// isAsking reports whether a whole fetch has been sent and not answered.
func (c *consumer) isAsking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asking && len(c.rest) == 0
}

// finish enters the fetch that was answered.
func (c *consumer) finish(nowNs int64) {
	r := c.now
	c.now = dueFetch{}
	if r.dueNs != 0 {
		c.complete(r, nowNs)
	} else if c.load.window.contains(r.attemptedNs) {
		c.tally.enter(c.of.spans.service, r.attemptedNs, nowNs-r.attemptedNs, c.load.window)
	}
}

// refusedFor is the pause after an answer with a retriable error, as Kafka's
// clients make it (retry.backoff.ms).
const refusedFor = 100 * time.Millisecond

// pauseUntil puts the next fetch off.
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
	return c.goOn(nowNs)
}

// goOn asks again after a refusal, or for what comes next, when the time has come, or
// says how long it has to wait; 0: not at all. Its caller holds mu.
func (c *consumer) goOn(nowNs int64) (time.Duration, error) {
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
		return 0, c.send()
	}
	return 0, c.next()
}

// rotate asks for another partition first, for an answer's byte limit may leave
// nothing to the later ones.
func (c *consumer) rotate() {
	partitions := c.request.Topics[0].Partitions
	first := partitions[0]
	copy(partitions, partitions[1:])
	partitions[len(partitions)-1] = first
}

// walk reads a fetch response in place and moves the offsets on.
func (c *consumer) walk(payload []byte) (recordBytes int, err error) {
	f := fields{rest: payload}
	if id := f.int32(); f.err == nil && id != c.lastID {
		return 0, fmt.Errorf("correlation id %d, asked with %d", id, c.lastID)
	}
	f.int32() // throttle time
	if err := c.judge(f.int16()); err != nil {
		return 0, err
	}
	f.int32() // session id
	for range f.count() {
		f.text() // topic
		for range f.count() {
			n, err := c.walkPartition(&f)
			if err != nil {
				return 0, err
			}
			recordBytes += n
		}
		if f.err != nil {
			break
		}
	}
	return recordBytes, f.err
}

// judge notes a retriable error of an answer, so that the consumer tries again;
// others are errors.
func (c *consumer) judge(code int16) error {
	err := kerr.ErrorForCode(code)
	if err == nil || kerr.IsRetriable(err) {
		c.refusal = cmp.Or(c.refusal, code)
		return nil
	}
	return err
}

func (c *consumer) walkPartition(f *fields) (recordBytes int, err error) {
	number := f.int32()
	code := f.int16()
	highWatermark := f.int64()
	f.int64() // last stable offset
	f.int64() // log start offset
	const abortedTransactionBytes = 16
	f.take(abortedTransactionBytes * f.count())
	f.int32() // preferred read replica
	records := f.bytes()
	if f.err != nil {
		return 0, f.err
	}
	partitions := c.request.Topics[0].Partitions
	i := slices.IndexFunc(partitions, func(p kmsg.FetchRequestTopicPartition) bool { return p.Partition == number })
	if i < 0 {
		return 0, fmt.Errorf("partition %d, not asked for", number)
	}
	c.partition = &partitions[i]
	if err := c.judge(code); err != nil {
		return 0, fmt.Errorf("partition %d at offset %d: %w", number, c.partition.FetchOffset, err)
	}
	if code != 0 {
		return 0, nil
	}
	if _, err := batch.Walk(records, c.takeBatch); err != nil {
		return 0, fmt.Errorf("partition %d at offset %d: %w", number, c.partition.FetchOffset, err)
	}
	if c.partition.FetchOffset >= highWatermark {
		c.reachedEnd()
	}
	return len(records), nil
}

// reachedEnd notes that the partition at hand is read to its end.
func (c *consumer) reachedEnd() {
	if !c.load.window.over(c.nowNs) {
		c.caughtUp.Add(1)
	}
	if c.of.wraps {
		c.partition.FetchOffset = c.of.starts[c.partition.Partition]
	}
}

var errBackwards = errors.New("the batch lies before the offset asked for")

// batch takes one batch of the partition at hand. All its records fell due
// together, so it is one sample of EndToEnd.
func (c *consumer) batch(h batch.Header, b []byte) error {
	if h.LastOffset() < c.partition.FetchOffset {
		return fmt.Errorf("%w: it ends with %d", errBackwards, h.LastOffset())
	}
	c.partition.FetchOffset = h.LastOffset() + 1
	if !c.of.tail || h.Compression() != batch.Uncompressed {
		return nil
	}
	records := batch.Records(b)
	first, ok := records.Next()
	if !ok {
		return records.Err()
	}
	if dueNs := batch.DueNs(first.Value); c.load.window.contains(dueNs) {
		c.load.consumed.Add(1)
		c.tally.histograms[endToEnd].Record(c.nowNs - dueNs)
	}
	return nil
}
