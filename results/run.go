package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

var (
	ErrNoRun       = errors.New("no run is stored here")
	ErrNotEmpty    = errors.New("the directory is not empty")
	ErrGarbled     = errors.New("the file is damaged or was edited")
	ErrMissing     = errors.New("a file of the run is missing")
	ErrNewerSchema = errors.New("the run was written by a newer version")
	ErrInUse       = errors.New("another process is writing this run")
)

// Run is a run directory. One goroutine at a time may use it.
type Run struct {
	Dir    string
	Info   Info
	Trials []record.Trial // in the order they started

	lock    *os.File                          // of who writes it; nil: it is only read
	digests map[string]map[hdr.Key]hdr.Digest // of trials, once Digests has read them
	packed  *packed                           // nil: each trial has files of its own
}

// Open reads a run, finished or not. Its errors wrap ErrNoRun, ErrGarbled, ErrMissing or
// ErrNewerSchema where they apply and name the file; Advised says what to do about them.
func Open(dir string) (*Run, error) {
	r := &Run{Dir: dir}
	path := filepath.Join(dir, runFile)
	if err := readJSON(path, &r.Info); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w (%s is missing)", dir, ErrNoRun, runFile)
	} else if err != nil {
		return nil, err
	}
	switch {
	case r.Info.Schema > SchemaVersion:
		return nil, fmt.Errorf("open %s: %w (schema %d, this program reads up to %d)", path, ErrNewerSchema, r.Info.Schema, SchemaVersion)
	case r.Info.Packed > PackedVersion:
		return nil, fmt.Errorf("open %s: %w (packed form %d, this program reads up to %d)", path, ErrNewerSchema, r.Info.Packed, PackedVersion)
	case r.Info.Schema < 1:
		return nil, fmt.Errorf("open %s: schema %d: %w", path, r.Info.Schema, ErrGarbled)
	}
	read := r.openRaw
	if r.Info.Packed > 0 {
		read = r.openPacked
	}
	if err := read(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.Trials, func(a, b record.Trial) int { return a.Started.Compare(b.Started) })
	return r, nil
}

// FilesIn lists the files beneath a directory that match a pattern (fs.Glob), sorted, with
// the directory, whose own name may have any characters.
func FilesIn(dir, pattern string) ([]string, error) {
	files, err := fs.Glob(os.DirFS(dir), pattern)
	for i, file := range files {
		files[i] = filepath.Join(dir, file)
	}
	return files, err
}

func (r *Run) openRaw() error {
	trials := filepath.Join(r.Dir, trialsDir)
	if _, err := os.Stat(trials); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open %s: %w", trials, ErrMissing)
	}
	files, err := FilesIn(trials, "*.json")
	if err != nil {
		return fmt.Errorf("open %s: %w", r.Dir, err)
	}
	return r.readTrials(len(files), func(i int) error { return r.readTrial(files[i], &r.Trials[i]) })
}

// readTrials calls read for each of n trials, several at once.
func (r *Run) readTrials(n int, read func(i int) error) error {
	r.Trials = make([]record.Trial, n)
	var common shared
	return inParallel(n, func(i int) error {
		err := read(i)
		common.trial(&r.Trials[i])
		return err
	})
}

func (r *Run) readTrial(file string, t *record.Trial) error {
	if err := readJSON(file, t); err != nil {
		return err
	}
	if err := t.Plausible(); err != nil {
		return fmt.Errorf("%s: %w: %w", file, err, ErrGarbled)
	}
	if named := r.trialPath(*t, ".json"); filepath.Base(file) != filepath.Base(named) {
		return fmt.Errorf("%s: the trial in it belongs into %s: %w", file, filepath.Base(named), ErrGarbled)
	}
	detachDiskSamples(t) // of schema 2
	return nil
}

