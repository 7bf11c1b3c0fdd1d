package storage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"c10klab/internal/batch"
)

// scanBufferBytes is how much a recovery scan reads at a time.
const scanBufferBytes = 1 << 20

// scanned is how far a segment's bytes are whole, valid batches.
type scanned struct {
	nextOffset int64
	damage     error // why the scan ended before the file did, or nil
}

// scan checks every batch of the segment from its start and rebuilds the index
// up to where it gets. Damage is a result; an error means that the file could
// not be read, which says nothing about what is in it.
func (s *segment) scan(cfg Config) (scanned, error) {
	in := batchReader{
		in:        bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.sizeBytes), scanBufferBytes),
		leftBytes: s.sizeBytes,
	}
	s.index = newOffsetIndex(indexRoom(cfg))
	s.sizeBytes, s.unindexedBytes = 0, 0
	result := scanned{nextOffset: s.base}
	for {
		h, err := in.next()
		var damage *batch.Error
		switch {
		case err == io.EOF:
			return result, nil
		case errors.As(err, &damage):
			result.damage = damage
			return result, nil
		case err != nil:
			return result, fmt.Errorf("scanning %s at position %d: %w", s.path, s.sizeBytes, err)
		case h.BaseOffset != result.nextOffset: // not under the CRC
			result.damage = fmt.Errorf("base offset %d, want %d", h.BaseOffset, result.nextOffset)
			return result, nil
		}
		s.extend(h)
		result.nextOffset = h.LastOffset() + 1
	}
}

// batchReader reads and checks one batch after another.
type batchReader struct {
	in        *bufio.Reader
	leftBytes int64
	batch     []byte
}

// next returns the next valid batch's header, io.EOF at the end, a *batch.Error
// for damage, and other errors from reading. A length is believed only up to
// what is left of the file.
func (r *batchReader) next() (batch.Header, error) {
	if r.leftBytes == 0 {
		return batch.Header{}, io.EOF
	}
	head, err := r.in.Peek(int(min(r.leftBytes, batch.HeaderBytes)))
	if err != nil {
		return batch.Header{}, err
	}
	h, err := batch.ReadHeader(head)
	if err != nil {
		return batch.Header{}, err
	}
	size := min(int64(h.SizeBytes()), r.leftBytes)
	r.batch = slices.Grow(r.batch[:0], int(size))[:size]
	if _, err := io.ReadFull(r.in, r.batch); err != nil {
		return batch.Header{}, err
	}
	r.leftBytes -= size
	return batch.Check(r.batch)
}

// recover scans the segment and cuts off what is damaged; cut is nil if nothing
// was. The next offset is where the log goes on.
func (s *segment) recover(cfg Config) (nextOffset int64, cut *Cut, err error) {
	fileBytes := s.sizeBytes
	result, err := s.scan(cfg)
	if err != nil || result.damage == nil {
		return result.nextOffset, nil, err
	}
	if err := s.file.Truncate(s.sizeBytes); err != nil {
		return 0, nil, fmt.Errorf("cutting %s at position %d: %w", s.path, s.sizeBytes, err)
	}
	return result.nextOffset, &Cut{
		Path: s.path, Offset: result.nextOffset, PositionBytes: s.sizeBytes,
		CutBytes: fileBytes - s.sizeBytes, Reason: result.damage.Error(),
	}, nil
}

// resume takes up the segment after a clean stop: it loads the index and walks
// the headers behind its last entry. An error means that a scan is needed.
func (s *segment) resume(cfg Config) (nextOffset int64, err error) {
	index, err := readOffsetIndex(s.indexPath(), indexRoom(cfg), s.sizeBytes)
	if err != nil {
		return 0, err
	}
	nextOffset = s.base
	w := headerWalk{segment: s, next: index.lastPositionBytes(), limitBytes: s.sizeBytes}
	for {
		h, _, err := w.advance()
		if err == io.EOF && w.next == s.sizeBytes {
			break
		}
		if err != nil {
			return 0, err
		}
		nextOffset = h.LastOffset() + 1
	}
	s.index = index
	s.unindexedBytes = s.sizeBytes - index.lastPositionBytes()
	return nextOffset, nil
}

// reindex gives a segment that is no longer written to its index back, from the
// file or, failing that, by a scan. Damage in such a segment is ErrCorruptSegment.
func (s *segment) reindex(cfg Config) error {
	index, err := readOffsetIndex(s.indexPath(), indexRoom(cfg), s.sizeBytes)
	if err == nil {
		s.index = index
		return nil
	}
	result, err := s.scan(cfg)
	if err == nil && result.damage != nil {
		err = fmt.Errorf("%w: %s at position %d: %w", ErrCorruptSegment, s.path, s.sizeBytes, result.damage)
	}
	return err
}
