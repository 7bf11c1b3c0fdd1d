package storage

import (
	"fmt"
	"io"

	"c10klab/internal/batch"
)

// OffsetForTimestamp finds the first record, below the high watermark, whose
// timestamp is ms or later; found is false if there is none. In a batch whose
// records cannot be told apart (compressed) it gives the first one, which may be
// earlier. It reads batch
// headers from the start of the log on and may wait for the disk.
func (l *Log) OffsetForTimestamp(ms int64) (offset, timestampMs int64, found bool, err error) {
	for next := l.start.Load(); next < l.highWatermark.Load(); {
		seg, err := l.acquire(next)
		if err != nil {
			return 0, 0, false, err
		}
		hit, err := seg.firstAt(ms)
		seg.release()
		if err != nil || hit.found {
			return hit.offset, hit.timestampMs, hit.found, err
		}
		if hit.offset <= next {
			break
		}
		next = hit.offset
	}
	return 0, 0, false, nil
}

// timestampHit is a record found by time, or, if none was, the segment's end.
type timestampHit struct {
	offset      int64
	timestampMs int64
	found       bool
}

func (s *segment) firstAt(ms int64) (timestampHit, error) {
	w := headerWalk{segment: s, limitBytes: s.committedBytes.Load()}
	end := s.base
	for {
		h, at, err := w.advance()
		if err == io.EOF {
			return timestampHit{offset: end}, nil
		}
		if err != nil {
			return timestampHit{}, err
		}
		if h.MaxTimestampMs >= ms {
			return s.firstRecordAt(ms, h, at)
		}
		end = h.LastOffset() + 1
	}
}

// firstRecordAt looks into the batch whose latest record is said to be at ms or
// later.
func (s *segment) firstRecordAt(ms int64, h batch.Header, positionBytes int64) (timestampHit, error) {
	b := make([]byte, h.SizeBytes())
	if _, err := s.file.ReadAt(b, positionBytes); err != nil {
		return timestampHit{}, fmt.Errorf("reading %s at position %d: %w", s.path, positionBytes, err)
	}
	it := batch.Records(b)
	for r, ok := it.Next(); ok; r, ok = it.Next() {
		if t := h.BaseTimestampMs + r.TimestampDeltaMs; t >= ms {
			return timestampHit{offset: h.BaseOffset + int64(r.OffsetDelta), timestampMs: t, found: true}, nil
		}
	}
	return timestampHit{offset: h.BaseOffset, timestampMs: h.BaseTimestampMs, found: true}, nil
}
