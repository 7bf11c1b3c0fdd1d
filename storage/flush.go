package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// syncState is how much of a log is known to be on the device.
type syncState struct {
	mu         sync.Mutex // one Flush at a time; taken before Log.mu
	offset     int64      // records below it are
	newestBase int64      // segments up to this one have their directory entry there
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
	return l.flush()
}

// flush is Flush on a log that may have been closed for appends already.
func (l *Log) flush() error {
	l.flushing.mu.Lock()
	defer l.flushing.mu.Unlock()
	dirty, end, err := l.dirtySegments()
	if err != nil {
		return err
	}
	err = l.sync(dirty)
	for _, seg := range dirty {
		seg.release()
	}
	if err != nil {
		return l.fail(err)
	}
	l.flushing.offset = end
	return nil
}

// dirtySegments returns, with a reference each, the segments not wholly forced
// out, and the log's end that forcing them covers.
func (l *Log) dirtySegments() (dirty []*segment, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return nil, 0, l.failed
	}
	end = l.end.Load()
	segments := *l.segments.Load()
	for i, seg := range segments {
		segmentEnd := end
		if i+1 < len(segments) {
			segmentEnd = segments[i+1].base
		}
		if (segmentEnd > l.flushing.offset || seg.base > l.flushing.newestBase) && seg.acquire() {
			dirty = append(dirty, seg)
		}
	}
	return dirty, end, nil
}

// sync forces the segments out, and for new ones the directories above them.
func (l *Log) sync(dirty []*segment) error {
	newest := l.flushing.newestBase
	for _, seg := range dirty {
		if err := l.fsync(seg.file); err != nil {
			return err
		}
		newest = max(newest, seg.base)
	}
	if newest > l.flushing.newestBase {
		for _, dir := range []string{l.dir, filepath.Dir(l.dir)} {
			if err := l.fsyncDir(dir); err != nil {
				return err
			}
		}
		l.flushing.newestBase = newest
	}
	return nil
}

func (l *Log) fsyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening directory to flush it: %w", err)
	}
	return errors.Join(l.fsync(dir), dir.Close())
}

func (l *Log) fsync(file *os.File) error {
	began := time.Now()
	if err := file.Sync(); err != nil {
		return fmt.Errorf("flushing: %w", err)
	}
	l.observer.Fsynced(file.Name(), time.Since(began))
	return nil
}

// fail makes the log refuse writes from now on and returns the error to give.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.note(fmt.Errorf("%w: %w", ErrLogFailed, err))
}

// note adds the log's name to an error and keeps it if it is ErrLogFailed. Under mu.
func (l *Log) note(err error) error {
	err = fmt.Errorf("%s: %w", l.dir, err)
	if errors.Is(err, ErrLogFailed) && l.failed == nil {
		l.failed = err
	}
	return err
}

// close ends a clean life: no more appends, records forced out, index written.
func (l *Log) close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	err := l.flush()
	if err == nil {
		err = l.flushIndex(l.active())
	}
	l.abandon()
	return err
}

// abandon lets go of the files as they are.
func (l *Log) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	segments := *l.segments.Load()
	l.closed = true
	l.publish(nil)
	for _, seg := range segments {
		seg.release()
	}
}
