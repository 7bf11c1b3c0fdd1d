package storage

import (
	"errors"
	"fmt"
	"sort"

	"c10klab/internal/vfs"
)

// Slice is a part of a segment. Unless empty it holds a reference: its files stay
// open, even when the log drops the segment, until Release, which must be called
// exactly once over all copies, or until AppendRegions.
type Slice struct {
	LengthBytes int
	offsetBytes int64 // in the segment
	segment     *segment
}

// Region is a stretch of a segment or of a commit file.
type Region = vfs.Region

// Empty reports whether there is nothing to send, and nothing to release.
func (s Slice) Empty() bool { return s.segment == nil }

// AppendRegions appends where the slice's bytes lie, in order, and takes its place:
// the regions are to be released instead. There is one in layout partition-log, and
// in commit-log one for each write that the bytes came with. They are fewer bytes
// than the slice has if the log was truncated in between.
func (s Slice) AppendRegions(dst []Region) []Region {
	switch {
	case s.segment == nil:
		return dst
	case s.segment.view == nil:
		return append(dst, Region{File: &s.segment.Shared, OffsetBytes: s.offsetBytes, LengthBytes: s.LengthBytes})
	}
	defer s.Release()
	return s.segment.view.AppendRegions(dst, s.offsetBytes, s.LengthBytes)
}

// Release lets the slice go. On an empty one it does nothing.
func (s Slice) Release() {
	if s.segment != nil {
		s.segment.Release()
	}
}

// Read finds the batches from the one that contains offset on: at most maxBytes
// of one segment, below the high watermark. As in Kafka the region may end
// within a batch; with minOneBatch a first batch larger than maxBytes is given
// whole. At the high watermark the Slice is empty. In a gap of a compacted log the slice
// begins behind it. Outside of the log's offsets
// it fails with an *OffsetRangeError. It does not allocate and takes no lock; a
// lookup reads a few headers from the file, which on a cold file waits for the
// disk.
func (l *Log) Read(offset int64, maxBytes int, minOneBatch bool) (Slice, error) {
	start, end := l.start.Load(), l.end.Load()
	if offset < start || offset > end {
		return Slice{}, &OffsetRangeError{Offset: offset, Start: start, End: end}
	}
	if offset >= l.highWatermark.Load() {
		if l.deleted.Load() {
			return Slice{}, l.ended()
		}
		return Slice{}, nil
	}
	seg, at, firstBytes, err := l.find(offset)
	if err != nil {
		return Slice{}, err
	}
	length := min(max(maxBytes, 0), int(seg.committedBytes.Load()-at))
	if minOneBatch {
		length = max(length, firstBytes)
	}
	if length == 0 {
		seg.Release()
		return Slice{}, nil
	}
	return Slice{LengthBytes: length, offsetBytes: at, segment: seg}, nil
}

// find takes a reference to the segment that has the batch with an offset, or the first one
// behind it: a compacted log has gaps, also at the end of a segment.
func (l *Log) find(offset int64) (seg *segment, positionBytes int64, sizeBytes int, err error) {
	for {
		if seg, err = l.acquire(offset); err != nil {
			return nil, 0, 0, err
		}
		if positionBytes, sizeBytes, err = seg.locate(offset); err == nil {
			return seg, positionBytes, sizeBytes, nil
		}
		seg.Release()
		segments := *l.segments.Load()
		next := sort.Search(len(segments), func(i int) bool { return segments[i].base > seg.base })
		if !errors.Is(err, errEndsBefore) || next == len(segments) {
			return nil, 0, 0, err
		}
		offset = segments[next].base
	}
}

// acquire finds the segment that offset lies in and takes a reference to it.
func (l *Log) acquire(offset int64) (*segment, error) {
	for {
		segments := *l.segments.Load()
		above := sort.Search(len(segments), func(i int) bool { return segments[i].base > offset })
		if len(segments) == 0 {
			return nil, fmt.Errorf("reading %s: %w", l.dir, l.ended())
		}
		if above == 0 {
			return nil, &OffsetRangeError{Offset: offset, Start: segments[0].base, End: l.end.Load()}
		}
		// A segment let go since the list was loaded is in no list loaded from now on.
		if segments[above-1].Acquire() {
			return segments[above-1], nil
		}
	}
}

// locate finds the batch that contains offset, which must be below the high
// watermark. Index entries lie far apart where batches are large; then there are few
// between them, mostly none, and the upper entry's is looked at first.
func (s *segment) locate(offset int64) (positionBytes int64, sizeBytes int, err error) {
	from, above := s.index.bracket(offset - s.base)
	w := headerWalk{segment: s, next: from, limitBytes: s.committedBytes.Load()}
	if above-from > farApartBytes && above < w.limitBytes {
		h, err := w.peek(above)
		if err != nil {
			return 0, 0, err
		}
		if h.BaseOffset <= offset {
			return above, h.SizeBytes(), nil
		}
	}
	h, at, err := w.seek(offset)
	return at, h.SizeBytes(), err
}
