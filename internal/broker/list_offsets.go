package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
)

// Timestamps with a meaning of their own in ListOffsets.
const (
	latestTimestamp   = -1
	earliestTimestamp = -2
)

// leastListPartitionBytes: index and timestamp in version 1.
const leastListPartitionBytes = 4 + 8

type listPartition struct {
	index       int32
	epoch       int32
	timestampMs int64 // asked for, then found
	offset      int64
	code        int16
}

// listOffsets finds each partition's first or next offset, or the first at or
// after a time.
func (l *Log) listOffsets(q *request) error {
	var asked byTopic[listPartition]
	q.in.Int32() // replica id
	if q.Version >= 2 {
		q.in.Int8() // isolation level
	}
	asked.read(&q.in, leastListPartitionBytes, readListPartition)
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	asked.each(func(topic string, p *listPartition) {
		timestampMs := p.timestampMs
		p.timestampMs, p.offset, p.code = -1, -1, q.refused.code
		if p.code == 0 {
			l.listOffset(topic, p, timestampMs)
		}
	})
	w := q.out()
	if q.Version >= 2 {
		w.int32(0) // throttle ms
	}
	asked.write(w, writeListPartition)
	w.tags()
	q.Respond()
	return nil
}

func readListPartition(r *reader, p *listPartition) {
	p.index = r.Int32()
	p.epoch = -1
	if r.version >= 4 {
		p.epoch = r.Int32()
	}
	p.timestampMs = r.Int64()
}

// listOffset answers for a partition that is asked for a timestamp.
func (l *Log) listOffset(topic string, p *listPartition, timestampMs int64) {
	log, err := l.store.Log(topic, p.index)
	switch {
	case err != nil:
		p.code = refusalOf(err).code
	case p.epoch > leaderEpoch:
		p.code = kerr.UnknownLeaderEpoch.Code
	case timestampMs == earliestTimestamp:
		p.offset = log.StartOffset()
	case timestampMs == latestTimestamp:
		p.offset = log.HighWatermark()
	case timestampMs < 0:
		p.code = kerr.UnsupportedVersion.Code
	default:
		offset, at, found, err := log.OffsetForTimestamp(timestampMs)
		if err != nil {
			p.code = refusalOf(err).code
		} else if found {
			p.offset, p.timestampMs = offset, at
		}
	}
}

func writeListPartition(w writer, p *listPartition) {
	w.int32(p.index)
	w.int16(p.code)
	w.int64(p.timestampMs)
	w.int64(p.offset)
	if w.version >= 4 {
		w.int32(leaderEpoch)
	}
}
