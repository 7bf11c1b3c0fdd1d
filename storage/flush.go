package storage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

// syncState is how much of a log, beside its records below the recovery point, is known
// to be on the device.
type syncState struct {
	mu         sync.Mutex // one flush at a time; taken before Log.mu
	newestBase int64      // segments up to this one have their directory entry there
	isLast     bool       // the flush is that of a clean stop: all indexes are written
	indexedEnd int64      // the log's end when the active segment's indexes were; −1: never
}

// dirty is what a flush has to force out.
type dirty struct {
	segments []dirtySegment
	files    []string // small ones beside the segments
	end      int64    // the log's end that the flush covers
}

// dirtySegment is a segment with a reference, and what of it a flush covers.
type dirtySegment struct {
	*segment
	coveredBytes int64
	indexesDue   bool // its index files are complete and not known to be on the device
}

// Flush forces all records appended before the call to the device (fsync(2)),
// with the directory entries that lead to them. Appends go on meanwhile. After
// a failure the kernel may have dropped what it could not write: the log refuses
// all further writes with ErrLogFailed.
func (l *Log) Flush() error {
	l.mu.Lock()
	err := l.writable()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	l.flushing.mu.Lock()
	defer l.flushing.mu.Unlock()
	return l.flush(false)
}

// flushRolled forces out the segments that are no longer written to, if there are new
// ones.
func (l *Log) flushRolled() error {
	if !l.hasRolled.Swap(false) {
		return nil
	}
	l.flushing.mu.Lock()
	defer l.flushing.mu.Unlock()
	return l.flush(true)
}

// flushTo returns once all records below an offset are on the device. Those who
// wait for a flush under way are all served by the next: Kafka has no such group
// commit, databases do.
func (l *Log) flushTo(offset int64) error {
	l.flushing.mu.Lock()
	defer l.flushing.mu.Unlock()
	if l.recoveryPoint.Load() >= offset {
		return nil
	}
	return l.flush(false)
}

// keep does what the flush policy asks for after an append up to end.
func (l *Log) keep(end int64) error {
	switch policy := l.cfg.flush; {
	case policy.everyRequest:
		return l.flushTo(end)
	case policy.messages > 0:
		return l.flushTo(end - policy.messages + 1)
	}
	return nil
}

// flush is Flush, or flushRolled, also on a log that is closed for appends. Under
// flushing.mu.
func (l *Log) flush(sealedOnly bool) error {
	work, err := l.takeDirty(sealedOnly)
	if err != nil {
		return err
	}
	err = l.sync(work)
	for _, seg := range work.segments {
		seg.Release()
	}
	if err != nil {
		return l.fail(err)
	}
	l.recoveryPoint.Store(max(work.end, l.recoveryPoint.Load()))
	if l.cfg.flush.everyRequest {
		l.commit(work)
	}
	return nil
}

func (l *Log) takeDirty(sealedOnly bool) (work dirty, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return work, l.failed
	}
	work.end = l.end.Load()
	segments := *l.segments.Load()
	if len(segments) == 0 {
		return work, fmt.Errorf("flushing %s: %w", l.dir, l.ended())
	}
	last := len(segments) - 1
	if sealedOnly {
		work.end = segments[last].base
		last--
	}
	for i, seg := range segments[:last+1] {
		segmentEnd, sealed := work.end, i+1 < len(segments)
		if sealed {
			segmentEnd = segments[i+1].base
		}
		indexesDue := sealed && !seg.indexesSynced && (l.flushing.isLast || l.cfg.IndexFlush != IndexFlushStop)
		isDirty := segmentEnd > l.recoveryPoint.Load() || seg.base > l.flushing.newestBase || indexesDue
		if isDirty && seg.Acquire() {
			work.segments = append(work.segments, dirtySegment{seg, seg.sizeBytes, indexesDue})
		}
	}
	work.files, l.unsynced = l.unsynced, nil
	return work, nil
}

// commit shows readers what a flush has forced out, where they see nothing else.
func (l *Log) commit(work dirty) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, seg := range work.segments {
		seg.committedBytes.Store(seg.coveredBytes)
	}
	l.highWatermark.Store(max(work.end, l.highWatermark.Load()))
}

// flushPolicy says when records are forced to the device.
type flushPolicy struct {
	everyRequest bool          // before an append returns
	messages     int64         // 0: never by number
	interval     time.Duration // 0: never by time
}

// parseFlushPolicy reads the knob log-flush. It fails with ErrInvalidFlush.
func parseFlushPolicy(text string) (p flushPolicy, err error) {
	kind, value, valued := strings.Cut(text, ":")
	switch {
	case text == "" || text == "none":
	case text == "request":
		p.everyRequest = true
	case kind == "messages" && valued:
		p.messages, err = strconv.ParseInt(value, 10, 64)
		if err == nil && (p.messages < 1 || p.messages > math.MaxInt32) {
			err = strconv.ErrRange
		}
	case kind == "interval" && valued:
		p.interval, err = time.ParseDuration(value)
		if err == nil && p.interval < time.Millisecond {
			err = strconv.ErrRange
		}
	default:
		err = strconv.ErrSyntax
	}
	if err != nil {
		return flushPolicy{}, fmt.Errorf("%w: %q: want none, request, messages:N with N from 1, or interval:T with T from 1ms", ErrInvalidFlush, text)
	}
	return p, nil
}
