package results

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
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
	Trial record.Trial
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
	err := inParallel(len(cells), func(i int) (err error) {
		digester := digesters.Get().(*hdr.Digester)
		digests[i], err = r.digest(cells[i], trials[cells[i].ID], wanted, curve, digester)
		digesters.Put(digester)
		return err
	})
	if err == nil && wanted == nil {
		r.remember(digests)
	}
	return digests, err
}

func (r *Run) digest(c Cell, trials []record.Trial, wanted func(hdr.Key) bool, curve hdr.Key, digester *hdr.Digester) (CellDigest, error) {
	d := CellDigest{Cell: c}
	digester.Reset()
	for _, t := range trials {
		if t.Outcome != c.Basis || !t.Measured() {
			continue
		}
		spans, err := r.digestTrial(t, withLateness(wanted), digester.AddLog)
		if err != nil {
			return d, err
		}
		d.Measured = append(d.Measured, TrialDigest{t, spans})
	}
	d.Merged = digester.Together()
	withheld := withholdSpoilt(&d.Cell, mergedDigests(d.Merged))
	if h := digester.Histogram(curve); h != nil {
		d.Curve = h.Distribution(CurveSteps)
		if slices.Contains(withheld, curve) {
			d.Curve = slices.DeleteFunc(d.Curve, func(b hdr.Bracket) bool { return b.Quantile >= withheldQuantile })
		}
	}
	return d, nil
}

// remember keeps the trials' digests for TrialDigests.
func (r *Run) remember(cells []CellDigest) {
	r.digests = map[string]map[hdr.Key]hdr.Digest{}
	for _, c := range cells {
		for _, t := range c.Measured {
			r.digests[r.trialPath(t.Trial, "")] = t.Spans
		}
	}
}

// TrialDigests reads a trial's histograms of wanted keys, all if wanted is nil; a
// failed trial has none. After Digests of all keys it may return more than wanted, and
// reads nothing.
func (r *Run) TrialDigests(t record.Trial, wanted func(hdr.Key) bool) (map[hdr.Key]hdr.Digest, error) {
	if !t.Measured() {
		return nil, nil
	}
	if known := r.digests[r.trialPath(t, "")]; known != nil {
		return known, nil
	}
	digester := digesters.Get().(*hdr.Digester)
	defer digesters.Put(digester)
	return r.digestTrial(t, wanted, digester.DigestLog)
}

// digesters are kept for what they know of decoding.
var digesters = sync.Pool{New: func() any { return new(hdr.Digester) }}

func (r *Run) digestTrial(t record.Trial, wanted func(hdr.Key) bool,
	read func(io.Reader, func(hdr.Key) bool, map[string][]float64) (map[hdr.Key]hdr.Digest, error)) (map[hdr.Key]hdr.Digest, error) {
	f, err := r.openHistograms(t)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	spans, err := read(f, wanted, t.Clusters)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", f.Name(), ErrGarbled, err)
	}
	return spans, nil
}

// ShownTrial is the trial of a cell that figures over time show: the first of those
// that the cell's numbers are from, CellDigest.Measured[0].
func (r *Run) ShownTrial(c Cell) (record.Trial, bool) {
	for i := range r.Trials {
		if t := &r.Trials[i]; t.Cell == c.ID && t.Outcome == c.Basis && t.Measured() {
			return *t, true
		}
	}
	return record.Trial{}, false
}
