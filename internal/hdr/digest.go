package hdr

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// DigestQuantiles are those that a Digest keeps.
var DigestQuantiles = []float64{0.5, 0.99, 0.999}

// Digest is what tables and figures show of a histogram, in a thousandth of its memory.
type Digest struct {
	Count      int64
	MeanNs     float64
	MaxNs      int64
	quantileNs [3]int64 // parallel to DigestQuantiles
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
	for i, q := range DigestQuantiles {
		d.quantileNs[i] = h.ValueAtPercentile(100 * q)
	}
	return d
}

// Digest makes a histogram's.
func (h *Histogram) Digest() Digest { return digestOf(h.inner) }

// Quantile returns the value at one of DigestQuantiles, and false when the samples do
// not support it or it is none of them.
func (d Digest) Quantile(q float64) (ns int64, supported bool) {
	i := slices.Index(DigestQuantiles, q)
	if i < 0 {
		return 0, false
	}
	return d.quantileNs[i], Supports(d.Count, q)
}

// DigestLog reads the histograms of a log whose keys are wanted (all if wanted is
// nil), returns their digests, and adds their counts to those of a bundle. It takes
// little memory: histograms are read in the library's packed form.
func DigestLog(r io.Reader, wanted func(Key) bool, into Bundle) (map[Key]Digest, error) {
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
		digests[key] = digestOf(packed)
		if into[key] == nil {
			into[key] = NewHistogram()
		}
		into[key].outOfRange += packed.MergeInto(into[key].inner)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read histogram log: %w", err)
	}
	return digests, nil
}
