package storage

import (
	"fmt"
	"math"
	"time"

	"c10klab/internal/batch"
)

const (
	// batchesPerProducer is how many batches back a duplicate is known: as many as a
	// producer may have under way (Kafka's NUM_BATCHES_TO_RETAIN).
	batchesPerProducer = 5
	// producerExpiration is how long a silent producer is remembered (Kafka's
	// producer.id.expiration.ms), by this machine's clock: timestamps of records may be of any
	// time, and one that sends old records would have them stored twice.
	producerExpiration = 24 * time.Hour
)

// producers is what a log knows of its idempotent producers (Kafka's
// ProducerStateManager, without transactions). Under Log.mu.
type producers map[int64]*producer

type producer struct {
	epoch   int16
	count   int
	seen    time.Time                         // when it last sent, or was found in the log
	batches [batchesPerProducer]producerBatch // the newest last; count of them
}

type producerBatch struct {
	lastSequence int32
	offsetDelta  int32
	lastOffset   int64
	timestampMs  int64
}

func (b producerBatch) baseOffset() int64 { return b.lastOffset - int64(b.offsetDelta) }

// sequenceAfter adds to a sequence number; after the greatest follows 0.
func sequenceAfter(sequence, n int32) int32 {
	return int32((int64(sequence) + int64(n)) % (math.MaxInt32 + 1))
}

func (p *producer) newest() *producerBatch { return &p.batches[batchesPerProducer-1] }

func (p *producer) duplicateOf(h batch.Header) (producerBatch, bool) {
	if h.ProducerEpoch != p.epoch {
		return producerBatch{}, false
	}
	for _, b := range p.batches[batchesPerProducer-p.count:] {
		if b.offsetDelta == h.LastOffsetDelta && b.lastSequence == sequenceAfter(h.BaseSequence, h.LastOffsetDelta) {
			return b, true
		}
	}
	return producerBatch{}, false
}

// isIdempotent reports that the batch's sequence numbers count.
func isIdempotent(h batch.Header) bool { return h.ProducerID >= 0 }

// check decides, as Kafka's ProducerAppendInfo does, whether a batch may be
// appended, or is one that has been: then it says where that is. It fails with
// ErrOutOfOrderSequence or ErrStaleProducerEpoch. A producer that is not known, or
// no longer, may begin anywhere.
func (ps producers) check(h batch.Header) (earlier producerBatch, isDuplicate bool, err error) {
	p := ps[h.ProducerID]
	if p == nil {
		return producerBatch{}, false, nil
	}
	if earlier, isDuplicate = p.duplicateOf(h); isDuplicate {
		return earlier, true, nil
	}
	switch want := sequenceAfter(p.newest().lastSequence, 1); {
	case h.ProducerEpoch < p.epoch:
		err = fmt.Errorf("%w: producer %d has epoch %d, the batch %d", ErrStaleProducerEpoch, h.ProducerID, p.epoch, h.ProducerEpoch)
	case h.ProducerEpoch > p.epoch && h.BaseSequence != 0:
		err = fmt.Errorf("%w: producer %d begins epoch %d with %d, want 0", ErrOutOfOrderSequence, h.ProducerID, h.ProducerEpoch, h.BaseSequence)
	case h.ProducerEpoch == p.epoch && h.BaseSequence != want:
		err = fmt.Errorf("%w: producer %d epoch %d sends %d, want %d", ErrOutOfOrderSequence, h.ProducerID, h.ProducerEpoch, h.BaseSequence, want)
	}
	return producerBatch{}, false, err
}

// note remembers a batch that has its offset.
func (ps producers) note(h batch.Header) {
	p := ps[h.ProducerID]
	if p == nil {
		p = &producer{epoch: h.ProducerEpoch}
		ps[h.ProducerID] = p
	}
	if p.epoch != h.ProducerEpoch {
		p.epoch, p.count = h.ProducerEpoch, 0
	}
	copy(p.batches[:], p.batches[1:])
	*p.newest() = producerBatch{
		lastSequence: sequenceAfter(h.BaseSequence, h.LastOffsetDelta), offsetDelta: h.LastOffsetDelta,
		lastOffset: h.LastOffset(), timestampMs: h.MaxTimestampMs,
	}
	p.count = min(p.count+1, batchesPerProducer)
	p.seen = time.Now()
}

func (l *Log) expireProducers(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, p := range l.producers {
		if now.Sub(p.seen) >= producerExpiration {
			delete(l.producers, id)
		}
	}
}
