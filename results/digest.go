package results

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// CurveSteps is the resolution of curves, for each halving of the distance to 1.
const CurveSteps = 20

func (r *Run) digest(c *Cell, wanted, curves func(hdr.Key) bool, sum *hdr.Sum) error {
	sum.Reset()
	spans, err := r.addMeasured(sum, *c, withLateness(wanted))
	if err != nil {
		return err
	}
	for i := range c.Measured {
		c.Measured[i].Spans = spans[i]
	}
	c.Spans, c.Curves = sum.Digests(), map[hdr.Key][]hdr.Bracket{}
	for key, merged := range c.Spans {
		for _, t := range c.Measured {
			merged = merged.BoundedFrom(t.Spans[key].BoundNs())
		}
		c.Spans[key] = merged
	}
	withheld := c.withholdSpoilt()
	for key := range c.Spans {
		if curves == nil || !curves(key) {
			continue
		}
		curve := sum.Histogram(key).Distribution(CurveSteps)
		if slices.Contains(withheld, key) {
			curve = slices.DeleteFunc(curve, func(b hdr.Bracket) bool { return b.Quantile >= withheldQuantile })
		}
		c.Curves[key] = curve
	}
	return nil
}

// MergedHistograms are the histograms of the trials that a cell's numbers are from, taken
// together, of wanted keys, all if wanted is nil.
func (r *Run) MergedHistograms(c Cell, wanted func(hdr.Key) bool) (hdr.Bundle, error) {
	var sum hdr.Sum
	_, err := r.addMeasured(&sum, c, wanted)
	return sum.Bundle(), err
}

// addMeasured adds the wanted histograms of the trials that a cell's numbers are from, and
// returns the digests of each trial's.
func (r *Run) addMeasured(sum *hdr.Sum, c Cell, wanted func(hdr.Key) bool) (spans []map[hdr.Key]hdr.Digest, err error) {
	for _, t := range c.Measured {
		digests, err := r.digestTrial(*t.Trial, wanted, sum.AddLog)
		if err != nil {
			return nil, err
		}
		spans = append(spans, digests)
	}
	if r.packed != nil {
		err = r.packed.addMerged(sum, c, wanted)
	}
	return spans, err
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
// failed trial has none. Of packed runs and after Cells of all keys it may return more
// than wanted, and reads nothing.
func (r *Run) TrialDigests(t record.Trial, wanted func(hdr.Key) bool) (map[hdr.Key]hdr.Digest, error) {
	if !t.Measured() {
		return nil, nil
	}
	if known := r.digests[r.trialPath(t, "")]; known != nil {
		return known, nil
	}
	sum := sums.Get().(*hdr.Sum)
	defer sums.Put(sum)
	return r.digestTrial(t, wanted, sum.DigestLog)
}

// sums are kept for what they have allocated.
var sums = sync.Pool{New: func() any { return new(hdr.Sum) }}

func (r *Run) digestTrial(t record.Trial, wanted func(hdr.Key) bool,
	read func(io.Reader, func(hdr.Key) bool, map[string][]float64) (map[hdr.Key]hdr.Digest, error)) (map[hdr.Key]hdr.Digest, error) {
	if r.packed != nil {
		return r.packed.trials[t.Name()].spans, nil
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
	for key, d := range spans {
		spans[key] = measure.Bounded(&t, key, d)
	}
	return spans, nil
}

// withheldQuantile is the one that trials may support together though none of them does
// alone, so that none was judged by its Lateness there.
const withheldQuantile = 0.999

// withLateness wants Lateness too.
func withLateness(wanted func(hdr.Key) bool) func(hdr.Key) bool {
	if wanted == nil {
		return nil
	}
	return func(key hdr.Key) bool { return measure.Lateness.Is(key) || wanted(key) }
}

// withholdSpoilt takes from the spans of clients what their generator's lateness spoilt,
// and says so: where Lateness over all trials is beyond the limit that each was held to. It
// returns the spans.
func (c *Cell) withholdSpoilt() (withheld []hdr.Key) {
	if !c.Stands() {
		return nil
	}
	var limitNs int64 // of versions that took it from ResponseTime, the largest
	for _, t := range c.Measured {
		limitNs = max(limitNs, t.Trial.Measurement.LatenessLimitNs())
	}
	for _, api := range measure.APIs(hdr.SortedKeys(c.Spans)) {
		response := measure.ResponseTime.Key(api)
		lateNs, _ := c.Spans[measure.Lateness.Key(api)].Quantile(withheldQuantile) // 0 where nothing fell due
		if c.Spans[response].Count == 0 || lateNs <= limitNs {
			continue
		}
		spoilt, names := []hdr.Key{response}, response.String()
		if endToEnd := measure.EndToEnd.Key(measure.Fetch); api == measure.Produce && c.Spans[endToEnd].Count > 0 {
			spoilt, names = append(spoilt, endToEnd), names+" and "+endToEnd.String()
		}
		for _, key := range spoilt {
			c.Spans[key] = c.Spans[key].Withheld(withheldQuantile)
		}
		withheld = append(withheld, spoilt...)
		c.Problems = append(c.Problems, fmt.Sprintf("p99.9 of %s is withheld: Lateness p99.9 is %s over all trials, limit %s",
			names, FormatDuration(float64(lateNs)), FormatDuration(float64(limitNs))))
	}
	return withheld
}
