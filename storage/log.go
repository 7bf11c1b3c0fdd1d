package storage

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"c10klab/internal/batch"
	"c10klab/internal/vfs"
)

// Log is one topic-partition. All methods may be called from any thread.
type Log struct {
	dir      string
	fs       vfs.FS
	cfg      Config
	observer Observer

	checkpoint func() error // writes the log dir's checkpoints
	noteRoll   func()       // asks for flushRolled
	hasRolled  atomic.Bool  // since the last flushRolled
	full       *atomic.Bool // of the log dir: an append found its disk full since retention last looked
	deleted    atomic.Bool  // with its topic; it is closed then, or will be at once

	// segments ascend by base offset; the last one is active. The slice is
	// replaced, never changed, and before a segment in it is let go.
	segments atomic.Pointer[[]*segment]

	start, end, highWatermark atomic.Int64
	recoveryPoint             atomic.Int64 // records below it are on the device (Kafka's); changed under flushing.mu

	mu        sync.Mutex // one writer at a time; readers never take it
	closed    bool
	failed    error // ErrLogFailed once set; stays
	epochs    epochs
	producers producers
	unsynced  []string // small files of the partition that the next flush forces out

	flushing syncState
}

// AppendInfo says where an append went.
type AppendInfo struct {
	BaseOffset     int64
	LastOffset     int64
	MaxTimestampMs int64
	Batches        int
	// Duplicate: an idempotent producer's batch had been appended before, to these
	// offsets, and was not again.
	Duplicate bool
}

// StartOffset is the first offset that can be read.
func (l *Log) StartOffset() int64 { return l.start.Load() }

// EndOffset is the offset that the next record will get.
func (l *Log) EndOffset() int64 { return l.end.Load() }

// HighWatermark is the offset up to which reads see the log; with a single
// replica it follows the end.
func (l *Log) HighWatermark() int64 { return l.highWatermark.Load() }

// Append adds one or more whole v2 batches, all or none, and writes their
// offsets and leaderEpoch into records, and, where records are checked, their latest timestamp. What log-flush says is then on the
// device, or the error is ErrLogFailed. Batches are checked before the
// partition's lock is taken; a bad one fails with *batch.Error, ErrBatchTooLarge or
// ErrInvalidProducer and nothing is appended. A batch of an idempotent producer comes
// alone; one that is not its next fails with ErrOutOfOrderSequence or
// ErrStaleProducerEpoch, and one that was appended before is not again. One write(2)
// then takes place under the lock and may wait for the disk. If it fails the log is as
// before, or, if that cannot be had, refuses all further writes with ErrLogFailed. It
// keeps no reference to records and does not allocate, rolling apart.
func (l *Log) Append(records []byte, leaderEpoch int32) (AppendInfo, error) {
	sum, err := inspect(records, l.cfg)
	if err != nil {
		return AppendInfo{}, fmt.Errorf("appending to %s: %w", filepath.Base(l.dir), err)
	}
	info, err := l.append(records, sum, leaderEpoch)
	if err != nil {
		return AppendInfo{}, err
	}
	return info, l.keep(info.LastOffset + 1)
}

func (l *Log) append(records []byte, sum appendSum, leaderEpoch int32) (AppendInfo, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.writable(); err != nil {
		return AppendInfo{}, err
	}
	if isIdempotent(sum.first) {
		earlier, isDuplicate, err := l.producers.check(sum.first)
		if err != nil {
			return AppendInfo{}, fmt.Errorf("appending to %s: %w", filepath.Base(l.dir), err)
		}
		if isDuplicate {
			return AppendInfo{BaseOffset: earlier.baseOffset(), LastOffset: earlier.lastOffset,
				MaxTimestampMs: earlier.timestampMs, Batches: 1, Duplicate: true}, nil
		}
	}
	base := l.end.Load()
	last := base + sum.records - 1
	seg, err := l.segmentFor(int64(len(records)), last, sum.maxTimestampMs)
	if err != nil {
		return AppendInfo{}, l.noteFull(err)
	}
	if err := l.noteEpoch(leaderEpoch, base); err != nil {
		return AppendInfo{}, err
	}
	assignOffsets(records, base, leaderEpoch)
	if err := seg.write(records); err != nil {
		return AppendInfo{}, l.note(l.noteFull(err))
	}
	batch.Walk(records, func(h batch.Header, _ []byte) error {
		seg.extend(h)
		if isIdempotent(h) {
			l.producers.note(h)
		}
		return nil
	})
	l.end.Store(last + 1)
	if !l.cfg.flush.everyRequest {
		l.advanceHighWatermark(last+1, seg)
	}
	return AppendInfo{BaseOffset: base, LastOffset: last, MaxTimestampMs: sum.maxTimestampMs, Batches: sum.batches}, nil
}

// appendSum is what an append needs to know of its batches beforehand.
type appendSum struct {
	records        int64
	batches        int
	maxTimestampMs int64
	first          batch.Header
}

