package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
)

// fail makes the log refuse writes from now on and returns the error to give.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.note(fmt.Errorf("%w: %w", ErrLogFailed, err))
}

// note adds the log's name to an error; one that is ErrLogFailed is kept, and the
// observer told, unless the log has ended. Under mu.
func (l *Log) note(err error) error {
	err = fmt.Errorf("%s: %w", l.dir, err)
	if errors.Is(err, ErrLogFailed) && l.failed == nil {
		l.failed = err
		if !l.closed {
			l.observer.Failed(l.dir, err)
		}
	}
	return err
}

// noteFull tells of the first append that finds no room, and returns its error.
func (l *Log) noteFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) && !l.full.Swap(true) {
		l.observer.DiskFull(filepath.Dir(l.dir), err)
	}
	return err
}

func (l *Log) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// close ends a clean life: no more appends, indexes written, all forced out.
func (l *Log) close() error {
	l.refuse()
	l.flushing.mu.Lock()
	defer l.flushing.mu.Unlock()
	defer l.abandon()
	if err := errors.Join(l.active().giveBack(), l.writeHeldIndexes()); err != nil {
		return err
	}
	l.flushing.isLast = true
	if err := l.flush(false); err != nil {
		return err
	}
	active := l.active()
	if l.flushing.indexedEnd == l.end.Load() {
		return nil
	}
	if err := l.flushIndex(active); err != nil {
		return err
	}
	snapshot, err := l.writeSnapshot()
	if err != nil {
		return err
	}
	return errors.Join(l.syncIndexes(active), l.syncPath(snapshot), l.timeSync(l.dir, func() error { return l.fs.SyncDir(l.dir) }))
}

// writeHeldIndexes writes the index files that were left for the stop.
func (l *Log) writeHeldIndexes() error {
	if l.cfg.IndexFlush != IndexFlushStop {
		return nil
	}
	segments := *l.segments.Load()
	for _, seg := range segments[:max(0, len(segments)-1)] {
		if seg.indexesSynced {
			continue
		}
		if err := l.flushIndex(seg); err != nil {
			return err
		}
	}
	return nil
}

// abandon lets go of the files as they are.
func (l *Log) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	segments := *l.segments.Load()
	l.closed = true
	l.publish(nil)
	for _, seg := range segments {
		seg.Release()
	}
}
