package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"c10klab/internal/vfs"
)

const epochFile = "leader-epoch-checkpoint"

// epochStart says from which offset on a leader epoch wrote.
type epochStart struct {
	epoch  int32
	offset int64
}

// noteEpoch writes down that an epoch begins at an offset, if it is new. Under mu.
func (l *Log) noteEpoch(epoch int32, offset int64) error {
	known := l.epochs
	if len(known) > 0 && epoch <= known[len(known)-1].epoch {
		return nil
	}
	return l.setEpochs(append(known[:len(known):len(known)], epochStart{epoch, offset}))
}

// setEpochs replaces the file, which the next flush forces out. Under mu.
func (l *Log) setEpochs(e []epochStart) error {
	lines := make([]string, len(e))
	for i, start := range e {
		lines[i] = fmt.Sprintf("%d %d", start.epoch, start.offset)
	}
	path := filepath.Join(l.dir, epochFile)
	if err := vfs.WriteFile(l.fs, path, formatCheckpoint(lines)); err != nil {
		return fmt.Errorf("writing leader epochs of %s: %w", l.dir, err)
	}
	l.epochs = e
	l.unsynced = append(l.unsynced, path)
	return nil
}

// loadEpochs reads the file, without the epochs whose records were lost. One that is
// missing or damaged is made again from the segments: each begins with the epoch of its
// first batch.
func (l *Log) loadEpochs() error {
	stored, err := readEpochs(l.fs, filepath.Join(l.dir, epochFile))
	var damage *CheckpointError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &damage) {
		for _, seg := range *l.segments.Load() {
			w := headerWalk{segment: seg, limitBytes: seg.sizeBytes}
			if h, _, err := w.advance(); err == nil {
				if err := l.noteEpoch(h.LeaderEpoch, h.BaseOffset); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading leader epochs: %w", err)
	}
	isLost := func(e epochStart) bool { return e.offset >= l.end.Load() }
	if slices.ContainsFunc(stored, isLost) {
		return l.setEpochs(slices.DeleteFunc(stored, isLost))
	}
	l.epochs = stored
	return nil
}

func readEpochs(fsys vfs.FS, path string) ([]epochStart, error) {
	lines, err := readCheckpoint(fsys, path)
	if err != nil {
		return nil, err
	}
	e := make([]epochStart, len(lines))
	for i, line := range lines {
		if n, err := fmt.Sscanf(line, "%d %d", &e[i].epoch, &e[i].offset); n != 2 || err != nil || e[i].epoch < 0 || e[i].offset < 0 {
			return nil, &CheckpointError{path, line}
		}
	}
	return e, nil
}
