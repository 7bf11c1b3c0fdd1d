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
	"sync"
	"unique"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// PackedVersion is the version of the packed form that this package writes.
const PackedVersion = 1

// The files of a packed run beside run.json and the manifest.
const (
	packedTrials     = "trials.jsonl.gz"
	packedHistograms = "histograms.hlog.gz"
	packedCells      = "cells.hlog.gz"
	rawManifest      = "raw.sha256.gz"
)

var packedFiles = []string{packedCells, packedHistograms, rawManifest, runFile, packedTrials}

// ErrPacked says that a run is packed evidence, which nothing is added to.
var ErrPacked = errors.New("the run is packed as evidence")

// packed is what a packed run has in the place of files of each trial.
type packed struct {
	dir    string
	trials map[string]packedTrial // by name
	// Read when first asked for.
	cells      func() (map[string][]byte, error) // merged histograms by cell, as a log
	histograms func() (map[string][]byte, error) // by trial, as a log
}

// packedTrial is what raw runs have in files apart from the trial's record.
type packedTrial struct {
	spans  map[hdr.Key]hdr.Digest
	series []record.TimeSeries   // of a trial that figures show
	disks  [][]record.DiskSample // likewise
}

// Packed reports whether the run is packed as evidence.
func (r *Run) Packed() bool { return r.packed != nil }

// openPacked reads a packed run whose run.json has been read, after its files' hashes.
func (r *Run) openPacked() error {
	p := &packed{dir: r.Dir, trials: map[string]packedTrial{}}
	r.packed = p
	if err := r.CheckManifest(); errors.Is(err, ErrNoManifest) {
		return fmt.Errorf("%s: %w", filepath.Join(r.Dir, manifestFile), ErrMissing)
	} else if err != nil {
		return err
	}
	p.cells = sync.OnceValues(func() (map[string][]byte, error) { return p.readLogs(packedCells) })
	p.histograms = sync.OnceValues(func() (map[string][]byte, error) { return p.readLogs(packedHistograms) })
	text, err := p.read(packedTrials)
	if err != nil {
		return err
	}
	lines := slices.Collect(bytes.Lines(text))
	r.Trials = make([]record.Trial, len(lines))
	apart := make([]packedTrial, len(lines))
	var common shared
	err = inParallel(len(lines), func(i int) error {
		t := &r.Trials[i]
		if err := json.Unmarshal(lines[i], t); err != nil {
			return p.garbled(packedTrials, fmt.Errorf("line %d: %w", i+1, err))
		}
		if err := t.Plausible(); err != nil {
			return p.garbled(packedTrials, fmt.Errorf("line %d: %w", i+1, err))
		}
		var err error
		if apart[i], err = detach(t); err != nil {
			return p.garbled(packedTrials, fmt.Errorf("line %d: %w", i+1, err))
		}
		common.trial(t)
		return nil
	})
	for i := range r.Trials {
		p.trials[r.Trials[i].Name()] = apart[i]
	}
	return err
}

// detach moves out of the trial what raw runs have in other files.
func detach(t *record.Trial) (apart packedTrial, err error) {
	apart.disks = detachDiskSamples(t)
	if t.Measured() {
		apart.series, t.Measurement.OverTime = t.Measurement.OverTime, nil
	}
	for _, s := range apart.series {
		if err := checkSeries(s); err != nil {
			return apart, err
		}
	}
	apart.spans = make(map[hdr.Key]hdr.Digest, len(t.Spans))
	for name, values := range t.Spans {
		key, isKey := hdr.ParseKey(unique.Make(name).Value()) // one copy for all trials
		if !isKey {
			return apart, fmt.Errorf("a span named %q", name)
		}
		apart.spans[key] = values.Digest()
	}
	t.Spans = nil
	return apart, nil
}

func (p *packed) garbled(file string, err error) error {
	return fmt.Errorf("%s: %w: %w", filepath.Join(p.dir, file), ErrGarbled, err)
}

