package results

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
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

// Kept says what packed evidence keeps of a run beside the records of its trials and the
// values of all their spans.
type Kept struct {
	// Trials are the histograms kept of single trials: those that predictions use.
	Trials func(hdr.Key) bool
	// Cells are the histograms kept of cells, merged: those that tables and figures show,
	// and that are not the sum of trials' kept ones.
	Cells func(hdr.Key) bool
	// Numbers are all of a trial that can be measured, by name; nil where it did not.
	Numbers func(*record.Trial) map[string]*float64
	// Above are the times above bounds that predictions use.
	Above []measure.Metric
}

func (r *Run) pack(dir string, kept Kept) error {
	info := r.Info
	info.Schema, info.Packed = SchemaVersion, PackedVersion
	if err := writeJSON(filepath.Join(dir, runFile), info, " "); err != nil {
		return err
	}
	files, err := r.evidenceFiles()
	if err != nil {
		return err
	}
	for file, write := range map[string]func(io.Writer) error{
		packedTrials:     func(w io.Writer) error { return r.packTrials(w, kept) },
		packedHistograms: func(w io.Writer) error { return r.packHistograms(w, kept.Trials) },
		packedCells:      func(w io.Writer) error { return r.packCells(w, kept.Cells) },
		rawManifest:      func(w io.Writer) error { return writeManifest(w, r.Dir, files) },
	} {
		if err := writeAtomic(filepath.Join(dir, file), compressed(write)); err != nil {
			return err
		}
	}
	return nil
}

// compressed writes gzip that depends on the content alone: no name, no time.
func compressed(write func(io.Writer) error) func(io.Writer) error {
	return func(to io.Writer) error {
		w, err := gzip.NewWriterLevel(to, gzip.BestCompression)
		if err != nil {
			return err
		}
		return errors.Join(write(w), w.Close())
	}
}

// packTrials writes a line for each trial: its record without what is dropped, its
// numbers and the values of its spans.
func (r *Run) packTrials(w io.Writer, kept Kept) error {
	shown := map[string]bool{} // whose series and disk samples figures show: of each cell the first that its numbers are from
	for _, c := range r.CellOutcomes() {
		if len(c.Measured) > 0 {
			shown[c.Measured[0].Trial.Name()] = true
		}
	}
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	const slash = string(filepath.Separator)
	inside := strings.NewReplacer(dir+slash, filepath.Base(dir)+slash) // evidence does not tell where a machine keeps its files
	for _, t := range r.inOrder() {
		text, err := os.ReadFile(r.trialPath(t, ".json"))
		if err != nil {
			return fmt.Errorf("adopt: %w", err)
		}
		line, err := condensed([]byte(inside.Replace(string(text))), shown[t.Name()])
		if err != nil {
			return fmt.Errorf("adopt %s: %w", t.Name(), err)
		}
		if t.Measured() {
			spans, err := r.TrialDigests(t, nil)
			if err != nil {
				return err
			}
			values := map[string]hdr.Values{}
			for key, digest := range spans {
				values[key.String()] = digest.Values(t.Clusters[key.String()])
			}
			numbers := kept.Numbers(&t)
			for _, m := range kept.Above {
				v, err := r.numberOf(m, t)
				if err != nil {
					return err
				}
				if numbers[m.String()] = nil; v.Supported {
					numbers[m.String()] = &v.Value
				}
			}
			line["spans"], line["numbers"] = values, numbers
		}
		if len(t.DiskWindows) > 0 {
			line["disk_windows"] = t.DiskWindows // schema 2 has the samples instead
		}
		if shown[t.Name()] {
			if err := r.putBack(line, t); err != nil {
				return err
			}
		}
		if err := json.NewEncoder(w).Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// putBack makes the series and the disk samples of a trial parts of its record again.
func (r *Run) putBack(line map[string]any, t record.Trial) error {
	series, err := r.Series(t)
	if err != nil {
		return err
	}
	series = slices.DeleteFunc(series, func(s record.TimeSeries) bool {
		return measure.SpanNamed(s.Stage) != nil && measure.SpanNamed(s.Stage).Clock != measure.Client
	}) // servers' are in no figure
	if measurement, measured := line["measurement"].(map[string]any); measured && series != nil {
		measurement["over_time"] = series
	}
	samples, err := r.DiskSamples(t)
	if err != nil {
		return err
	}
	disks, _ := line["disks"].([]any)
	for i, of := range samples {
		if i < len(disks) {
			disks[i].(map[string]any)["samples"] = of
		}
	}
	return nil
}

// inOrder lists the trials by block and then by name, so that equal runs are packed
// alike.
func (r *Run) inOrder() []record.Trial {
	return slices.SortedFunc(slices.Values(r.Trials), func(a, b record.Trial) int { return strings.Compare(a.Name(), b.Name()) })
}

func (r *Run) packHistograms(w io.Writer, wanted func(hdr.Key) bool) error {
	start, end := r.Window()
	if err := (hdr.Bundle{}).WriteLog(w, start, end); err != nil { // the heading
		return err
	}
	for _, t := range r.inOrder() {
		if !t.Measured() {
			continue
		}
		f, err := r.openHistograms(t)
		if err != nil {
			return err
		}
		if err := errors.Join(hdr.CopyLog(w, f, t.Name(), wanted), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return nil
}

func (r *Run) packCells(w io.Writer, wanted func(hdr.Key) bool) error {
	start, end := r.Window()
	if err := (hdr.Bundle{}).WriteLog(w, start, end); err != nil { // the heading
		return err
	}
	for _, c := range r.CellOutcomes() {
		merged, err := r.MergedHistograms(c, wanted)
		if err != nil {
			return err
		}
		var log bytes.Buffer
		if err := errors.Join(merged.WriteLog(&log, start, end), hdr.CopyLog(w, &log, c.ID, nil)); err != nil {
			return err
		}
	}
	return nil
}

// condensed is a trial's record as evidence holds it. Dropped are single requests and
// appends, disk samples, the list of threads where their sums by group remain, the means
// that the trend was judged by, and clusters, which are among the values of spans; of a
// trial that no figure shows the events of its store, too. All else is as it was written,
// so that no version adds what another did not measure.
func condensed(text []byte, shown bool) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // to the last digit
	var record map[string]any
	if err := decoder.Decode(&record); err != nil {
		return nil, err
	}
	delete(record, "clusters")
	dropped := []string{"slowest", "slowest_appends", "samples", "mean_time_ns"}
	if !shown {
		dropped = append(dropped, "events", "write_back")
	}
	drop(record, dropped)
	return record, nil
}

func drop(value any, names []string) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range names {
			delete(v, name)
		}
		if v["thread_use"] != nil {
			delete(v, "census")
		}
		for _, member := range v {
			drop(member, names)
		}
	case []any:
		for _, element := range v {
			drop(element, names)
		}
	}
}
