package storage

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

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
		if err := w.fill(); err != nil {
			return batch.Header{}, 0, err
		}
	}
	h, err = batch.ReadHeader(w.window[w.next-w.windowAt : w.filled])
	if err != nil {
		return batch.Header{}, 0, fmt.Errorf("%w: %s at position %d: %w", ErrCorruptSegment, w.segment.path, w.next, err)
	}
	positionBytes = w.next
	w.next += int64(h.SizeBytes())
	return h, positionBytes, nil
}

func (w *headerWalk) fill() error { return w.read(w.next, windowBytes) }

// peek returns the header at another position, and leaves the walk where it is.
func (w *headerWalk) peek(positionBytes int64) (batch.Header, error) {
	err := w.read(positionBytes, batch.HeaderBytes)
	if err != nil {
		return batch.Header{}, err
	}
	h, err := batch.ReadHeader(w.window[:w.filled])
	if err != nil {
		return batch.Header{}, fmt.Errorf("%w: %s at position %d: %w", ErrCorruptSegment, w.segment.path, positionBytes, err)
	}
	return h, nil
}

// read puts some bytes into the window.
func (w *headerWalk) read(positionBytes, bytes int64) error {
	n, err := w.segment.readAt(w.window[:min(bytes, w.limitBytes-positionBytes)], positionBytes)
	if err != nil {
		return fmt.Errorf("reading %s at position %d: %w", w.segment.path, positionBytes, err)
	}
	w.windowAt, w.filled = positionBytes, n
	return nil
}

// readAt reads up to len(b) bytes. It lets b stay on its caller's stack: what goes
// through an interface would not, so a file without a descriptor pays with a copy.
func (s *segment) readAt(b []byte, positionBytes int64) (int, error) {
	if s.view != nil {
		n, err := s.view.ReadAt(b, positionBytes)
		if err == io.EOF {
			err = nil
		}
		return n, err
	}
	if s.fd >= 0 {
		return pread(s.fd, b, positionBytes)
	}
	scratch := make([]byte, len(b))
	n, err := s.file.ReadAt(scratch, positionBytes)
	copy(b, scratch[:n])
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// pread is pread(2), retried when a signal interrupts it.
func pread(fd int, b []byte, positionBytes int64) (int, error) {
	for {
		n, err := unix.Pread(fd, b, positionBytes)
		if err != unix.EINTR {
			return n, err
		}
	}
}