func inspect(records []byte, cfg Config) (appendSum, error) {
	sum := appendSum{maxTimestampMs: math.MinInt64}
	if len(records) > math.MaxInt32 {
		return sum, fmt.Errorf("%w: %d bytes in one append, most is %d", ErrBatchTooLarge, len(records), math.MaxInt32)
	}
	tail, err := batch.Walk(records, func(h batch.Header, b []byte) error {
		if cfg.MaxBatchBytes > 0 && int64(len(b)) > cfg.MaxBatchBytes {
			return fmt.Errorf("%w: %d bytes, max-batch-bytes is %d", ErrBatchTooLarge, len(b), cfg.MaxBatchBytes)
		}
		if _, err := batch.Check(b); err != nil {
			return err
		}
		if cfg.CheckRecords {
			latestMs, err := batch.CheckRecords(b, cfg.MaxDecompressedBytes)
			if err != nil {
				return err
			}
			batch.SetMaxTimestamp(b, latestMs)
			h.MaxTimestampMs = latestMs
		}
		if isIdempotent(h) && (h.ProducerEpoch < 0 || h.BaseSequence < 0) {
			return fmt.Errorf("%w: producer %d with epoch %d and sequence %d", ErrInvalidProducer, h.ProducerID, h.ProducerEpoch, h.BaseSequence)
		}
		if sum.batches == 0 {
			sum.first = h
		} else if isIdempotent(h) || isIdempotent(sum.first) {
			return fmt.Errorf("%w: producer %d, not alone in an append", ErrInvalidProducer, max(h.ProducerID, sum.first.ProducerID))
		}
		sum.records += int64(h.RecordCount)
		sum.batches++
		sum.maxTimestampMs = max(sum.maxTimestampMs, h.MaxTimestampMs)
		return nil
	})
	if err == nil && (len(tail) > 0 || sum.batches == 0) {
		_, err = batch.Check(tail) // names what is missing
	}
	if err == nil && sum.records > math.MaxInt32 {
		err = fmt.Errorf("%w: %d records in one append, most is %d", ErrBatchTooLarge, sum.records, math.MaxInt32)
	}
	if err != nil {
		return sum, fmt.Errorf("batch %d: %w", sum.batches, err)
	}
	return sum, nil
}

func assignOffsets(records []byte, next int64, leaderEpoch int32) {
	batch.Walk(records, func(h batch.Header, b []byte) error {
		batch.AssignOffset(b, next, leaderEpoch)
		next += int64(h.RecordCount)
		return nil
	})
}

// writable fails when the log takes no more writes. Under mu.
func (l *Log) writable() error {
	if l.closed {
		return fmt.Errorf("writing to %s: %w", l.dir, l.ended())
	}
	return l.failed
}

// advanceHighWatermark shows readers the log up to an offset. The bytes come
// before the offset: a reader that sees the offset sees the bytes.
func (l *Log) advanceHighWatermark(offset int64, seg *segment) {
	seg.committedBytes.Store(seg.sizeBytes)
	l.highWatermark.Store(offset)
}

// segmentFor returns the active segment, rolled if it cannot take bytes up to
// lastOffset, or if its first batch is segment-ms older than the append. Under mu.
func (l *Log) segmentFor(bytes, lastOffset, timestampMs int64) (*segment, error) {
	active := l.active()
	isFull := !active.takes(bytes, lastOffset, l.cfg.SegmentBytes)
	isOld := l.cfg.SegmentMs > 0 && active.firstMs >= 0 && timestampMs-active.firstMs > l.cfg.SegmentMs
	if !isFull && !isOld {
		return active, nil
	}
	return l.roll()
}

func (l *Log) active() *segment {
	segments := *l.segments.Load()
	return segments[len(segments)-1]
}

// roll closes the active segment for writing and starts the next. The index is
// written first: whatever a crash leaves, only the last segment lacks one. So is what
// is known of producers, for a recovery that begins with the new segment. Under mu.
func (l *Log) roll() (*segment, error) {
	began := time.Now()
	err := l.active().giveBack()
	if err == nil && l.cfg.IndexFlush != IndexFlushStop {
		err = l.flushIndex(l.active())
	}
	if err == nil {
		_, err = l.writeSnapshot()
	}
	var seg *segment
	if err == nil {
		seg, err = openSegment(l.dir, l.end.Load(), os.O_CREATE|os.O_EXCL, l.cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("rolling %s: %w", l.dir, err)
	}
	old := *l.segments.Load()
	old[len(old)-1].sealed = began
	l.publish(append(old[:len(old):len(old)], seg))
	l.hasRolled.Store(true)
	l.noteRoll()
	l.observer.SegmentRolled(l.dir, seg.base, time.Since(began))
	return seg, nil
}

func (l *Log) publish(segments []*segment) { l.segments.Store(&segments) }

func (l *Log) flushIndex(seg *segment) error {
	began := time.Now()
	if err := seg.writeIndexes(); err != nil {
		return err
	}
	l.observer.IndexFlushed(seg.indexPath(), time.Since(began))
	return nil
}
