package hdr

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Digest is what tables and figures show of a histogram, in a thousandth of its memory.
type Digest struct {
	Count  int64
	MeanNs float64
	MaxNs  int64
	// Parallel to Quantiles: the values, and the samples beyond the independent ones.
	quantileNs [len(Quantiles)]int64
	dependent  [len(Quantiles)]float64
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
	return d.quantileNs[i], Supports(d.Count-int64(math.Round(d.dependent[i])), q)
}

// DigestLog reads the histograms of a log whose keys are wanted (all if wanted is
// nil), returns their digests, and adds their counts to those of a bundle. clusters are
// the sizes of clusters, parallel to Quantiles, by STAGE/API. It takes little memory:
// histograms are read in the library's packed form.
func DigestLog(r io.Reader, wanted func(Key) bool, clusters map[string][]float64, into Bundle) (map[Key]Digest, error) {
	digests := map[Key]Digest{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLogLine)
	for n := 1; lines.Scan(); n++ {
		line := lines.Bytes()
		if len(line) == 0 || line[0] == '#' || line[0] == '"' {
			continue
		}
		key, encoded, err := splitLogLine(line)
		if err != nil {
			return nil, fmt.Errorf("read histogram log: line %d: %w", n, err)
		}
		if wanted != nil && !wanted(key) {
			continue
		}
		packed, err := hdrhistogram.DecodePacked(encoded)
		if err != nil {
			return nil, fmt.Errorf("read histogram log: line %d, %s: %w", n, key, err)
		}
		d := digestOf(packed)
		d.dependent = dependentOf(d.Count, clusters[key.String()])
		digests[key] = d
		if into[key] == nil {
			into[key] = NewHistogram()
		}
		into[key].outOfRange += packed.MergeInto(into[key].inner)
		for i, n := range d.dependent {
			into[key].dependent[i] += n
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read histogram log: %w", err)
	}
	return digests, nil
}

// dependentOf is how many of count samples are beyond the independent ones, where
// they cluster in these sizes.
func dependentOf(count int64, sizes []float64) (dependent [len(Quantiles)]float64) {
	for i, size := range sizes[:min(len(sizes), len(Quantiles))] {
		if size > 1 {
			dependent[i] = float64(count) * (1 - 1/size)
		}
	}
	return dependent
}
