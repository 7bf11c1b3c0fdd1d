package results

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// CurveSteps is the resolution of curves, for each halving of the distance to 1.
const CurveSteps = 20

func (r *Run) digest(c *Cell, wanted, curves func(hdr.Key) bool, digester *hdr.Digester) error {
	digester.Reset()
	for i, t := range c.Measured {
		var err error
		if c.Measured[i].Spans, err = r.digestTrial(*t.Trial, withLateness(wanted), digester.AddLog); err != nil {
			return err
		}
	}
	if r.packed != nil {
		addLog := func(log io.Reader, wanted func(hdr.Key) bool, clusters map[string][]float64) error {
			_, err := digester.AddLog(log, wanted, clusters)
			return err
		}
		if err := r.packed.addMerged(c, withLateness(wanted), addLog, digester.AddClustering); err != nil {
			return err
		}
	}
	c.Spans, c.Curves = digester.Together(), map[hdr.Key][]hdr.Bracket{}
	withheld := c.withholdSpoilt()
	for key := range c.Spans {
		if curves == nil || !curves(key) {
			continue
		}
		curve := digester.Histogram(key).Distribution(CurveSteps)
		if slices.Contains(withheld, key) {
			curve = slices.DeleteFunc(curve, func(b hdr.Bracket) bool { return b.Quantile >= withheldQuantile })
		}
		c.Curves[key] = curve
	}
	return nil
}

// MergedHistograms are the histograms of the trials that a cell's numbers are from,
// taken together.
func (r *Run) MergedHistograms(c Cell) (hdr.Bundle, error) {
	var sum hdr.Sum
	if r.packed != nil {
		err := r.packed.addMerged(&c, nil, sum.AddLog, sum.AddClustering)
		return sum.Bundle(), err
	}
	err := r.addMerged(&sum, c, nil)
	return sum.Bundle(), err
}

// addMerged adds the wanted histograms of the trials that a cell's numbers are from.
func (r *Run) addMerged(sum *hdr.Sum, c Cell, wanted func(hdr.Key) bool) error {
	for _, t := range c.Measured {
		if err := r.addHistograms(sum, *t.Trial, wanted); err != nil {
			return err
		}
	}
	return nil
}

// remember keeps the trials' digests for TrialDigests.
func (r *Run) remember(cells []Cell) {
	r.digests = map[string]map[hdr.Key]hdr.Digest{}
	for _, c := range cells {
		for _, t := range c.Measured {
			r.digests[r.trialPath(*t.Trial, "")] = t.Spans
		}
	}
}

// TrialDigests reads a trial's histograms of wanted keys, all if wanted is nil; a
// failed trial has none. After Cells of all keys it may return more than wanted, and
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
	if r.packed != nil {
		return r.packed.of(t, wanted), nil
	}
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
