package broker

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"c10klab/internal/batch"
	"c10klab/internal/clock"
	"c10klab/storage"
)

// leaderEpoch is the one epoch that a broker without a cluster ever has.
const leaderEpoch = 0

// Values of Produce's acks.
const (
	acksNone   = 0
	acksLeader = 1
	acksAll    = -1
)

// leastProducePartitionBytes: an index, and null records, compact.
const leastProducePartitionBytes = 4 + 1

// produce is one Produce request under way. Once its records are appended it
// does not change any more, so that other threads may look at it.
type produce struct {
	byTopic[producePartition]
	log      *Log
	request  *request
	acks     int16
	timeout  time.Duration
	appended []*storage.Log // that grew
}

type producePartition struct {
	index   int32
	records []byte
	log     *storage.Log // nil unless appended to

	refusal    refusal
	baseOffset int64
	awaited    int64 // the high watermark to wait for; 0: none
	logStart   int64
}

// produce appends each partition's batch and answers by acks. A bad batch is
// refused alone; with acks=0, where there is no answer to say so, the connection
// is closed instead, as in Kafka.
func (l *Log) produce(q *request) error {
	p := l.produces.Get().(*produce)
	p.log, p.request = l, q
	transactional, err := p.read(&q.in)
	if err != nil {
		p.recycle()
		return err
	}
	refusal := p.refuse(transactional)
	p.each(func(topic string, part *producePartition) {
		part.baseOffset, part.logStart = -1, -1
		if part.refusal = refusal; refusal.code == 0 {
			p.append(topic, part)
		}
	})
	if p.acks != acksAll || len(p.appended) == 0 {
		p.complete()
	} else if !l.delayed.completeOrWatch(p, p.timeout, p.appended) {
		l.appendedTo(p.appended)
		return nil
	}
	l.appendedTo(p.appended)
	p.recycle()
	return nil
}

// appendedTo lets those go on who waited for records. It comes after the
// producer's answer, which need not wait for theirs.
func (l *Log) appendedTo(logs []*storage.Log) {
	for _, log := range logs {
		l.delayed.check(log)
	}
}

func (p *produce) read(r *reader) (transactional bool, err error) {
	_, transactional = r.nullableText()
	p.acks = r.Int16()
	p.timeout = time.Duration(r.Int32()) * time.Millisecond
	p.byTopic.read(r, leastProducePartitionBytes, func(r *reader, part *producePartition) {
		part.index = r.Int32()
		part.records = r.bytes()
	})
	r.tags()
	return transactional, r.err()
}

// refuse checks what concerns all partitions alike.
func (p *produce) refuse(transactional bool) refusal {
	switch {
	case p.request.refused.code != 0:
		return p.request.refused
	case p.acks != acksNone && p.acks != acksLeader && p.acks != acksAll:
		return refuse(kerr.InvalidRequiredAcks, fmt.Sprintf("acks %d is none of 0, 1 and -1", p.acks))
	case transactional:
		return refuse(kerr.InvalidTxnState, noTransactions.message)
	}
	return refusal{}
}

func (p *produce) append(topic string, part *producePartition) {
	log, err := p.log.store.Log(topic, part.index)
	if err != nil {
		part.refusal = refusalOf(err)
		return
	}
	if part.refusal = p.checkBatch(part.records); part.refusal.code != 0 {
		return
	}
	beganNs := clock.Now()
	info, err := log.Append(part.records, leaderEpoch)
	if err != nil {
		part.refusal = refusalOf(err)
		return
	}
	if tell := p.log.config.Appended; tell != nil {
		tell(beganNs)
	}
	part.log = log
	part.baseOffset, part.logStart = info.BaseOffset, log.StartOffset()
	if p.acks == acksAll {
		part.awaited = info.LastOffset + 1
	}
	if info.Duplicate {
		return
	}
	p.appended = append(p.appended, log)
	p.log.appendedBytes.Add(int64(len(part.records)))
}

