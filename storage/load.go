package storage

import (
	"fmt"
	"math"
	"os"
	"slices"
)

// openLog loads a partition's segments or, if there are none, makes the first.
// clean says that the last stop was clean, so that the last segment needs no
// scan if its index is sane. cut is what a scan had to remove, or nil.
func openLog(dir string, cfg Config, observer Observer, clean bool) (*Log, *Cut, error) {
	l := &Log{dir: dir, cfg: cfg, observer: observer}
	l.publish(nil)
	if err := l.openSegments(); err != nil {
		l.abandon()
		return nil, nil, err
	}
	next, cut, err := l.takeUp(clean)
	if err != nil {
		l.abandon()
		return nil, nil, err
	}
	l.end.Store(next)
	l.highWatermark.Store(next)
	return l, cut, nil
}

// openSegments opens the partition's log files, a first one if there are none.
// Also after an error those that are open are the log's.
func (l *Log) openSegments() error {
	bases, err := segmentBases(l.dir)
	if err != nil {
		return err
	}
	flags := 0
	if len(bases) == 0 {
		bases, flags = []int64{0}, os.O_CREATE|os.O_EXCL
	}
	l.start.Store(bases[0])
	segments := make([]*segment, 0, len(bases))
	for _, base := range bases {
		seg, err := openSegment(l.dir, base, flags, l.cfg)
		if err != nil {
			return err
		}
		segments = append(segments, seg)
		l.publish(segments)
	}
	return nil
}

// takeUp loads or rebuilds the indexes and finds where the log goes on.
func (l *Log) takeUp(clean bool) (nextOffset int64, cut *Cut, err error) {
	segments := *l.segments.Load()
	last := len(segments) - 1
	for _, seg := range segments[:last] {
		if err := seg.reindex(l.cfg); err != nil {
			return 0, nil, err
		}
	}
	if nextOffset, cut, err = l.takeUpActive(segments[last], clean); err != nil {
		return 0, nil, err
	}
	for _, seg := range segments {
		seg.committedBytes.Store(seg.sizeBytes)
	}
	if cut != nil {
		l.observer.Recovered(*cut)
	}
	return nextOffset, cut, nil
}

// takeUpActive trusts the last segment after a clean stop, all of it being on
// the device then, and scans it otherwise.
func (l *Log) takeUpActive(active *segment, clean bool) (nextOffset int64, cut *Cut, err error) {
	if clean {
		if nextOffset, err = active.resume(l.cfg); err == nil {
			l.flushing.offset, l.flushing.newestBase = nextOffset, active.base
			return nextOffset, nil, nil
		}
	}
	l.flushing.newestBase = math.MinInt64
	return active.recover(l.cfg)
}

// segmentBases lists the base offsets of a partition's segments, ascending.
func segmentBases(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing partition: %w", err)
	}
	var bases []int64
	for _, entry := range entries {
		if base, ok := segmentBase(entry.Name()); ok {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	return bases, nil
}
