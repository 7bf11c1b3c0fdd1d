package storage

import (
	"errors"
	"fmt"
	"math"
)

// takeUp goes through the segments, whose offsets must follow each other, without a
// gap unless the log is foreign, and finds where the log goes on. Segments on the device as a whole are
// taken up by their indexes; others are scanned, and the log is cut at the first
// damage: what follows it in the same and in later segments goes, as in Kafka's
// LogLoader. Damage or a gap where everything was forced to the device, or after a
// clean stop, is ErrCorruptSegment, but for a damaged end of the last segment,
// which is always cut.
func (l *Log) takeUp(known standing) (next int64, cuts []Cut, err error) {
	segments := *l.segments.Load()
	next = segments[0].base
	for i, seg := range segments {
		end, isLast := int64(math.MaxInt64), i+1 == len(segments)
		if !isLast {
			end = segments[i+1].base
		}
		if seg.base < next || seg.base > next && !l.cfg.foreign {
			return l.cutGap(known, i, next)
		}
		var cut *Cut
		if known.clean || end <= known.recoveryPoint {
			next, cut, err = seg.takeUpWhole(l.cfg, known.clean, isLast)
		} else if next, cut, err = seg.recover(l.cfg); err == nil && cut == nil && !isLast {
			err = seg.writeIndexes()
		}
		if err != nil {
			return 0, nil, err
		}
		if cut != nil {
			return next, append([]Cut{*cut}, cutsOf(segments[i+1:], "follows a damaged segment")...), l.cutAfter(i)
		}
	}
	return next, nil, nil
}

// cutGap deals with a segment that does not begin where its predecessor ends.
func (l *Log) cutGap(known standing, i int, next int64) (int64, []Cut, error) {
	segments := *l.segments.Load()
	seg := segments[i]
	reason := fmt.Sprintf("begins at offset %d, its predecessor ends at %d", seg.base, next)
	if known.clean || seg.base <= known.recoveryPoint {
		return 0, nil, &CorruptError{Path: seg.path, Offset: next, Reason: errors.New(reason)}
	}
	return next, cutsOf(segments[i:], reason), l.cutAfter(i - 1)
}

// cutsOf reports whole segments as cut.
func cutsOf(segments []*segment, reason string) (cuts []Cut) {
	for _, seg := range segments {
		cuts = append(cuts, Cut{Path: seg.path, Offset: seg.base, CutBytes: seg.sizeBytes, Reason: reason})
	}
	return cuts
}

// cutAfter removes the segments behind the i-th, and the indexes of that one, which
// may name what is no longer there; the directory is forced out, so that no loss of
// power brings them back.
func (l *Log) cutAfter(i int) error {
	segments := *l.segments.Load()
	if err := l.drop(segments[i+1:]); err != nil {
		return err
	}
	if err := l.removeFiles(segments[i].base, byOffset.suffix, byTime.suffix); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}
