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
		hit, err := seg.firstAt(ms, l.start.Load())
		seg.Release()
		if err != nil || hit.found {
			return hit.offset, hit.timestampMs, hit.found, err
		}
	}
	return 0, 0, false, nil
}

// maxLookupBytes is what one batch may decompress to when a record is looked for; a
// batch that was appended unchecked may be a bomb.
const maxLookupBytes = 1 << 30

// timestampHit is a record found by time.
type timestampHit struct {
	offset      int64
	timestampMs int64
	found       bool
}

// firstAt looks among the segment's records from an offset on.
func (s *segment) firstAt(ms, from int64) (timestampHit, error) {
	start := s.index.lookup(max(s.times.lookup(ms), from-s.base))
	w := headerWalk{segment: s, next: start, limitBytes: s.committedBytes.Load()}
	for {
		h, at, err := w.advance()
		if err == io.EOF {
			return timestampHit{}, nil
		}
		if err != nil {
			return timestampHit{}, err
		}
		if h.MaxTimestampMs < ms || h.LastOffset() < from {
			continue
		}
		if hit, err := s.firstRecordAt(ms, from, h, at); err != nil || hit.found {
			return hit, err
		}
	}
}

// keptBatchBytes is how large a buffer for a batch stays for the next look-up.
const keptBatchBytes = 1 << 20

// batchBuffers hold one batch, and what it decompresses to.
type batchBuffers struct{ batch, records []byte }

var lookupBuffers = sync.Pool{New: func() any { return new(batchBuffers) }}

// put gives the buffers to the next look-up, unless they are large.
func (x *batchBuffers) put() {
	if cap(x.batch) <= keptBatchBytes && cap(x.records) <= keptBatchBytes {
		lookupBuffers.Put(x)
	}
}

// firstRecordAt looks into a batch whose latest record is said to be at ms or
// later.
func (s *segment) firstRecordAt(ms, from int64, h batch.Header, positionBytes int64) (timestampHit, error) {
	buffers := lookupBuffers.Get().(*batchBuffers)
	defer buffers.put()
	records, err := s.recordsAt(h, positionBytes, buffers)
	if err != nil {
		return timestampHit{}, fmt.Errorf("reading %s at position %d: %w", s.path, positionBytes, err)
	}
	it := batch.RecordsIn(h, records)
	for r, ok := it.Next(); ok; r, ok = it.Next() {
		t, offset := h.BaseTimestampMs+r.TimestampDeltaMs, h.BaseOffset+int64(r.OffsetDelta)
		if t >= ms && offset >= from {
			return timestampHit{offset: offset, timestampMs: t, found: true}, nil
		}
	}
	return timestampHit{}, it.Err()
}

// recordsAt reads the batch with that header into the buffers and returns its records,
// decompressed.
func (s *segment) recordsAt(h batch.Header, positionBytes int64, buffers *batchBuffers) ([]byte, error) {
	buffers.batch = slices.Grow(buffers.batch[:0], h.SizeBytes())[:h.SizeBytes()]
	if _, err := s.ReadAt(buffers.batch, positionBytes); err != nil {
		return nil, err
	}
	if h.Compression() == batch.Uncompressed {
		return buffers.batch[batch.HeaderBytes:], nil
	}
	var err error
	buffers.records, err = batch.Decompress(buffers.records[:0], buffers.batch, maxLookupBytes)
	return buffers.records, err
}
