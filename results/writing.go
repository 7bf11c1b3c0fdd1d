package results

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Create starts a run in dir, which must be absent or empty but for what a run
// leaves that was killed before it began. The caller closes it.
func Create(dir string, info Info) (*Run, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	info.Schema = SchemaVersion
	r := &Run{Dir: dir, Info: info, lock: lock}
	if err := r.begin(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Run) begin() error {
	if err := r.removePartial(); err != nil {
		return err
	}
	trials := filepath.Join(r.Dir, trialsDir)
	if err := os.Remove(trials); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
		return fmt.Errorf("create run directory: %w", err)
	}
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return fmt.Errorf("create run directory: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("create run in %s: %w", r.Dir, ErrNotEmpty)
	}
	if err := os.Mkdir(trials, 0o755); err != nil {
		return fmt.Errorf("create run directory: %w", err)
	}
	return writeJSON(filepath.Join(r.Dir, runFile), r.Info, " ")
}

// Resume opens an interrupted run to write on, and enters in it that it was
// resumed. What the interruption left half-written is removed; the caller closes
// the run. It fails as Open does, and with ErrInUse.
func Resume(dir string, as Resumption) (*Run, error) {
	lock, err := lockDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("resume %s: %w", dir, ErrNoRun)
	} else if err != nil {
		return nil, err
	}
	r, err := Open(dir)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	r.lock = lock
	if r.packed != nil {
		return nil, errors.Join(fmt.Errorf("resume %s: %w", dir, ErrPacked), r.Close())
	}
	if err := r.removePartial(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := os.Remove(filepath.Join(dir, manifestFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("resume: %w", err), r.Close())
	}
	r.Info.Schema = SchemaVersion
	r.Info.Resumed = append(r.Info.Resumed, as)
	if err := writeJSON(filepath.Join(dir, runFile), r.Info, " "); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	lock := r.lock
	r.lock = nil
	return lock.Close()
}

// lockDir keeps two runners off one directory; the kernel frees it with the
// process (flock(2)).
func lockDir(dir string) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("lock run directory: %w", err)
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), d.Close())
	}
	return d, nil
}

func (r *Run) removePartial() error {
	for _, dir := range []string{r.Dir, filepath.Join(r.Dir, trialsDir)} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("look for half-written files: %w", err)
		}
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), partialPrefix) {
				continue
			}
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return fmt.Errorf("remove a half-written file: %w", err)
			}
		}
	}
	return nil
}
