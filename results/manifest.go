package results

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	manifestFile = "manifest.sha256"
	hashLine     = "%s  %s\n" // as sha256sum(1) has it
)

var (
	// ErrNoManifest says that a run has no hashes to be checked against, since it was
	// interrupted.
	ErrNoManifest = errors.New("the run has no " + manifestFile)
	// ErrOlderSchema says, with ErrNoManifest, that the version which wrote the run made none.
	ErrOlderSchema = errors.New("the run was written by an older version, which made no " + manifestFile)
	ErrChanged     = errors.New("the file was changed after the run")
	ErrUnlisted    = errors.New("the file is not in the manifest")
)

// Seal writes the manifest: the SHA-256 of every file that is evidence. Figures and
// the summary are derived and left out.
func (r *Run) Seal() error {
	files, err := r.evidenceFiles()
	if err != nil {
		return err
	}
	return writeAtomic(filepath.Join(r.Dir, manifestFile), func(w io.Writer) error { return writeManifest(w, r.Dir, files) })
}

// writeManifest writes what sha256sum(1) does of the files.
func writeManifest(w io.Writer, dir string, files []string) error {
	for _, file := range files {
		sum, err := HashFile(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, hashLine, sum, filepath.ToSlash(file)); err != nil {
			return err
		}
	}
	return nil
}

// OpenChecked opens a run as Open does, and refuses one whose files are not those of its
// manifest, as CheckManifest does. A run that is not complete has none.
func OpenChecked(dir string) (*Run, error) {
	run, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if err := run.CheckManifest(); err != nil && !errors.Is(err, ErrNoManifest) {
		return nil, err
	}
	return run, nil
}

// CheckManifest compares the run's files with its manifest. Its errors wrap
// ErrNoManifest, ErrChanged, ErrUnlisted, ErrGarbled or ErrMissing, and name the
// file.
func (r *Run) CheckManifest() error {
	listed, err := r.readManifest()
	if err != nil {
		return err
	}
	files, err := r.evidenceFiles()
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := checkHash(filepath.Join(r.Dir, file), listed[filepath.ToSlash(file)]); err != nil {
			return err
		}
		delete(listed, filepath.ToSlash(file))
	}
	if len(listed) > 0 {
		return fmt.Errorf("%s: %w", filepath.Join(r.Dir, slices.Min(slices.Collect(maps.Keys(listed)))), ErrMissing)
	}
	return nil
}

// checkHash compares a file with its hash in the manifest; empty: it is not there.
func checkHash(path, want string) error {
	if want == "" {
		return fmt.Errorf("%s: %w", path, ErrUnlisted)
	}
	got, err := HashFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	} else if err == nil && got != want {
		err = fmt.Errorf("%s: %w: its SHA-256 is %s, the manifest's %s", path, ErrChanged, got, want)
	}
	return err
}

func (r *Run) readManifest() (map[string]string, error) {
	listed, err := readHashes(r.Dir)
	if errors.Is(err, ErrNoManifest) && r.Info.Schema < manifestSchema {
		return nil, fmt.Errorf("%s: %w (schema %d): %w", filepath.Join(r.Dir, runFile), ErrOlderSchema, r.Info.Schema, ErrNoManifest)
	}
	return listed, err
}

// readHashes are those of a directory's manifest, by file.
func readHashes(dir string) (map[string]string, error) {
	path := filepath.Join(dir, manifestFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoManifest)
	} else if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		sum, file, found := strings.Cut(line, "  ")
		if !found || len(sum) != 2*sha256.Size {
			return nil, fmt.Errorf("%s: line %q: %w", path, line, ErrGarbled)
		}
		listed[file] = sum
	}
	return listed, nil
}

// evidenceFiles lists run.json and what is in trials, relative to the run; of a packed
// run its own files and whatever else looks like one.
func (r *Run) evidenceFiles() ([]string, error) {
	if r.packed != nil {
		files, err := FilesIn(r.Dir, "*.gz")
		for i, file := range files {
			files[i] = filepath.Base(file)
		}
		files = append(files, packedFiles...)
		slices.Sort(files)
		return slices.Compact(files), err
	}
	files := []string{runFile}
	entries, err := os.ReadDir(filepath.Join(r.Dir, trialsDir))
	if err != nil {
		return nil, fmt.Errorf("list trials: %w", err)
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), partialPrefix) {
			files = append(files, filepath.Join(trialsDir, entry.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}

// HashFile is the SHA-256 of a file in hexadecimal.
func HashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
