package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/clock"
	"c10klab/internal/kafka"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchAPI names fetches in histograms.
const fetchAPI = "Fetch"

// fetchVersion is the newest Fetch whose answers carry no tags.
const fetchVersion = 11

// consumer reads its partitions in a closed loop, one fetch in flight. Its
// receiver's thread uses it; caughtUp and fetches may be read by others.
type consumer struct {
	stream
	load     *load
	receiver *receiver
	tally    *tally // the receiver's
	of       *readers

	request kmsg.FetchRequest
	frame   []byte
	rest    []byte // of frame, not yet accepted
	lastID  int32
	asking  bool // a fetch is under way

	attemptedNs int64
	resumeNs    int64 // when the cap, or the pause after a refusal, allows the next fetch
	timed       bool  // among those whose time the receiver looks at
	nowNs       int64 // when the answer at hand was whole
	refusal     int16 // retriable error code in the answer at hand; 0: none
	partition   *kmsg.FetchRequestTopicPartition
	takeBatch   func(batch.Header, []byte) error // c.batch, bound once

	fetches atomic.Int64
	// caughtUp counts partitions of answers that reached the log's end before the
	// window's.
	caughtUp atomic.Int64
}

// newConsumer makes the consumer with that index among its kind.
func newConsumer(l *load, of *readers, r *receiver, fd, index int) *consumer {
	c := &consumer{load: l, of: of, receiver: r, tally: r.tally}
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
		p.PartitionMaxBytes = int32(cfg.FetchMaxBytes)
		topic.Partitions = append(topic.Partitions, p)
	}
	request := kmsg.NewFetchRequest()
	request.SetVersion(fetchVersion)
	request.ReplicaID = -1
	request.MaxWaitMillis = int32(cfg.FetchMaxWait.Milliseconds())
	request.MinBytes = int32(cfg.FetchMinBytes)
	request.MaxBytes = int32(cfg.FetchMaxBytes)
	request.SessionEpoch = -1 // no fetch session
	request.Topics = []kmsg.FetchRequestTopic{topic}
	return request
}

// fetch asks for what comes next.
func (c *consumer) fetch() error {
	c.lastID++
	c.frame = kafka.AppendRequest(c.frame[:0], c.lastID, clientID, &c.request)
	c.rest, c.asking = c.frame, true
	c.attemptedNs = clock.Now()
	return c.writable()
}

// writable sends what the socket takes of the request under way.
func (c *consumer) writable() (err error) {
	c.rest, err = c.push(c.rest)
	return err
}

// answered takes a fetch response and asks for more, as soon as the cap allows.
func (c *consumer) answered(payload []byte, nowNs int64) error {
	if !c.asking || len(c.rest) > 0 {
		return errUnasked
	}
	c.nowNs, c.asking, c.refusal = nowNs, false, 0
	recordBytes, err := c.walk(payload)
	if err != nil {
		return fmt.Errorf("fetch response of %d bytes: %w", len(payload), err)
	}
	if c.refusal != 0 {
		c.tally.fetchRefused(c.refusal)
		c.pauseUntil(nowNs + int64(refusedFor))
		return nil
	}
	if c.load.window.contains(c.attemptedNs) {
		c.tally.enter(c.of.service, c.attemptedNs, nowNs-c.attemptedNs, c.load.window)
	}
	if c.load.window.contains(nowNs) {
		c.tally.fetched(c.of, recordBytes)
	}
	c.fetches.Add(1)
	c.rotate()
	if c.of.bytesPerSecond == 0 {
		return c.fetch()
	}
	c.pauseUntil(c.attemptedNs + int64(float64(recordBytes)/c.of.bytesPerSecond*float64(time.Second)))
	_, err = c.resume(nowNs)
	return err
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

// resume starts the next fetch when its time has come, or says how long it has
// to wait; 0: not at all.
func (c *consumer) resume(nowNs int64) (time.Duration, error) {
	if c.asking {
		return 0, nil
	}
	if left := c.resumeNs - nowNs; left > 0 {
		return time.Duration(left), nil
	}
	return 0, c.fetch()
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
