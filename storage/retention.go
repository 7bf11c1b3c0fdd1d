package storage

import (
	"errors"
	"fmt"
	"time"
)

// retain moves the log's start behind the segments that are too old or too many,
// as in Kafka's UnifiedLog.deleteOldSegments. A segment's age is that of its latest
// timestamp; one without timestamps does not age. The active segment is rolled when
// all of it is too old; where that fails, as on a full disk, those before it go all the same,
// and make room. Nothing is removed yet.
func (l *Log) retain(now time.Time) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writable() != nil {
		return nil
	}
	if active := l.active(); l.isOld(active, now) && active.sizeBytes > 0 && l.isOld((*l.segments.Load())[0], now) {
		_, err = l.roll()
	}
	segments := *l.segments.Load()
	excess := -l.cfg.RetentionBytes
	for _, seg := range segments {
		excess += seg.sizeBytes
	}
	for i, seg := range segments[:len(segments)-1] {
		tooMuch := l.cfg.RetentionBytes > 0 && excess >= seg.sizeBytes
		if !l.isOld(seg, now) && !tooMuch {
			break
		}
		excess -= seg.sizeBytes
		l.start.Store(max(l.start.Load(), min(segments[i+1].base, l.highWatermark.Load())))
	}
	return err
}

// farInFuture is how far ahead of this machine's clock a timestamp is not believed: one in
// microseconds would keep its segment, and all behind it, for ever.
const farInFuture = 24 * time.Hour

// isOld reports whether a segment is past retention-ms. One whose latest timestamp cannot be
// believed ages from when it was rolled or found.
func (l *Log) isOld(seg *segment, now time.Time) bool {
	latest := seg.latestMs.Load()
	if latest-now.UnixMilli() > farInFuture.Milliseconds() {
		latest = seg.sealed.UnixMilli()
	}
	return l.cfg.RetentionMs > 0 && latest >= 0 && now.UnixMilli()-latest > l.cfg.RetentionMs
}

// DeleteRecords lets the log start at an offset (Kafka's DeleteRecords): what is
// below can no longer be read, and whole segments of it are removed. Regions being
// sent stay readable until they are released. It fails with *OffsetRangeError above
// the high watermark and below 0; an offset below the start changes nothing.
func (l *Log) DeleteRecords(before int64) error {
	l.mu.Lock()
	if err := l.writable(); err != nil {
		l.mu.Unlock()
		return err
	}
	start, end := l.start.Load(), l.highWatermark.Load()
	if before >= 0 && before <= end {
		l.start.Store(max(start, before))
	}
	l.mu.Unlock()
	if before < 0 || before > end {
		return &OffsetRangeError{Offset: before, Start: start, End: end}
	}
	if err := l.checkpoint(); err != nil {
		return fmt.Errorf("deleting records of %s: %w", l.dir, err)
	}
	return l.dropBelowStart()
}

// dropBelowStart removes the segments below the log's start. The start must be in
// the checkpoint: a loss of power may bring any of the files back.
func (l *Log) dropBelowStart() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	segments, n := *l.segments.Load(), 0
	for n+1 < len(segments) && segments[n+1].base <= l.start.Load() {
		n++
	}
	if n == 0 {
		return nil
	}
	dropped := l.drop(segments[:n])
	_, err := l.removeSnapshots(func(offset int64) bool { return offset < segments[n].base })
	for _, seg := range segments[:n] {
		l.observer.SegmentDeleted(seg.path, seg.sizeBytes)
	}
	return errors.Join(dropped, err)
}
