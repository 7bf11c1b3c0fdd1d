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
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

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

type packed struct {
	dir    string
	trials map[string]packedTrial // by name
	// logs are the histograms of packedHistograms by trial and of packedCells by cell, read
	// when first asked for.
	logs map[string]func() (map[string][]byte, error)
}

// packedTrial is what raw runs have in files apart from the trial's record.
type packedTrial struct {
	spans  map[hdr.Key]hdr.Digest
	series []record.TimeSeries   // of a trial that figures show
	disks  [][]record.DiskSample // likewise
}

func (r *Run) Packed() bool { return r.packed != nil }

// openPacked reads a packed run whose run.json has been read, after its files' hashes.
func (r *Run) openPacked() error {
	p := &packed{dir: r.Dir, trials: map[string]packedTrial{}, logs: map[string]func() (map[string][]byte, error){}}
	r.packed = p
	if err := r.CheckManifest(); errors.Is(err, ErrNoManifest) {
		return fmt.Errorf("%s: %w", filepath.Join(r.Dir, manifestFile), ErrMissing)
	} else if err != nil {
		return err
	}
	for _, file := range []string{packedCells, packedHistograms} {
		p.logs[file] = sync.OnceValues(func() (map[string][]byte, error) { return p.readLogs(file) })
	}
	text, err := p.read(packedTrials)
	if err != nil {
		return err
	}
	lines := slices.Collect(bytes.Lines(text))
	apart := make([]packedTrial, len(lines))
	err = r.readTrials(len(lines), func(i int) (err error) {
		if apart[i], err = readPacked(lines[i], &r.Trials[i]); err != nil {
			return p.garbled(packedTrials, fmt.Errorf("line %d: %w", i+1, err))
		}
		return nil
	})
	for i := range r.Trials {
		p.trials[r.Trials[i].Name()] = apart[i]
	}
	return err
}

// readPacked reads a trial and moves out of it what raw runs have in other files.
func readPacked(line []byte, t *record.Trial) (apart packedTrial, err error) {
	if err := json.Unmarshal(line, t); err != nil {
		return apart, err
	}
	if err := t.Plausible(); err != nil {
		return apart, err
	}
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
		apart.spans[key] = measure.Bounded(t, key, values.Digest())
		if values.Clusters != nil {
			if t.Clusters == nil {
				t.Clusters = map[string][]float64{}
			}
			t.Clusters[key.String()] = values.Clusters
		}
	}
	t.Spans = nil
	return apart, nil
}

func (p *packed) garbled(file string, err error) error {
	return fmt.Errorf("%s: %w: %w", filepath.Join(p.dir, file), ErrGarbled, err)
}

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
	add := func(file, owner string) error {
		logs, err := p.logs[file]()
		if err != nil {
			return err
		}
		if _, err := sum.AddLog(bytes.NewReader(logs[owner]), wanted, nil); err != nil {
			return p.garbled(file, err)
		}
		return nil
	}
	if err := add(packedCells, c.ID); err != nil {
		return err
	}
	for _, t := range c.Measured {
		name := t.Trial.Name()
		if err := add(packedHistograms, name); err != nil {
			return err
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
	p := r.packed
	if p == nil {
		return nil
	}
	err := inParallel(len(r.Trials), func(i int) error {
		name := r.Trials[i].Name()
		return p.checkLog(packedHistograms, name, func(key hdr.Key, of hdr.Digest) bool {
			return of.SameValues(p.trials[name].spans[key])
		})
	})
	if err != nil {
		return err
	}
	cells := r.CellOutcomes()
	return inParallel(len(cells), func(i int) error {
		return p.checkLog(packedCells, cells[i].ID, func(key hdr.Key, merged hdr.Digest) bool {
			count, longestNs := int64(0), int64(0)
			for _, t := range cells[i].Measured {
				of := p.trials[t.Trial.Name()].spans[key]
				count, longestNs = count+of.Count, max(longestNs, of.MaxNs)
			}
			return count == merged.Count && longestNs == merged.MaxNs
		})
	})
}

// checkLog compares an owner's histograms in a file with values.
func (p *packed) checkLog(file, owner string, same func(hdr.Key, hdr.Digest) bool) error {
	logs, err := p.logs[file]()
	if err != nil {
		return err
	}
	sum := sums.Get().(*hdr.Sum)
	defer sums.Put(sum)
	digests, err := sum.DigestLog(bytes.NewReader(logs[owner]), nil, nil)
	if err != nil {
		return p.garbled(file, fmt.Errorf("%s: %w", owner, err))
	}
	for _, key := range hdr.SortedKeys(digests) {
		if !same(key, digests[key]) {
			return p.garbled(packedTrials, fmt.Errorf("the values of %s in %s are not those of its histogram in %s", key, owner, file))
		}
	}
	return nil
}
