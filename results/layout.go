// Package results is what a run leaves behind: one directory of plain files.
//
//	run.json                     what was run, where, from which source
//	trials/BLOCK-CELL.json       one trial: knobs, outcome, measurement or error
//	trials/BLOCK-CELL.hlog       its histograms, tagged STAGE/API (HdrHistogram log 1.3)
//	trials/BLOCK-CELL.series     how durations went over its window (JSON, record.TimeSeries)
//	trials/BLOCK-CELL.disks      the 100 ms samples of its emulated disks (JSON, lists of record.DiskSample)
//	trials/BLOCK-CELL.log        stderr of its server and its load generator
//	trials/BLOCK-CELL.2.*        the second attempt, where the first one failed
//	manifest.sha256              hashes of all that (sha256sum -c reads it)
//	summary.json                 the Document of the whole run, derived from the rest
//	plots/                       figures, derived from the rest
//
// A trial counts once its .json is there: every file is written under another
// name, fsynced and renamed, the .json last. Histograms merge across trials;
// percentiles never do.
//
// Evidence, which a repository keeps for good, is packed into a few files (Adopt), which
// docs/evidence.md lists; a reader does not tell the two apart. All are text, compressed by
// gzip without name and time, so that equal evidence is equal bytes. A line of
// trials.jsonl.gz is a trial's .json without what no figure, table or number needs
// (condensed), and with its Numbers and Spans; of trials that figures show with their
// series and disk samples, too.
//
// Schema 2 added twins of cells, second attempts, resumptions, the load of each
// trial and the manifest; a run of schema 1 is read as one without them. Schema 3 put the
// disk samples into files of their own.
package results

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"c10klab/internal/record"
)

// SchemaVersion is the version of the files that this package writes.
const SchemaVersion = 3

// manifestSchema is the first whose runs have a manifest.
const manifestSchema = 2

const (
	runFile     = "run.json"
	summaryFile = "summary.json"
	trialsDir   = "trials"
	plotsDir    = "plots"
	// partialPrefix begins the names of files that are still being written.
	partialPrefix = ".partial-"
)

// PlotsDir is where a run's figures belong.
func PlotsDir(runDir string) string { return filepath.Join(runDir, plotsDir) }

// TrialsDir is where a run's trials are; it changes whenever one is added.
func TrialsDir(runDir string) string { return filepath.Join(runDir, trialsDir) }

// WriteFile puts content at path with all of it or not at all, also after a crash of
// the machine.
func WriteFile(path string, content []byte) error {
	return writeAtomic(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// LogPath is the file that holds what the processes of a trial wrote to stderr.
func (r *Run) LogPath(t record.Trial) string { return r.trialPath(t, ".log") }

// ServerLogPath is the same of one server of several, not the first.
func (r *Run) ServerLogPath(t record.Trial, server string) string {
	return r.trialPath(t, "."+server+".log")
}

func (r *Run) trialPath(t record.Trial, suffix string) string {
	return filepath.Join(r.Dir, trialsDir, t.Name()+suffix)
}

// writeAtomic makes path appear with all its content or not at all, also after
// a crash of the machine.
func writeAtomic(path string, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, partialPrefix+"*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	for _, step := range []func() error{
		func() error { return write(f) },
		func() error { return f.Chmod(0o644) },
		f.Sync,
		f.Close,
		func() error { return os.Rename(f.Name(), path) },
		func() error { return syncDir(dir) },
	} {
		if err := step(); err != nil {
			f.Close()
			os.Remove(f.Name())
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
