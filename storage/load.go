package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"c10klab/internal/vfs"
)

// standing is what is known of a partition before its files are read.
type standing struct {
	clean         bool  // the last stop was clean
	recoveryPoint int64 // records below it were forced to the device
	startOffset   int64 // the first record to be read, or below all there are
}

// load takes up a partition's segments or, if there are none, makes the first. It
// returns what recovery had to cut.
func (l *Log) load(known standing) ([]Cut, error) {
	if err := l.openSegments(known.startOffset); err != nil {
		return nil, err
	}
	next, cuts, err := l.takeUp(known)
	if err != nil {
		return nil, err
	}
	if next < known.startOffset {
		if err := l.startOver(known.startOffset); err != nil {
			return nil, err
		}
		next = known.startOffset
	}
	l.setStanding(known, next)
	if err := errors.Join(l.loadEpochs(), l.loadProducers(known.clean)); err != nil {
		return nil, err
	}
	for _, cut := range cuts {
		l.observer.Recovered(cut)
	}
	return cuts, nil
}

// setStanding publishes the loaded segments' offsets.
func (l *Log) setStanding(known standing, next int64) {
	segments := *l.segments.Load()
	for _, seg := range segments {
		seg.committedBytes.Store(seg.sizeBytes)
		seg.indexesSynced = known.clean
	}
	l.start.Store(max(known.startOffset, segments[0].base))
	l.end.Store(next)
	l.highWatermark.Store(next)
	if known.clean {
		l.recoveryPoint.Store(next)
		l.flushing.newestBase, l.flushing.indexedEnd = l.active().base, next
		return
	}
	l.recoveryPoint.Store(min(known.recoveryPoint, next))
	l.flushing.newestBase, l.flushing.indexedEnd = math.MinInt64, -1
	l.unsynced = append(l.unsynced, filepath.Join(l.dir, metadataFile))
}

// openSegments opens the partition's log files, a first one if there are none.
// Those that end at or below startOffset were being deleted, and are. Also after
// an error those that are open are the log's.
func (l *Log) openSegments(startOffset int64) error {
	bases, err := vfs.Numbers(l.fs, l.dir, logSuffix)
	if err != nil {
		return fmt.Errorf("listing partition: %w", err)
	}
	for len(bases) > 1 && bases[1] <= startOffset {
		if err := l.removeFiles(bases[0], byOffset.suffix, byTime.suffix, logSuffix); err != nil {
			return err
		}
		bases = bases[1:]
	}
	if len(bases) == 0 {
		return l.openInto(max(0, startOffset), os.O_CREATE|os.O_EXCL)
	}
	for _, base := range bases {
		if err := l.openInto(base, 0); err != nil {
			return err
		}
	}
	return nil
}

// openInto opens a segment as the log's last.
func (l *Log) openInto(base int64, flags int) error {
	seg, err := openSegment(l.dir, base, flags, l.cfg)
	if err != nil {
		return err
	}
	segments := *l.segments.Load()
	l.publish(append(segments[:len(segments):len(segments)], seg))
	return nil
}

// startOver leaves an empty segment at an offset and nothing else.
func (l *Log) startOver(offset int64) error {
	segments := *l.segments.Load()
	if err := l.openInto(offset, os.O_CREATE); err != nil {
		return err
	}
	return l.drop(segments)
}

// drop removes segments from the log and their files. The log's list has been, or
// is, the others.
func (l *Log) drop(segments []*segment) error {
	kept := slices.DeleteFunc(slices.Clone(*l.segments.Load()), func(seg *segment) bool { return slices.Contains(segments, seg) })
	l.publish(kept)
	var errs []error
	for _, seg := range segments {
		errs = append(errs, l.removeFiles(seg.base, byOffset.suffix, byTime.suffix, logSuffix))
		errs = append(errs, seg.Close())
	}
	return errors.Join(errs...)
}

// removeFiles removes those of a segment's files that there are; the log file, by which
// the others are found, must be the last.
func (l *Log) removeFiles(base int64, suffixes ...string) error {
	for _, suffix := range suffixes {
		err := l.fs.Remove(vfs.NumberedPath(l.dir, base, suffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing segment: %w", err)
		}
	}
	return nil
}
