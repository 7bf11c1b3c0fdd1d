package storage

import (
	"errors"
	"fmt"

	"c10klab/internal/commitlog"
)

// offsetUnknown is the offset of a Cut that concerns all partitions.
const offsetUnknown = -1

// layOut makes of each log dir what the layout asks for. In layout commit-log the store
// goes on over a file system whose segment files are views of the commit logs, and
// knows no other difference. It fails with ErrOtherLayout.
func (s *Store) layOut() error {
	if s.cfg.Layout != LayoutCommitLog {
		return s.refuseCommitLogs()
	}
	views := commitlog.New(s.fs)
	for _, dir := range s.dirs {
		cuts, err := views.Add(dir.path, dir.clean, s.cfg.SegmentBytes)
		if errors.Is(err, commitlog.ErrOtherLayout) {
			err = fmt.Errorf("%w: %w", ErrOtherLayout, err)
		}
		if err != nil {
			return fmt.Errorf("opening log dir %s: %w", dir.path, err)
		}
		dir.commits, dir.fs = views.Of(dir.path), views
		for _, c := range cuts {
			cut := Cut{Path: c.Path, Offset: offsetUnknown, PositionBytes: c.PositionBytes, CutBytes: c.CutBytes, Reason: c.Reason}
			s.cuts = append(s.cuts, cut)
			s.observer.Recovered(cut)
		}
	}
	s.fs, s.cfg.FS = views, views
	return nil
}

func (s *Store) refuseCommitLogs() error {
	for _, dir := range s.dirs {
		there, err := commitlog.Exists(s.fs, dir.path)
		if err == nil && there {
			err = fmt.Errorf("%w: %s has a commit log", ErrOtherLayout, dir.path)
		}
		if err != nil {
			return fmt.Errorf("opening log dir: %w", err)
		}
	}
	return nil
}
