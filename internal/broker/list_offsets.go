package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
)

// Timestamps with a meaning of their own in ListOffsets.
const (
	latestTimestamp        = -1
	earliestTimestamp      = -2
	maxTimestamp           = -3 // of the record with the latest timestamp, since version 7
	earliestLocalTimestamp = -4 // of the first record on this broker's disks, since version 8
	latestTieredTimestamp  = -5 // of the last one elsewhere, since version 9
)

// firstVersionOf is since when a timestamp has its meaning (Kafka's ReplicaManager).
var firstVersionOf = map[int64]int16{latestTimestamp: 0, earliestTimestamp: 0, maxTimestamp: 7, earliestLocalTimestamp: 8, latestTieredTimestamp: 9}

// leastListPartitionBytes: index and timestamp in version 1.
const leastListPartitionBytes = 4 + 8

type listPartition struct {
	index       int32
	epoch       int32
	timestampMs int64 // asked for, then found
	offset      int64
	code        int16
}

// listOffsets finds each partition's first or next offset, the first at or after a time, or
// that of the latest timestamp.
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
			l.listOffset(topic, p, q.Version, timestampMs)
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
func (l *Log) listOffset(topic string, p *listPartition, version int16, timestampMs int64) {
	log, err := l.store.Log(topic, p.index)
	firstVersion, hasMeaning := firstVersionOf[timestampMs]
	switch {
	case err != nil:
		p.code = refusalOf(err).code
	case p.epoch > leaderEpoch:
		p.code = kerr.UnknownLeaderEpoch.Code
	case timestampMs < 0 && (!hasMeaning || version < firstVersion):
		p.code = kerr.UnsupportedVersion.Code
	case timestampMs == earliestTimestamp || timestampMs == earliestLocalTimestamp:
		p.offset = log.StartOffset()
	case timestampMs == latestTimestamp:
		p.offset = log.HighWatermark()
	case timestampMs == latestTieredTimestamp: // nothing is elsewhere
	case timestampMs == maxTimestamp && log.LatestTimestamp() < 0: // no record has one
	default:
		if timestampMs == maxTimestamp {
			timestampMs = log.LatestTimestamp()
		}
		offset, at, found, err := log.OffsetForTimestamp(timestampMs)
		if err != nil {
			p.code = refusalOf(err).code
		} else if found {
			p.offset, p.timestampMs = offset, at
		}
	}
}

// epochPartition is a partition whose end of a leader epoch is asked for.
type epochPartition struct {
	index, current, epoch int32
	endOffset             int64
	code                  int16
}

// offsetForLeaderEpoch tells where an epoch ends, by which consumers find out whether the log
// has changed under them (KIP-320). There has been one epoch, which ends where the log does.
func (l *Log) offsetForLeaderEpoch(q *request) error {
	var asked byTopic[epochPartition]
	if q.Version >= 3 {
		q.in.Int32() // replica id
	}
	asked.read(&q.in, 4+4, func(in *reader, p *epochPartition) {
		p.index, p.current = in.Int32(), -1
		if in.version >= 2 {
			p.current = in.Int32()
		}
		p.epoch = in.Int32()
	})
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	asked.each(func(topic string, p *epochPartition) {
		log, err := l.store.Log(topic, p.index)
		epoch := p.epoch
		p.epoch, p.endOffset = -1, -1
		switch {
		case q.refused.code != 0:
			p.code = q.refused.code
		case err != nil:
			p.code = refusalOf(err).code
		case p.current > leaderEpoch:
			p.code = kerr.UnknownLeaderEpoch.Code
		case epoch == leaderEpoch:
			p.epoch, p.endOffset = leaderEpoch, log.EndOffset()
		}
	})
	w := q.out()
	if q.Version >= 2 {
		w.int32(0) // throttle ms
	}
	asked.write(w, func(w writer, p *epochPartition) {
		w.int16(p.code)
		w.int32(p.index)
		if w.version >= 1 {
			w.int32(p.epoch)
		}
		w.int64(p.endOffset)
	})
	w.tags()
	q.Respond()
	return nil
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
