package storage

import (
	"fmt"
	"io"
	"sort"
)

// Slice is a region of a segment file, to be sent from its descriptor. Unless
// empty it holds a reference: the file stays open, even when the log drops the
// segment, until Release, which must be called exactly once over all copies.
type Slice struct {
	OffsetBytes int64 // where the region starts in the file
	LengthBytes int
	segment     *segment
}

// Empty reports whether there is nothing to send, and nothing to release.
func (s Slice) Empty() bool { return s.segment == nil }

// File is the file of a Slice that is not empty. It is a segment by itself and
// not boxed, so that naming it in a response allocates nothing.
type File interface {
	// Fd is the open file's descriptor, valid until Release.
	Fd() int
	// Release lets the file go, once for each Slice.
	Release()
}

// File returns the file that holds the region, nil when the Slice is empty.
func (s Slice) File() File {
	if s.segment == nil {
		return nil
	}
	return s.segment
}

// Fd is the open file's descriptor, valid until Release; -1 when empty.
func (s Slice) Fd() int {
	if s.segment == nil {
		return -1
	}
	return s.segment.Fd()
}

// Release lets the file go. On an empty Slice it does nothing.
func (s Slice) Release() {
	if s.segment != nil {
		s.segment.Release()
	}
}

// Fd implements File.
func (s *segment) Fd() int { return s.fd }

// Release implements File.
func (s *segment) Release() {
	// Nothing is written through this descriptor that close(2) could still lose.
	_ = s.release()
}

// Read finds the batches from the one that contains offset on: at most maxBytes
// of one segment, below the high watermark. As in Kafka the region may end
// within a batch; with minOneBatch a first batch larger than maxBytes is given
// whole. At the high watermark the Slice is empty. Outside of the log's offsets
// it fails with an *OffsetRangeError. It does not allocate and takes no lock; a
// lookup reads a few headers from the file, which on a cold file waits for the
// disk.
func (l *Log) Read(offset int64, maxBytes int, minOneBatch bool) (Slice, error) {
	start, end := l.start.Load(), l.end.Load()
	if offset < start || offset > end {
		return Slice{}, &OffsetRangeError{Offset: offset, Start: start, End: end}
	}
	if offset >= l.highWatermark.Load() {
		return Slice{}, nil
	}
	seg, err := l.acquire(offset)
	if err != nil {
		return Slice{}, err
	}
	at, firstBytes, err := seg.locate(offset)
	if err != nil {
		seg.release()
		return Slice{}, err
	}
	length := min(max(maxBytes, 0), int(seg.committedBytes.Load()-at))
	if minOneBatch {
		length = max(length, firstBytes)
	}
	if length == 0 {
		seg.release()
		return Slice{}, nil
	}
	return Slice{OffsetBytes: at, LengthBytes: length, segment: seg}, nil
}

// acquire finds the segment that offset lies in and takes a reference to it.
func (l *Log) acquire(offset int64) (*segment, error) {
	for {
		segments := *l.segments.Load()
		above := sort.Search(len(segments), func(i int) bool { return segments[i].base > offset })
		if len(segments) == 0 {
			return nil, fmt.Errorf("reading %s: %w", l.dir, ErrClosed)
		}
		if above == 0 {
			return nil, &OffsetRangeError{Offset: offset, Start: segments[0].base, End: l.end.Load()}
		}
		// A segment let go since the list was loaded is in no list loaded from now on.
		if segments[above-1].acquire() {
			return segments[above-1], nil
		}
	}
}

// locate finds the batch that contains offset, which must be below the high
// watermark.
func (s *segment) locate(offset int64) (positionBytes int64, sizeBytes int, err error) {
	w := headerWalk{segment: s, next: s.index.lookup(offset - s.base), limitBytes: s.committedBytes.Load()}
	for {
		h, at, err := w.advance()
		if err == io.EOF {
			return 0, 0, fmt.Errorf("%w: %s ends before offset %d", ErrCorruptSegment, s.path, offset)
		}
		if err != nil {
			return 0, 0, err
		}
		if h.LastOffset() >= offset {
			return at, h.SizeBytes(), nil
		}
	}
}
