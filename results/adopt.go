package results

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"c10klab/internal/hdr"
)

// MaxReferenceBytes bounds what results/reference may hold in all.
const MaxReferenceBytes = 60 << 20

// ErrExists says that something else is stored where a run should be.
var ErrExists = errors.New("a run is stored there already")

// Adopt copies a complete run to dir as evidence, with those histograms only that
// are wanted, those series and disk samples only that figures show, and paths inside
// the run without what is above it, and seals the copy. Unless replace is set, dir must
// not exist; what was there is removed once the copy is whole.
func (r *Run) Adopt(dir string, wanted func(hdr.Key) bool, replace bool) (adopted *Run, err error) {
	if _, err := os.Stat(dir); err == nil && !replace {
		return nil, fmt.Errorf("%s: %w", dir, ErrExists)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	copied, err := os.MkdirTemp(filepath.Dir(dir), partialPrefix)
	if err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(copied))
	}()
	if err := r.copyEvidence(copied, wanted); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	if err := os.Rename(copied, dir); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	adopted, err = Open(dir)
	if err != nil {
		return nil, err
	}
	return adopted, errors.Join(adopted.WriteSummary(), adopted.Seal())
}

func (r *Run) copyEvidence(dir string, wanted func(hdr.Key) bool) error {
	files, err := r.evidenceFiles()
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, trialsDir), 0o755)); err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	info := r.Info
	info.Schema = SchemaVersion
	if err := writeJSON(filepath.Join(dir, runFile), info); err != nil {
		return err
	}
	shown := r.shownTrials()
	inside, err := r.relativePaths()
	if err != nil {
		return err
	}
	for _, file := range files {
		suffix := filepath.Ext(file)
		figures := suffix == seriesSuffix || suffix == disksSuffix
		if file == runFile || figures && !shown[strings.TrimSuffix(filepath.Base(file), suffix)] {
			continue
		}
		write := func(w io.Writer, from io.Reader) error {
			_, err := io.Copy(w, from)
			return err
		}
		switch suffix {
		case ".hlog":
			write = func(w io.Writer, from io.Reader) error { return hdr.CopyLog(w, from, wanted) }
		case ".json":
			write = func(w io.Writer, from io.Reader) error { return copyRecord(w, from, inside) }
		}
		if err := copyFile(filepath.Join(dir, file), filepath.Join(r.Dir, file), write); err != nil {
			return err
		}
	}
	return r.splitDiskSamples(dir, shown)
}

// relativePaths makes the paths of files inside the run relative to the directory that
// holds it: evidence does not tell where a machine keeps its files.
func (r *Run) relativePaths() (*strings.Replacer, error) {
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	return strings.NewReplacer(dir+string(filepath.Separator), filepath.Base(dir)+string(filepath.Separator)), nil
}

// splitDiskSamples writes the disk samples that figures show, and that the run has not in
// files of their own.
func (r *Run) splitDiskSamples(dir string, shown map[string]bool) error {
	adopted := &Run{Dir: dir}
	for _, t := range r.Trials {
		path := adopted.trialPath(t, disksSuffix)
		if _, err := os.Stat(path); err == nil || !shown[filepath.Base(adopted.trialPath(t, ""))] {
			continue
		}
		samples, err := r.DiskSamples(t)
		if err == nil && samples != nil {
			err = writeCompact(path, samples)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shownTrials are the names of the trials whose series and disk samples figures show.
func (r *Run) shownTrials() map[string]bool {
	shown := map[string]bool{}
	for _, c := range r.CellOutcomes() {
		if t, measured := r.ShownTrial(c); measured {
			shown[filepath.Base(r.trialPath(t, ""))] = true
		}
	}
	return shown
}

func copyFile(to, from string, write func(io.Writer, io.Reader) error) error {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	defer source.Close()
	return writeAtomic(to, func(w io.Writer) error { return write(w, source) })
}
