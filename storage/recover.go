package storage

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"c10klab/internal/batch"
)

// scanBufferBytes is how much a recovery scan reads at a time.
const scanBufferBytes = 1 << 20

// scan checks every batch of the segment from its start and rebuilds the indexes
// up to where it gets. Damage, why that is not the file's end, is a result; an error
// means that the file could not be read, which says nothing about what is in it.
func (s *segment) scan(cfg Config) (nextOffset int64, damage, err error) {
	in := batchReader{
		in:        bufio.NewReaderSize(io.NewSectionReader(s.File, 0, s.sizeBytes), scanBufferBytes),
		leftBytes: s.sizeBytes,
		foreign:   cfg.foreign,
	}
	s.clearIndexes(cfg)
	s.sizeBytes = 0
	nextOffset = s.base
	for {
		h, err := in.next(nextOffset)
		var damage *batch.Error
		switch {
		case err == io.EOF:
			return nextOffset, nil, nil
		case errors.As(err, &damage) && !errors.Is(err, ErrUnknownFormat):
			return nextOffset, damage, nil
		case err != nil:
			return nextOffset, nil, fmt.Errorf("scanning %s at position %d: %w", s.path, s.sizeBytes, err)
		case h.BaseOffset < nextOffset || h.BaseOffset > nextOffset && !cfg.foreign: // not under the CRC
			return nextOffset, fmt.Errorf("base offset %d, want %d", h.BaseOffset, nextOffset), nil
		}
		s.extend(h)
		nextOffset = h.LastOffset() + 1
	}
}

// batchReader reads and checks one batch after another.
type batchReader struct {
	in        *bufio.Reader
	leftBytes int64
	foreign   bool // see foreign.go
	batch     []byte
}

// next returns the next valid batch's header, io.EOF at the end, a *batch.Error
// for damage, ErrUnknownFormat for what looks like the batch expected in another
// version, and other errors from reading. A length is believed only up to what is
// left of the file.
func (r *batchReader) next(offset int64) (batch.Header, error) {
	if r.leftBytes == 0 {
		return batch.Header{}, io.EOF
	}
	head, err := r.in.Peek(int(min(r.leftBytes, batch.HeaderBytes)))
	if err != nil {
		return batch.Header{}, err
	}
	h, err := batch.ReadHeader(head)
	if r.foreign && len(head) >= 8 { // after a gap any offset may be the right one
		offset = int64(binary.BigEndian.Uint64(head))
	}
	if errors.Is(err, batch.BadMagic) && batch.IsOtherVersion(head, offset, r.leftBytes) {
		return batch.Header{}, fmt.Errorf("%w: %w", ErrUnknownFormat, err)
	}
	if err != nil {
		return batch.Header{}, err
	}
	size := min(int64(h.SizeBytes()), r.leftBytes)
	r.batch = slices.Grow(r.batch[:0], int(size))[:size]
	if _, err := io.ReadFull(r.in, r.batch); err != nil {
		return batch.Header{}, err
	}
	r.leftBytes -= size
	if r.foreign {
		return batch.CheckStored(r.batch)
	}
	return batch.Check(r.batch)
}

// recover scans the segment and cuts off what is damaged; cut is nil if nothing
// was. The next offset is where the log goes on.
func (s *segment) recover(cfg Config) (nextOffset int64, cut *Cut, err error) {
	fileBytes := s.sizeBytes
	nextOffset, damage, err := s.scan(cfg)
	if err != nil || damage == nil {
		return nextOffset, nil, err
	}
	if err = s.cut(s.sizeBytes); err != nil {
		return 0, nil, err
	}
	return nextOffset, &Cut{
		Path: s.path, Offset: nextOffset, PositionBytes: s.sizeBytes,
		CutBytes: fileBytes - s.sizeBytes, Reason: damage.Error(),
	}, nil
}

// takeUpWhole takes up a segment all of which is on the device. trusted says that
// its indexes are too; isLast, that a damaged end may be cut.
func (s *segment) takeUpWhole(cfg Config, trusted, isLast bool) (nextOffset int64, cut *Cut, err error) {
	if nextOffset, err = s.resume(cfg, trusted); err == nil {
		return nextOffset, nil, nil
	}
	if isLast {
		return s.recover(cfg)
	}
	nextOffset, damage, err := s.scan(cfg)
	if err == nil && damage != nil {
		err = &CorruptError{Path: s.path, PositionBytes: s.sizeBytes, Offset: nextOffset, Reason: damage}
	}
	if err == nil {
		err = s.writeIndexes()
	}
	return nextOffset, nil, err
}

// resume loads the indexes and walks the batch headers behind the last entry, or,
// where the index files may be older than the log, behind the last entry of each.
// An error means that a scan is needed.
func (s *segment) resume(cfg Config, trusted bool) (nextOffset int64, err error) {
	index, err := readIndex(s.fs, s.indexPath(), byOffset, indexRoom(cfg), s.sizeBytes)
	if err != nil {
		return 0, err
	}
	times, err := readIndex(s.fs, s.timeIndexPath(), byTime, timeIndexRoom(cfg), math.MaxInt64)
	if err != nil {
		return 0, err
	}
	if err := s.checkFirst(cfg); err != nil {
		return 0, err
	}
	s.latestMs.Store(times.lastKey())
	s.latestOffset = s.base + times.lastValue()
	start := index.lastValue()
	if !trusted {
		start = index.lookup(times.lastValue())
	}
	nextOffset = s.base
	w := headerWalk{segment: s, next: start, limitBytes: s.sizeBytes}
	for {
		h, _, err := w.advance()
		if err == io.EOF && w.next == s.sizeBytes {
			break
		}
		if err != nil {
			return 0, err
		}
		s.noteTime(h)
		nextOffset = h.LastOffset() + 1
	}
	s.index, s.times = index, times
	s.unindexedBytes = s.sizeBytes - index.lastValue()
	return nextOffset, nil
}

// checkFirst tells a segment from one under another's name, and notes its first time.
func (s *segment) checkFirst(cfg Config) error {
	w := headerWalk{segment: s, limitBytes: s.sizeBytes}
	h, _, err := w.advance()
	if err == io.EOF {
		return nil
	}
	if err == nil && (h.BaseOffset < s.base || h.BaseOffset > s.base && !cfg.foreign) {
		err = &CorruptError{Path: s.path, Offset: s.base, Reason: fmt.Errorf("begins with offset %d", h.BaseOffset)}
	}
	s.firstMs = h.MaxTimestampMs
	return err
}

// cut ends the file on the device: new records may follow, and after a loss of power none of
// the old ones may stand behind them.
func (s *segment) cut(positionBytes int64) error {
	err := s.Truncate(positionBytes)
	if err == nil {
		err = s.Sync()
	}
	if err != nil {
		return fmt.Errorf("cutting %s at position %d: %w", s.path, positionBytes, err)
	}
	return nil
}