// Commit stores a trial for good and adds it to the run.
func (r *Run) Commit(t record.Trial) error {
	if t.Measured() {
		m := *t.Measurement // the caller's stays whole
		bundle, series := m.Histograms, m.OverTime
		m.Histograms, m.OverTime = nil, nil
		t.Measurement, t.OutOfRange, t.Clusters, t.Series = &m, outOfRange(bundle), record.Clusters(bundle, series), record.SeriesNames(series)
		start := time.UnixMilli(m.WindowStartUnixMs)
		end := start.Add(time.Duration(m.WindowNs))
		err := writeAtomic(r.trialPath(t, ".hlog"), func(w io.Writer) error { return bundle.WriteLog(w, start, end) })
		if err == nil && len(series) > 0 {
			err = writeJSON(r.trialPath(t, seriesSuffix), series, "")
		}
		if err != nil {
			return err
		}
	}
	if samples := detachDiskSamples(&t); samples != nil {
		if err := writeJSON(r.trialPath(t, disksSuffix), samples, ""); err != nil {
			return err
		}
	}
	if err := writeJSON(r.trialPath(t, ".json"), t, ""); err != nil {
		return err
	}
	r.Trials = append(r.Trials, t)
	return nil
}

func (r *Run) Attempts(cell string, block int) []record.Trial {
	return slices.DeleteFunc(slices.Clone(r.Trials), func(t record.Trial) bool { return t.Cell != cell || t.Block != block })
}

func (r *Run) openHistograms(t record.Trial) (*os.File, error) {
	f, err := os.Open(r.trialPath(t, ".hlog"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	} else if err != nil {
		return nil, fmt.Errorf("histograms of a trial: %w", err)
	}
	return f, nil
}

// Window is the time from the first window's start to the last one's end; zero if
// nothing was measured.
func (r *Run) Window() (start, end time.Time) {
	for _, t := range r.Trials {
		if !t.Measured() {
			continue
		}
		from := time.UnixMilli(t.Measurement.WindowStartUnixMs)
		to := from.Add(time.Duration(t.Measurement.WindowNs))
		if start.IsZero() || from.Before(start) {
			start = from
		}
		if to.After(end) {
			end = to
		}
	}
	return start, end
}

func (r *Run) WriteSummary() error {
	cells, err := r.Cells(nil, nil)
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(r.Dir, summaryFile), NewDocument(r.Dir, cells), " ")
}

// writeJSON writes what is written often and holds long lists without an indent.
func writeJSON(path string, value any, indent string) error {
	return writeAtomic(path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", indent)
		return encoder.Encode(value)
	})
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read run: %w", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w: %w", path, ErrGarbled, err)
	}
	return nil
}

// outOfRange counts by STAGE/API the durations that histograms could not hold; nil: none.
func outOfRange(bundle hdr.Bundle) (counts map[string]int64) {
	for key, h := range bundle {
		if n := h.OutOfRange(); n > 0 {
			if counts == nil {
				counts = map[string]int64{}
			}
			counts[key.String()] = n
		}
	}
	return counts
}

// advice is what to do about a stored run that is not as it should be.
var advice = []struct {
	about error
	text  string
}{
	{ErrNoRun, "name a directory that has a run.json; c10klab run --out DIR makes one"},
	{ErrNewerSchema, "read it with the version that wrote it, whose revision run.json names, or with a newer one"},
	{ErrOlderSchema, "compare, report and export read it as it is; evidence has to be measured anew"},
	{ErrPacked, "measure anew into a directory of its own, and c10klab adopt --replace puts that in its place"},
	{ErrNoManifest, "c10klab run --resume --out DIR completes an interrupted run"},
	{ErrUnlisted, "move it away: evidence is what the run wrote"},
	{ErrChanged, "restore it from a copy or by git; sha256sum -c manifest.sha256 lists all files that differ"},
	{ErrMissing, restore},
	{ErrGarbled, restore},
}

const restore = "restore it from a copy or by git, or, if it is a trial's, remove all files of that trial and measure it again by c10klab run --resume --out DIR"

// Advised is an error's text and what to do about it, where this package knows.
func Advised(err error) string {
	for _, a := range advice {
		if errors.Is(err, a.about) {
			return err.Error() + "; " + a.text
		}
	}
	return err.Error()
}
