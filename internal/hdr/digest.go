package hdr

import (
	"fmt"
	"io"
	"slices"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Digest is what tables and figures show of a histogram, in a thousandth of its memory.
type Digest struct {
	Count      int64
	MeanNs     float64
	MaxNs      int64
	quantileNs [len(Quantiles)]int64
	dependent  [len(Quantiles)]float64 // as a Histogram's
}

// quantiled is what histograms of both kinds answer.
type quantiled interface {
	TotalCount() int64
	Mean() float64
	Max() int64
	ValueAtPercentile(percentile float64) int64
}

func digestOf(h quantiled) Digest {
	d := Digest{Count: h.TotalCount(), MeanNs: h.Mean(), MaxNs: h.Max()}
	for i, q := range Quantiles {
		d.quantileNs[i] = h.ValueAtPercentile(100 * q)
	}
	return d
}

// Digest makes a histogram's.
func (h *Histogram) Digest() Digest {
	d := digestOf(h.inner)
	d.dependent = h.dependent
	return d
}

// Quantile returns the value at one of Quantiles, and false when the independent
// samples do not support it or it is none of them.
func (d Digest) Quantile(q float64) (ns int64, supported bool) {
	i := slices.Index(Quantiles[:], q)
	if i < 0 {
		return 0, false
	}
	return d.quantileNs[i], Supports(independent(d.Count, d.dependent[i]), q)
}

// StillNeeded is as a Histogram's, for one of Quantiles; 0 for others.
func (d Digest) StillNeeded(q float64) int64 {
	i := slices.Index(Quantiles[:], q)
	if i < 0 {
		return 0
	}
	return stillNeeded(d.Count, independent(d.Count, d.dependent[i]), q)
}

// DigestLog reads the histograms of a log whose keys are wanted (all if wanted is
// nil), returns their digests, and adds them to those of a bundle unless that is nil. It
// takes little memory: histograms are read in the library's packed form. clusters are as in
// Sum.AddLog.
func DigestLog(r io.Reader, wanted func(Key) bool, clusters map[string][]float64, into Bundle) (map[Key]Digest, error) {
	digests := map[Key]Digest{}
	err := eachHistogram(r, wanted, func(key Key, encoded []byte) error {
		packed, err := hdrhistogram.DecodePacked(encoded)
		if err != nil {
			return err
		}
		d := digestOf(packed)
		addDependent(&d.dependent, d.Count, clusters[key.String()])
		digests[key] = d
		if into == nil {
			return nil
		}
		if into[key] == nil {
			into[key] = NewHistogram()
		}
		into[key].outOfRange += packed.MergeInto(into[key].inner)
		addDependent(&into[key].dependent, d.Count, clusters[key.String()])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read histogram log: %w", err)
	}
	return digests, nil
}
