package storage

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/commitlog"
	"c10klab/internal/vfs"

	"golang.org/x/sys/unix"
)

const logSuffix = ".log"

// segment is one log file and its indexes. Its writer is whoever holds the log's
// append lock; readers see the bytes below committed.
type segment struct {
	vfs.Shared // the log file; references are the log's own, and one per Slice or read under way
	base       int64
	path       string
	fs         vfs.FS
	view       *commitlog.View // the log file, in layout commit-log; else nil

	preallocateBytes int64 // the knob; 0: not here
	allocatedBytes   int64 // how far the file has blocks ahead of its end; the writer's

	index, times  *index
	intervalBytes int64

	sizeBytes      int64     // written; the writer's
	unindexedBytes int64     // written since the last index entry; the writer's
	indexesSynced  bool      // the index files are complete and on the device; whoever flushes
	firstMs        int64     // latest timestamp of the first batch; the writer's
	sealed         time.Time // when it was rolled, or loaded; under Log.mu
	latestOffset   int64     // last offset of the first batch with the latest timestamp; the writer's

	latestMs       atomic.Int64 // the latest timestamp of all batches
	committedBytes atomic.Int64 // below the high watermark
}

func segmentPath(dir string, base int64) string {
	return vfs.NumberedPath(dir, base, logSuffix)
}

// openSegment opens a segment's log file without its index; flags are added to
// O_RDWR. The caller owns the one reference.
func openSegment(dir string, base int64, flags int, cfg Config) (*segment, error) {
	path := segmentPath(dir, base)
	file, err := cfg.FS.Open(path, os.O_RDWR|flags)
	if err != nil {
		return nil, fmt.Errorf("opening segment: %w", err)
	}
	size, err := file.SizeBytes()
	if err == nil && size > math.MaxInt32 {
		err = fmt.Errorf("%w: %s has %d bytes, most is %d", ErrCorruptSegment, path, size, math.MaxInt32)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("opening segment: %w", err), file.Close())
		if flags&os.O_CREATE != 0 {
			err = errors.Join(err, cfg.FS.Remove(path)) // or it could never be made again
		}
		return nil, err
	}
	s := &segment{
		base: base, path: path, fs: cfg.FS,
		intervalBytes: cfg.IndexIntervalBytes,
		sizeBytes:     size,
	}
	s.sealed = time.Now()
	s.Share(file)
	s.view, _ = file.(*commitlog.View)
	if s.Fd() >= 0 {
		s.preallocateBytes = cfg.PreallocateBytes
	}
	s.clearIndexes(cfg)
	return s, nil
}

// clearIndexes begins the indexes anew.
func (s *segment) clearIndexes(cfg Config) {
	s.index, s.times = newIndex(byOffset, indexRoom(cfg)), newIndex(byTime, timeIndexRoom(cfg))
	s.unindexedBytes, s.latestOffset, s.firstMs = 0, s.base, noTimestamp
	s.latestMs.Store(noTimestamp)
}

// indexRoom is how many index entries a segment of the configured size needs.
func indexRoom(cfg Config) int64 { return cfg.SegmentBytes/cfg.IndexIntervalBytes + 1 }

// timeIndexRoom is for as many entries by time, and the one at the segment's end.
func timeIndexRoom(cfg Config) int64 { return indexRoom(cfg) + 1 }

// beside is the path of a file that belongs to the segment.
func (s *segment) beside(suffix string) string { return strings.TrimSuffix(s.path, logSuffix) + suffix }

func (s *segment) indexPath() string     { return s.beside(byOffset.suffix) }
func (s *segment) timeIndexPath() string { return s.beside(byTime.suffix) }

// writeIndexes writes both index files. The time index ends with the segment's
// latest timestamp, as in Kafka once a segment is no longer written to.
func (s *segment) writeIndexes() error {
	s.times.add(s.latestMs.Load(), int32(s.latestOffset-s.base))
	if err := s.index.writeFile(s.fs, s.indexPath()); err != nil {
		return err
	}
	return s.times.writeFile(s.fs, s.timeIndexPath())
}

// write puts whole batches at the segment's end. On failure the segment is as
// long as before; if even that cannot be had, the error is ErrLogFailed.
func (s *segment) write(records []byte) error {
	if s.preallocateBytes > 0 {
		s.preallocate(int64(len(records)))
	}
	_, err := s.WriteAt(records, s.sizeBytes)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("appending %d bytes at position %d: %w", len(records), s.sizeBytes, err)
	if undo := s.Truncate(s.sizeBytes); undo != nil {
		return fmt.Errorf("%w: %w; taking it back: %w", ErrLogFailed, err, undo)
	}
	return err
}

// extend accounts for one batch that now lies at the segment's end.
func (s *segment) extend(h batch.Header) {
	if s.sizeBytes == 0 {
		s.firstMs = h.MaxTimestampMs
	}
	s.noteTime(h)
	if s.unindexedBytes > s.intervalBytes {
		s.index.add(h.LastOffset()-s.base, int32(s.sizeBytes))
		s.times.add(s.latestMs.Load(), int32(s.latestOffset-s.base))
		s.unindexedBytes = 0
	}
	s.sizeBytes += int64(h.SizeBytes())
	s.unindexedBytes += int64(h.SizeBytes())
}

// noteTime keeps the latest timestamp of the segment's batches.
func (s *segment) noteTime(h batch.Header) {
	if h.MaxTimestampMs > s.latestMs.Load() {
		s.latestOffset = h.LastOffset()
		s.latestMs.Store(h.MaxTimestampMs)
	}
}

// takes reports whether the segment has room for more bytes up to lastOffset:
// in size, in index entries, and in an index entry's 31 bits.
func (s *segment) takes(bytes int64, lastOffset int64, segmentBytes int64) bool {
	if lastOffset-s.base > math.MaxInt32 {
		return false
	}
	return s.sizeBytes == 0 || s.sizeBytes+bytes <= segmentBytes && !s.index.isFull(0) && !s.times.isFull(1)
}

// preallocate makes sure that the file has blocks for so many more bytes, without
// making it longer (fallocate(2) in steps, as Redpanda's segments). It is an offer: a
// file system that does not take it, or is full, is asked no more, and the write says
// what is wrong. The segment's writer calls it.
func (s *segment) preallocate(bytes int64) {
	if s.sizeBytes+bytes <= s.allocatedBytes {
		return
	}
	ahead := bytes + s.preallocateBytes
	if unix.Fallocate(s.Fd(), unix.FALLOC_FL_KEEP_SIZE, s.sizeBytes, ahead) != nil {
		s.preallocateBytes = 0
		return
	}
	s.allocatedBytes = s.sizeBytes + ahead
}

// giveBack frees the blocks behind the end. The segment's writer calls it, when it
// writes no more.
func (s *segment) giveBack() error {
	if s.allocatedBytes == 0 {
		return nil
	}
	s.allocatedBytes, s.preallocateBytes = 0, 0
	if err := s.Truncate(s.sizeBytes); err != nil {
		return fmt.Errorf("giving back what was allocated behind %s: %w", s.path, err)
	}
	return nil
}
