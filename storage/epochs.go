package storage

import (
	"fmt"
	"path/filepath"

	"c10klab/internal/vfs"
)

const epochFile = "leader-epoch-checkpoint"

// epochs says from which offset on each leader epoch wrote, ascending in both
// (Kafka's LeaderEpochFileCache). Under Log.mu.
type epochs []epochStart

type epochStart struct {
	epoch  int32
	offset int64
}

func (e epochs) latest() int32 {
	if len(e) == 0 {
		return -1
	}
	return e[len(e)-1].epoch
}

// noteEpoch writes down that an epoch begins at an offset, if it is new. Under mu.
func (l *Log) noteEpoch(epoch int32, offset int64) error {
	if epoch <= l.epochs.latest() {
		return nil
	}
	return l.setEpochs(append(l.epochs[:len(l.epochs):len(l.epochs)], epochStart{epoch, offset}))
}

// setEpochs replaces the file, which the next flush forces out. Under mu.
func (l *Log) setEpochs(e epochs) error {
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

// loadEpochs reads the file. One that is missing or damaged is made again from the
// segments: each begins with the epoch of its first batch.
func (l *Log) loadEpochs() error {
	found, err := readEpochs(l.fs, filepath.Join(l.dir, epochFile))
	switch {
	case isMissingOrDamaged(err):
		return l.rebuildEpochs()
	case err != nil:
		return fmt.Errorf("reading leader epochs: %w", err)
	}
	l.epochs = found
	return l.trimEpochs()
}

// trimEpochs forgets the epochs that wrote nothing below the log's end.
func (l *Log) trimEpochs() error {
	kept := l.epochs
	for len(kept) > 0 && kept[len(kept)-1].offset >= l.end.Load() {
		kept = kept[:len(kept)-1]
	}
	if len(kept) < len(l.epochs) {
		return l.setEpochs(kept)
	}
	return nil
}

func (l *Log) rebuildEpochs() error {
	var e epochs
	for _, seg := range *l.segments.Load() {
		w := headerWalk{segment: seg, limitBytes: seg.sizeBytes}
		if h, _, err := w.advance(); err == nil && h.LeaderEpoch > e.latest() {
			e = append(e, epochStart{h.LeaderEpoch, h.BaseOffset})
		}
	}
	if len(e) == 0 {
		return nil
	}
	return l.setEpochs(e)
}

func readEpochs(fsys vfs.FS, path string) (epochs, error) {
	lines, err := readCheckpoint(fsys, path)
	if err != nil {
		return nil, err
	}
	e := make(epochs, len(lines))
	for i, line := range lines {
		if n, err := fmt.Sscanf(line, "%d %d", &e[i].epoch, &e[i].offset); n != 2 || err != nil || e[i].epoch < 0 || e[i].offset < 0 {
			return nil, errDamagedCheckpoint
		}
	}
	return e, nil
}
