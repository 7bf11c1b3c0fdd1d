package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// sync forces the segments out, and for new ones the directories above them.
func (l *Log) sync(work dirty) error {
	newest := l.flushing.newestBase
	for _, seg := range work.segments {
		if err := l.timeSync(seg.path, seg.Sync); err != nil {
			return err
		}
		if seg.indexesDue {
			if err := l.syncIndexes(seg.segment); err != nil {
				return err
			}
		}
		newest = max(newest, seg.base)
	}
	for _, path := range work.files {
		if err := l.syncPath(path); err != nil {
			return err
		}
	}
	if newest == l.flushing.newestBase && len(work.files) == 0 {
		return nil
	}
	for _, dir := range []string{l.dir, filepath.Dir(l.dir)} {
		if err := l.timeSync(dir, func() error { return l.fs.SyncDir(dir) }); err != nil {
			return err
		}
	}
	l.flushing.newestBase = newest
	return nil
}

// syncIndexes forces a segment's index files out. They are gone when the segment was
// deleted meanwhile.
func (l *Log) syncIndexes(seg *segment) error {
	err := errors.Join(l.syncPath(seg.indexPath()), l.syncPath(seg.timeIndexPath()))
	if errors.Is(err, fs.ErrNotExist) && !slices.Contains(*l.segments.Load(), seg) {
		return nil
	}
	seg.indexesSynced = err == nil
	return err
}

// syncPath forces out a file that is not open.
func (l *Log) syncPath(path string) error {
	return l.timeSync(path, func() error {
		f, err := l.fs.Open(path, os.O_RDWR)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// timeSync forces out what the path names and tells the observer.
func (l *Log) timeSync(path string, sync func() error) error {
	began := time.Now()
	if err := sync(); err != nil {
		return fmt.Errorf("flushing: %w", err)
	}
	l.observer.Fsynced(path, time.Since(began))
	return nil
}
