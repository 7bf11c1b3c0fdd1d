package hdr

import (
	"errors"
	"fmt"
	"io"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Sum adds up the histograms of many logs, key by key, without making a histogram
// of each. The zero value is empty. One goroutine at a time may use it.
type Sum struct {
	decoder decoder
	sums    map[Key]*sum
}

type sum struct {
	counts    []int64
	dependent [len(Quantiles)]float64
	other     *Histogram // what had another shape
}

// AddLog adds a log's histograms whose keys are wanted, all if wanted is nil.
// clusters are the mean sizes of the clusters that samples come in, for each of
// Quantiles, by STAGE/API; what is not named has independent samples.
func (s *Sum) AddLog(r io.Reader, wanted func(Key) bool, clusters map[string][]float64) error {
	return eachHistogram(r, wanted, func(key Key, encoded []byte) error {
		own := s.of(key)
		added, err := s.decoder.addTo(own.counts, encoded)
		if errors.Is(err, errShape) {
			other, err := hdrhistogram.Decode(encoded)
			if err == nil {
				own.addOther(other)
			}
			return err
		}
		addDependent(&own.dependent, added, clusters[key.String()])
		return err
	})
}

// of returns the sum of a key, made if it is new.
func (s *Sum) of(key Key) *sum {
	if s.sums == nil {
		s.sums = map[Key]*sum{}
	}
	if s.sums[key] == nil {
		s.sums[key] = &sum{counts: make([]int64, bucketCount)}
	}
	return s.sums[key]
}

func (s *sum) addOther(inner *hdrhistogram.Histogram) {
	if s.other == nil {
		s.other = NewHistogram()
	}
	s.other.Merge(&Histogram{inner: inner})
}

// Bundle returns the sums; the Sum is empty afterwards.
func (s *Sum) Bundle() Bundle {
	b := Bundle{}
	for key, own := range s.sums {
		b[key] = &Histogram{dependent: own.dependent, inner: hdrhistogram.Import(&hdrhistogram.Snapshot{
			LowestTrackableValue: lowestNs, HighestTrackableValue: highestNs, SignificantFigures: significantFigures, Counts: own.counts,
		})}
		if own.other != nil {
			b[key].Merge(own.other)
		}
	}
	s.sums = nil
	return b
}

// ReadLog reads a tagged HdrHistogram log (format 1.3) and merges its intervals by
// tag.
func ReadLog(r io.Reader) (Bundle, error) {
	var s Sum
	if err := s.AddLog(r, nil, nil); err != nil {
		return nil, fmt.Errorf("read histogram log: %w", err)
	}
	return s.Bundle(), nil
}
