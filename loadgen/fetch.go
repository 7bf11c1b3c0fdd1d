package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"c10klab/internal/batch"
	"c10klab/internal/kafka"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchVersion is the newest Fetch whose answers carry no tags.
const fetchVersion = 11

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

// rotate asks for another partition first: a byte limit may leave nothing to later ones.
func (c *consumer) rotate() {
	partitions := c.request.Topics[0].Partitions
	first := partitions[0]
	copy(partitions, partitions[1:])
	partitions[len(partitions)-1] = first
}

// walk reads a fetch response in place and moves the offsets on.
func (c *consumer) walk(payload []byte) (recordBytes int, err error) {
	r := kbin.Reader{Src: payload}
	if id := r.Int32(); r.Ok() && id != c.lastID {
		return 0, fmt.Errorf("correlation id %d, asked with %d", id, c.lastID)
	}
	r.Int32() // throttle time
	if err := c.checkError(r.Int16()); err != nil {
		return 0, err
	}
	r.Int32() // session id
	for range r.ArrayLen() {
		r.UnsafeString() // topic
		for range r.ArrayLen() {
			n, err := c.walkPartition(&r)
			if err != nil {
				return 0, err
			}
			recordBytes += n
		}
	}
	if !r.Ok() {
		return recordBytes, kbin.ErrNotEnoughData
	}
	return recordBytes, nil
}

// checkError notes a retriable error of an answer, so that the consumer tries again;
// others are errors.
func (c *consumer) checkError(code int16) error {
	err := kerr.ErrorForCode(code)
	if err == nil || kerr.IsRetriable(err) {
		c.refusal = cmp.Or(c.refusal, code)
		return nil
	}
	return err
}

func (c *consumer) walkPartition(r *kbin.Reader) (recordBytes int, err error) {
	number := r.Int32()
	code := r.Int16()
	highWatermark := r.Int64()
	r.Int64() // last stable offset
	r.Int64() // log start offset
	const abortedTransactionBytes = 16
	r.Span(abortedTransactionBytes * max(0, int(r.ArrayLen())))
	r.Int32() // preferred read replica
	records := r.NullableBytes()
	if !r.Ok() {
		return 0, kbin.ErrNotEnoughData
	}
	partitions := c.request.Topics[0].Partitions
	i := slices.IndexFunc(partitions, func(p kmsg.FetchRequestTopicPartition) bool { return p.Partition == number })
	if i < 0 {
		return 0, fmt.Errorf("partition %d, not asked for", number)
	}
	c.partition = &partitions[i]
	if err := c.checkError(code); err != nil {
		return 0, fmt.Errorf("partition %d at offset %d: %w", number, c.partition.FetchOffset, err)
	}
	if code != 0 {
		return 0, nil
	}
	if _, err := batch.Walk(records, c.takeBatch); err != nil {
		return 0, fmt.Errorf("partition %d at offset %d: %w", number, c.partition.FetchOffset, err)
	}
	if c.partition.FetchOffset >= highWatermark {
		if !c.load.window.Over(c.nowNs) {
			c.caughtUp.Add(1)
		}
		if c.kind.wraps {
			c.partition.FetchOffset = c.kind.starts[number]
		}
	}
	return len(records), nil
}

var errBackwards = errors.New("the batch lies before the offset asked for")

// batch takes one batch of the partition at hand. All its records fell due
// together, so it is one sample of EndToEnd.
func (c *consumer) batch(h batch.Header, b []byte) error {
	if h.LastOffset() < c.partition.FetchOffset {
		return fmt.Errorf("%w: it ends with %d", errBackwards, h.LastOffset())
	}
	c.partition.FetchOffset = h.LastOffset() + 1
	if !c.kind.tail {
		return nil
	}
	dueNs, err := batch.Open(h, b, kafka.MaxFrameBytes, firstDueNs)
	if err != nil {
		return err
	}
	if c.load.window.Contains(dueNs) {
		c.load.consumed.Add(1)
		c.tally.Consumed(dueNs, c.arrivedNs, c.nowNs)
	}
	return nil
}

// firstDueNs is the due time of a batch's first record; 0: it has none.
func firstDueNs(h batch.Header, records []byte) (int64, error) {
	it := batch.RecordsIn(h, records)
	first, _ := it.Next()
	return batch.DueNs(first.Value), it.Err()
}
