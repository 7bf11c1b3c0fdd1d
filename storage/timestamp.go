package storage

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"c10klab/internal/batch"
)

// OffsetForTimestamp finds the first record, below the high watermark, whose
// timestamp is ms or later; found is false if there is none. It looks into the time
// indexes, then reads some batch headers and one batch, and may wait for the disk. It
// takes no lock, and does not allocate once its buffers have grown to the batches' size.
func (l *Log) OffsetForTimestamp(ms int64) (offset, timestampMs int64, found bool, err error) {
	for _, seg := range *l.segments.Load() {
		if seg.latestMs.Load() < ms || !seg.Acquire() {
			continue
		}
		offset, timestampMs, found, err = seg.firstAt(ms, l.start.Load())
		seg.Release()
		if err != nil || found {
			return offset, timestampMs, found, err
		}
	}
	return 0, 0, false, nil
}

// LatestTimestamp is that of all batches, −1 if none has one. It takes no lock.
func (l *Log) LatestTimestamp() int64 {
	latest := int64(noTimestamp)
	for _, seg := range *l.segments.Load() {
		latest = max(latest, seg.latestMs.Load())
	}
	return latest
}

// maxLookupBytes is what one batch may decompress to when a record is looked for; a
// batch that was appended unchecked may be a bomb.
const maxLookupBytes = 1 << 30

// firstAt looks among the segment's records from an offset on.
func (s *segment) firstAt(ms, from int64) (offset, timestampMs int64, found bool, err error) {
	start := s.index.lookup(max(s.times.lookup(ms), from-s.base))
	w := headerWalk{segment: s, next: start, limitBytes: s.committedBytes.Load()}
	for {
		h, at, err := w.advance()
		if err == io.EOF {
			return 0, 0, false, nil
		}
		if err != nil {
			return 0, 0, false, err
		}
		if h.MaxTimestampMs < ms || h.LastOffset() < from {
			continue
		}
		if offset, timestampMs, found, err = s.firstRecordAt(ms, from, h, at); err != nil || found {
			return offset, timestampMs, found, err
		}
	}
}

// keptBatchBytes is how large a buffer for a batch stays for the next look-up.
const keptBatchBytes = 1 << 20

var lookupBuffers = sync.Pool{New: func() any { return new([]byte) }}

// firstRecordAt looks into a batch whose latest record is said to be at ms or
// later.
func (s *segment) firstRecordAt(ms, from int64, h batch.Header, positionBytes int64) (offset, timestampMs int64, found bool, err error) {
	buffer := lookupBuffers.Get().(*[]byte)
	defer lookupBuffers.Put(buffer)
	b := slices.Grow((*buffer)[:0], h.SizeBytes())[:h.SizeBytes()]
	if cap(b) <= keptBatchBytes {
		*buffer = b
	}
	if _, err = s.ReadAt(b, positionBytes); err == nil {
		found, err = batch.Open(h, b, maxLookupBytes, func(h batch.Header, records []byte) (found bool, err error) {
			it := batch.RecordsIn(h, records)
			for r, ok := it.Next(); ok; r, ok = it.Next() {
				timestampMs, offset = h.BaseTimestampMs+r.TimestampDeltaMs, h.BaseOffset+int64(r.OffsetDelta)
				if found = timestampMs >= ms && offset >= from; found {
					return found, nil
				}
			}
			return false, it.Err()
		})
	}
	if err != nil {
		err = fmt.Errorf("reading %s at position %d: %w", s.path, positionBytes, err)
	}
	return offset, timestampMs, found, err
}
