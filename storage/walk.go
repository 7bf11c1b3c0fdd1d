package storage

import (
	"errors"
	"fmt"
	"io"

	"c10klab/internal/batch"
)

// windowBytes is how much of the log a header walk reads at a time: the batches
// that lie between two index entries at the default interval.
const windowBytes = 4096

// farApartBytes are more than batches of the window's size leave between two entries.
const farApartBytes = 3 * windowBytes

// headerWalk steps through batch headers without reading what lies between. It
// lives on its user's stack.
type headerWalk struct {
	segment    *segment
	next       int64 // position of the header to read
	limitBytes int64
	windowAt   int64
	filled     int
	window     [windowBytes]byte
}

// advance returns the next batch's header and position; io.EOF at the limit.
func (w *headerWalk) advance() (h batch.Header, positionBytes int64, err error) {
	if w.next >= w.limitBytes {
		return batch.Header{}, 0, io.EOF
	}
	if w.next < w.windowAt || w.next+batch.HeaderBytes > w.windowAt+int64(w.filled) {
		if err := w.read(w.next, windowBytes); err != nil {
			return batch.Header{}, 0, err
		}
	}
	if h, err = w.header(w.next); err != nil {
		return batch.Header{}, 0, err
	}
	positionBytes = w.next
	w.next += int64(h.SizeBytes())
	return h, positionBytes, nil
}

// errEndsBefore: a segment has no batch at or behind an offset.
var errEndsBefore = errors.New("ends before offset")

// seek advances to the batch that contains an offset, or the first one behind it.
func (w *headerWalk) seek(offset int64) (batch.Header, int64, error) {
	for {
		h, at, err := w.advance()
		if err == io.EOF {
			err = fmt.Errorf("%w: %s %w %d", ErrCorruptSegment, w.segment.path, errEndsBefore, offset)
		}
		if err != nil || h.LastOffset() >= offset {
			return h, at, err
		}
	}
}

// peek returns the header at another position, and leaves the walk where it is.
func (w *headerWalk) peek(positionBytes int64) (batch.Header, error) {
	if err := w.read(positionBytes, batch.HeaderBytes); err != nil {
		return batch.Header{}, err
	}
	return w.header(positionBytes)
}

// header decodes what the window has at a position.
func (w *headerWalk) header(positionBytes int64) (batch.Header, error) {
	h, err := batch.ReadHeader(w.window[positionBytes-w.windowAt : w.filled])
	if err != nil {
		return batch.Header{}, fmt.Errorf("%w: %s at position %d: %w", ErrCorruptSegment, w.segment.path, positionBytes, err)
	}
	return h, nil
}

// read puts some bytes into the window.
func (w *headerWalk) read(positionBytes, bytes int64) error {
	n, err := w.segment.ReadAt(w.window[:min(bytes, w.limitBytes-positionBytes)], positionBytes)
	if err != nil && err != io.EOF {
		return fmt.Errorf("reading %s at position %d: %w", w.segment.path, positionBytes, err)
	}
	w.windowAt, w.filled = positionBytes, n
	return nil
}

// ReadAt is Shared's, but for a view, to which an interface would let b escape.
func (s *segment) ReadAt(b []byte, positionBytes int64) (int, error) {
	if s.view != nil {
		return s.view.ReadAt(b, positionBytes)
	}
	return s.Shared.ReadAt(b, positionBytes)
}
