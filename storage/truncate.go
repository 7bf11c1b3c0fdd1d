package storage

import "fmt"

// TruncateTo removes all records from an offset on, as a follower does whose leader
// has others (Kafka's UnifiedLog.truncateTo); a batch that contains the offset goes
// as a whole. At or behind the end nothing happens. It fails with *OffsetRangeError
// below the log's start. A read under way of what is removed may fail, and a region
// being sent ends early. After a failure half way the log refuses all further
// writes with ErrLogFailed.
func (l *Log) TruncateTo(offset int64) error {
	l.flushing.mu.Lock()
	defer l.flushing.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.writable(); err != nil {
		return err
	}
	start, end := l.start.Load(), l.end.Load()
	if offset < start {
		return &OffsetRangeError{Offset: offset, Start: start, End: end}
	}
	if offset >= end {
		return nil
	}
	if err := l.truncate(offset); err != nil {
		return l.note(fmt.Errorf("%w: truncating to offset %d: %w", ErrLogFailed, offset, err))
	}
	return nil
}

// truncate makes the recovery point go back first: nothing above it may be taken
// for what is on the device. Under mu and flushing.mu.
func (l *Log) truncate(offset int64) error {
	segments := *l.segments.Load()
	i := len(segments) - 1
	for segments[i].base > offset {
		i--
	}
	old := segments[i]
	w := headerWalk{segment: old, next: old.index.lookup(offset - old.base), limitBytes: old.sizeBytes}
	h, at, err := w.seek(offset)
	if err != nil {
		return err
	}
	next := h.BaseOffset
	l.setEnd(old, at, next)
	if err := l.checkpoint(); err != nil {
		return err
	}
	if err := old.cut(at); err != nil {
		return err
	}
	seg, err := openSegment(l.dir, old.base, 0, l.cfg)
	if err != nil {
		return err
	}
	if _, _, err := seg.recover(l.cfg); err != nil {
		seg.Release()
		return err
	}
	seg.committedBytes.Store(seg.sizeBytes)
	l.publish(append(segments[:i:i], seg))
	old.Release()
	for _, above := range segments[i+1:] {
		if err := l.removeFiles(above.base, byOffset.suffix, byTime.suffix, logSuffix); err != nil {
			return err
		}
		above.Release()
	}
	return l.forgetFrom(seg, next)
}

// setEnd lets the log end earlier, for readers first.
func (l *Log) setEnd(seg *segment, bytes, next int64) {
	l.highWatermark.Store(min(next, l.highWatermark.Load()))
	seg.committedBytes.Store(min(bytes, seg.committedBytes.Load()))
	l.end.Store(next)
	l.flushing.newestBase = min(seg.base, l.flushing.newestBase)
	l.flushing.indexedEnd = -1
	l.recoveryPoint.Store(min(next, l.recoveryPoint.Load()))
}

// forgetFrom removes what is known of records from the log's new end on.
func (l *Log) forgetFrom(active *segment, next int64) error {
	if err := l.removeFiles(active.base, byOffset.suffix, byTime.suffix); err != nil {
		return err
	}
	if err := l.trimEpochs(); err != nil {
		return err
	}
	if err := l.loadProducers(false); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}