// read returns the text of a compressed file.
func (p *packed) read(file string) ([]byte, error) {
	f, err := os.Open(filepath.Join(p.dir, file))
	if err != nil {
		return nil, fmt.Errorf("packed evidence: %w", err)
	}
	defer f.Close()
	content, err := gzip.NewReader(f)
	if err != nil {
		return nil, p.garbled(file, err)
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return nil, p.garbled(file, err)
	}
	return text, nil
}

func (p *packed) readLogs(file string) (map[string][]byte, error) {
	text, err := p.read(file)
	if err != nil {
		return nil, err
	}
	logs, err := hdr.SplitLog(bytes.NewReader(text))
	if err != nil {
		return nil, p.garbled(file, err)
	}
	return logs, nil
}

// addMerged adds the histograms of a cell to a sum, and the clustering of the trials that
// they are of. A span whose trials' histograms are kept is their sum; of the others the
// merged one is.
func (p *packed) addMerged(sum *hdr.Sum, c Cell, wanted func(hdr.Key) bool) error {
	cells, err := p.cells()
	if err != nil {
		return err
	}
	single, err := p.histograms()
	if err != nil {
		return err
	}
	if _, err := sum.AddLog(bytes.NewReader(cells[c.ID]), wanted, nil); err != nil {
		return p.garbled(packedCells, err)
	}
	for _, t := range c.Measured {
		name := t.Trial.Name()
		if _, err := sum.AddLog(bytes.NewReader(single[name]), wanted, nil); err != nil {
			return p.garbled(packedHistograms, err)
		}
		for key, digest := range p.trials[name].spans {
			sum.AddClustering(key, digest)
		}
	}
	return nil
}

// CheckValues compares the values of trials with the histograms that are stored of them,
// and with their cell's, of which they must have the number of durations and the longest.
// A run that is not packed has no values apart from its histograms.
func (r *Run) CheckValues() error {
	if r.packed == nil {
		return nil
	}
	logs, err := r.packed.histograms()
	if err != nil {
		return err
	}
	err = inParallel(len(r.Trials), func(i int) error {
		name := r.Trials[i].Name()
		digests, err := r.packed.digests(packedHistograms, name, logs)
		if err != nil {
			return err
		}
		for _, key := range hdr.SortedKeys(digests) {
			if of := digests[key]; !of.SameValues(r.packed.trials[name].spans[key]) {
				return r.packed.otherValues(key, name, packedHistograms)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if logs, err = r.packed.cells(); err != nil {
		return err
	}
	cells := r.CellOutcomes()
	return inParallel(len(cells), func(i int) error {
		merged, err := r.packed.digests(packedCells, cells[i].ID, logs)
		if err != nil {
			return err
		}
		for _, key := range hdr.SortedKeys(merged) {
			count, longestNs := int64(0), int64(0)
			for _, t := range cells[i].Measured {
				of := r.packed.trials[t.Trial.Name()].spans[key]
				count, longestNs = count+of.Count, max(longestNs, of.MaxNs)
			}
			if count != merged[key].Count || longestNs != merged[key].MaxNs {
				return r.packed.otherValues(key, cells[i].ID, packedCells)
			}
		}
		return nil
	})
}

// digests are those of an owner's histograms in a file's logs.
func (p *packed) digests(file, owner string, logs map[string][]byte) (map[hdr.Key]hdr.Digest, error) {
	sum := sums.Get().(*hdr.Sum)
	defer sums.Put(sum)
	digests, err := sum.DigestLog(bytes.NewReader(logs[owner]), nil, nil)
	if err != nil {
		return nil, p.garbled(file, fmt.Errorf("%s: %w", owner, err))
	}
	return digests, nil
}

func (p *packed) otherValues(key hdr.Key, owner, file string) error {
	return p.garbled(packedTrials, fmt.Errorf("the values of %s in %s are not those of its histogram in %s", key, owner, file))
}