// Bits of a batch's attributes beyond the codec.
const (
	attributeTransactional = 1 << 4
	attributeControl       = 1 << 5
)

// firstVersionWithZstd is Produce's (KIP-110).
const firstVersionWithZstd = 7

// checkBatch applies the rules that are the protocol's and not the log's: one
// batch per partition, of a kind that clients may write (ProduceRequest's
// validateRecords, LogValidator).
func (p *produce) checkBatch(records []byte) refusal {
	if len(records) == 0 {
		return refuse(kerr.InvalidRecord, "no record batch")
	}
	h, err := batch.ReadHeader(records)
	switch {
	case err != nil:
		return refusalOf(err)
	case len(records) > h.SizeBytes():
		return refuseMore(records)
	case h.Attributes&(attributeTransactional|attributeControl) != 0:
		return refuse(kerr.InvalidRecord, "transactional and control batches are not accepted")
	case h.Compression() == batch.Zstd && p.request.Version < firstVersionWithZstd:
		return refuse(kerr.UnsupportedCompressionType, fmt.Sprintf("zstd before version %d", firstVersionWithZstd))
	case h.Compression() > batch.Zstd:
		return refuse(kerr.UnsupportedCompressionType, h.Compression().String())
	}
	return refusal{}
}

// refuseMore tells several batches, which are not allowed, from damage.
func refuseMore(records []byte) refusal {
	batches := 0
	tail, err := batch.Walk(records, func(_ batch.Header, b []byte) error {
		batches++
		_, err := batch.Check(b)
		return err
	})
	switch {
	case err != nil:
		return refusalOf(err)
	case len(tail) > 0:
		return refuse(kerr.CorruptMessage, fmt.Sprintf("%d bytes follow the last whole record batch", len(tail)))
	}
	return refuse(kerr.InvalidRecord, fmt.Sprintf("%d record batches for one partition, want one", batches))
}

// satisfied reports whether all replicas have what was appended. There is one
// replica, so this is the case as soon as the append is over.
func (p *produce) satisfied() bool {
	for i := range p.partitions {
		if !p.partitions[i].replicated() {
			return false
		}
	}
	return true
}

func (part *producePartition) replicated() bool {
	return part.awaited == 0 || part.log.HighWatermark() >= part.awaited
}

func (p *produce) abandoned() bool { return p.request.Abandoned() }
func (p *produce) delay()          { p.request.Delay() }

// complete answers the producer. Nothing of the frame may be used after it.
func (p *produce) complete() {
	switch {
	case p.acks != acksNone:
		p.respond()
	case p.firstRefusal() != nil:
		p.request.HangUp(fmt.Errorf("produce with acks=0 failed: %w", p.firstRefusal()))
	default:
		p.request.RespondNothing()
	}
}

func (p *produce) firstRefusal() error {
	for i := range p.partitions {
		if r := &p.partitions[i].refusal; r.code != 0 {
			return r
		}
	}
	return nil
}

// respond writes a ProduceResponse of version 3 to 12.
func (p *produce) respond() {
	w := p.request.out()
	p.write(w, writeProduced)
	w.int32(0) // throttle ms
	w.tags()
	p.request.Respond()
}

func writeProduced(w writer, part *producePartition) {
	code, baseOffset := part.refusal.code, part.baseOffset
	if !part.replicated() {
		code, baseOffset = kerr.RequestTimedOut.Code, -1
	}
	w.int32(part.index)
	w.int16(code)
	w.int64(baseOffset)
	w.int64(-1) // log append time: the producer's timestamps are kept
	if w.version >= 5 {
		w.int64(part.logStart)
	}
	if w.version >= 8 {
		w.length(0) // errors of single records
		w.nullableText(part.refusal.message)
	}
}

// recycle gives the memory back; no other thread has seen p.
func (p *produce) recycle() {
	p.reset()
	clear(p.appended)
	p.appended = p.appended[:0]
	l := p.log
	p.log, p.request = nil, nil
	l.produces.Put(p)
}
