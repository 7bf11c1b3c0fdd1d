package results

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// What results/reference may hold, figures and pages included: in all, once every claim
// has its evidence; for each run that is stored, on average; and files of one run.
const (
	MaxReferenceBytes = 45_000_000
	MaxBytesARun      = 1_000_000
	MaxFilesOfRun     = 15
)

var ErrExists = errors.New("a run is stored there already")

// Adopt packs a complete run into dir as evidence, with paths inside the run without what
// is above it, and seals it. Unless replace is set, dir must not exist; what was there is
// removed once the evidence is whole.
func (r *Run) Adopt(dir string, kept Kept, replace bool) (adopted *Run, err error) {
	if r.packed != nil {
		return nil, fmt.Errorf("adopt %s: %w", r.Dir, ErrPacked)
	}
	if _, err := os.Stat(dir); err == nil && !replace {
		return nil, fmt.Errorf("%s: %w", dir, ErrExists)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	whole, err := os.MkdirTemp(filepath.Dir(dir), partialPrefix)
	if err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(whole))
	}()
	if err := os.Chmod(whole, 0o755); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	if err := r.pack(whole, kept); err != nil {
		return nil, err
	}
	if err := (&Run{Dir: whole, packed: &packed{}}).Seal(); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	if err := os.Rename(whole, dir); err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	return Open(dir)
}
