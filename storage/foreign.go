package storage

import (
	"fmt"
	"slices"
	"strings"

	"c10klab/internal/batch"
	"c10klab/internal/vfs"
)

// A foreign log is one that another program has written, Kafka. It may be compacted: offsets
// are missing between its batches and within them, and the store serves it all the same. What
// would be a loss in a log of the store's own is none there, so nothing is cut off from a foreign log but
// a torn batch at its end, as Kafka's LogLoader does.

// swapSuffix is that of files which Kafka was about to put in others' places; until it has
// done so, the log is not what it should be.
const swapSuffix = ".swap"

// checkForeign looks through what another program has written, and did not leave cleanly, before
// anything is written to any log dir: one that cannot be served is refused untouched.
// It fails with ErrUnknownFormat for batches of other versions, and with ErrCorruptSegment.
func (s *Store) checkForeign(places []partitionDir) error {
	for _, place := range places {
		if !place.foreign {
			continue
		}
		if err := s.checkForeignPartition(place); err != nil {
			return fmt.Errorf("loading %s: %w", place.path(), err)
		}
	}
	return nil
}

func (s *Store) checkForeignPartition(place partitionDir) error {
	names, err := s.fs.List(place.path())
	if err != nil {
		return fmt.Errorf("listing partition: %w", err)
	}
	if i := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, swapSuffix) }); i >= 0 {
		return fmt.Errorf("%w: %s waits to take another file's place: start Kafka on the directory once", ErrCorruptSegment, names[i])
	}
	bases, err := vfs.Numbers(s.fs, place.path(), logSuffix)
	if err != nil || place.dir.clean {
		return err
	}
	cfg := s.cfg
	cfg.foreign = true
	next := int64(0)
	for i, base := range bases {
		if base < next {
			return &CorruptError{Path: segmentPath(place.path(), base), Offset: next, Reason: fmt.Errorf("begins at offset %d, its predecessor ends at %d", base, next)}
		}
		if next, err = checkForeignSegment(place.path(), base, cfg, i+1 == len(bases)); err != nil {
			return err
		}
	}
	return nil
}

// checkForeignSegment returns the offset that follows the segment; only the last one's end may
// be damaged.
func checkForeignSegment(dir string, base int64, cfg Config, isLast bool) (next int64, err error) {
	seg, err := openSegment(dir, base, 0, cfg)
	if err != nil {
		return 0, err
	}
	defer seg.Release()
	fileBytes := seg.sizeBytes
	next, damage, err := seg.scan(cfg)
	if err == nil && damage != nil && (!isLast || seg.isSoundBehind(fileBytes)) {
		err = &CorruptError{Path: seg.path, PositionBytes: seg.sizeBytes, Offset: next, Reason: damage}
	}
	return next, err
}

// isSoundBehind reports whether a sound batch follows the one at the segment's end, which is damaged: no
// torn write leaves that.
func (s *segment) isSoundBehind(fileBytes int64) bool {
	w := headerWalk{segment: s, next: s.sizeBytes, limitBytes: fileBytes}
	if _, _, err := w.advance(); err != nil {
		return false
	}
	h, at, err := w.advance()
	if err != nil || at+int64(h.SizeBytes()) > fileBytes {
		return false
	}
	b := make([]byte, h.SizeBytes())
	if _, err := s.ReadAt(b, at); err != nil {
		return false
	}
	_, err = batch.CheckStored(b)
	return err == nil
}
