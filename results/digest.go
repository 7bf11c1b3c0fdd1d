package results

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"c10klab/internal/hdr"
)

// CellDigest is a cell with what tables and figures show of its histograms, which it
// has not: runs of thousands of trials would not fit into memory.
type CellDigest struct {
	Cell
	// Merged are of the trials that the cell's numbers are from, taken together.
	Merged map[hdr.Key]hdr.Digest
	// Curve is the distribution of the one span that was asked for.
	Curve []hdr.Bracket
	// Measured are those trials one by one, in the order they started.
	Measured []TrialDigest
}

// TrialDigest is one trial.
type TrialDigest struct {
	Trial Trial
	Spans map[hdr.Key]hdr.Digest
}

// CurveSteps is the resolution of curves, for each halving of the distance to 1.
const CurveSteps = 20

// Digests reads the histograms of all cells' trials, of wanted keys alone (all if
// wanted is nil), and the curve of one key. It uses all processors.
func (r *Run) Digests(wanted func(hdr.Key) bool, curve hdr.Key) ([]CellDigest, error) {
	cells := r.CellOutcomes()
	trials := r.trialsByCell()
	digests := make([]CellDigest, len(cells))
	errs := make([]error, len(cells))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(cells)) {
		workers.Go(func() {
			merged := hdr.Bundle{}
			for i := range next {
				digests[i], errs[i] = r.digest(cells[i], trials[cells[i].ID], wanted, curve, merged)
			}
		})
	}
	for i := range cells {
		next <- i
	}
	close(next)
	workers.Wait()
	return digests, errors.Join(errs...)
}

// digest uses merged as room for the cell's merged histograms.
func (r *Run) digest(c Cell, trials []Trial, wanted func(hdr.Key) bool, curve hdr.Key, merged hdr.Bundle) (CellDigest, error) {
	d := CellDigest{Cell: c, Merged: map[hdr.Key]hdr.Digest{}}
	for _, h := range merged {
		h.Reset()
	}
	for _, t := range trials {
		if t.Outcome != c.Basis || !t.measured() {
			continue
		}
		spans, err := r.digestTrial(t, wanted, merged)
		if err != nil {
			return d, err
		}
		d.Measured = append(d.Measured, TrialDigest{t, spans})
	}
	for key, h := range merged {
		if h.Count() > 0 {
			d.Merged[key] = h.Digest()
		}
	}
	if h := merged[curve]; h != nil && h.Count() > 0 {
		d.Curve = h.Distribution(CurveSteps)
	}
	return d, nil
}

// TrialDigests reads a trial's histograms of wanted keys, all if wanted is nil; a
// failed trial has none.
func (r *Run) TrialDigests(t Trial, wanted func(hdr.Key) bool) (map[hdr.Key]hdr.Digest, error) {
	if !t.measured() {
		return nil, nil
	}
	return r.digestTrial(t, wanted, nil)
}

func (r *Run) digestTrial(t Trial, wanted func(hdr.Key) bool, merged hdr.Bundle) (map[hdr.Key]hdr.Digest, error) {
	path := r.trialPath(t, ".hlog")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("histograms of a trial: %w", err)
	}
	defer f.Close()
	spans, err := hdr.DigestLog(f, wanted, t.Clusters, merged)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrGarbled, err)
	}
	return spans, nil
}

// ShownTrial is the trial of a cell that figures over time show: the first of those
// that the cell's numbers are from.
func (r *Run) ShownTrial(c Cell) (Trial, bool) {
	for _, t := range r.Trials {
		if t.Cell == c.ID && t.Outcome == c.Basis && t.measured() {
			return t, true
		}
	}
	return Trial{}, false
}
