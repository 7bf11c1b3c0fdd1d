package hdr

import (
	"fmt"
	"io"
	"math"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Sum adds up the histograms of many logs, key by key, and makes the digest of each on the
// way, without making a histogram of each: a run has hundreds of thousands. The zero value
// is empty. One goroutine at a time may use it.
type Sum struct {
	decoder decoder // kept, too, for what it has allocated
	sums    map[Key]*sum
}

type sum struct {
	counts    []int64 // by bucket
	count     int64
	dependent [len(Quantiles)]float64
}

// AddLog reads the histograms of a log whose keys are wanted, all if wanted is nil,
// returns the digest of each, and adds them to those of their keys. clusters are the mean
// sizes of the clusters that samples come in, for each of Quantiles, by STAGE/API; what is
// not named has independent samples.
func (s *Sum) AddLog(r io.Reader, wanted func(Key) bool, clusters map[string][]float64) (map[Key]Digest, error) {
	return s.digestLog(r, wanted, clusters, s.add)
}

// DigestLog is AddLog without adding.
func (s *Sum) DigestLog(r io.Reader, wanted func(Key) bool, clusters map[string][]float64) (map[Key]Digest, error) {
	return s.digestLog(r, wanted, clusters, func(Key, Digest, []filled) error { return nil })
}

func (s *Sum) digestLog(r io.Reader, wanted func(Key) bool, clusters map[string][]float64,
	use func(Key, Digest, []filled) error) (map[Key]Digest, error) {
	digests := map[Key]Digest{}
	err := eachHistogram(r, wanted, func(key Key, _, encoded []byte) error {
		buckets, err := s.decoder.read(encoded)
		if err != nil {
			return err
		}
		digest := digestFilled(buckets)
		addDependent(&digest.dependent, digest.Count, clusters[key.String()])
		digests[key] = digest
		return use(key, digest, buckets)
	})
	return digests, err
}

func (s *Sum) add(key Key, d Digest, buckets []filled) error {
	if s.sums == nil {
		s.sums = map[Key]*sum{}
	}
	if s.sums[key] == nil {
		s.sums[key] = &sum{counts: make([]int64, bucketCount)}
	}
	own := s.sums[key]
	if own.count > math.MaxInt64-d.Count {
		return fmt.Errorf("%w: %d durations beside %d", errEncoding, d.Count, own.count)
	}
	own.count += d.Count
	for _, f := range buckets {
		own.counts[f.bucket] += f.count
	}
	s.AddClustering(key, d)
	return nil
}

// AddClustering counts the dependent durations of a digest whose durations were added
// already, from a log that tells nothing of them.
func (s *Sum) AddClustering(key Key, d Digest) {
	if own := s.sums[key]; own != nil {
		for i, n := range d.dependent {
			own.dependent[i] += n
		}
	}
}

// Reset forgets what was added.
func (s *Sum) Reset() {
	for _, own := range s.sums {
		clear(own.counts)
		own.count, own.dependent = 0, [len(Quantiles)]float64{}
	}
}

// Digests are those of the keys that hold anything, of all histograms of a key together.
func (s *Sum) Digests() map[Key]Digest {
	digests := map[Key]Digest{}
	for key, own := range s.sums {
		if own.count > 0 {
			digest := digestFilled(s.decoder.fill(own.counts))
			digest.dependent = own.dependent
			digests[key] = digest
		}
	}
	return digests
}

// Histogram is all of a key taken together; nil if there is nothing.
func (s *Sum) Histogram(key Key) *Histogram {
	own := s.sums[key]
	if own == nil || own.count == 0 {
		return nil
	}
	return &Histogram{dependent: own.dependent, inner: hdrhistogram.Import(&hdrhistogram.Snapshot{
		LowestTrackableValue: lowestNs, HighestTrackableValue: highestNs, SignificantFigures: significantFigures, Counts: own.counts,
	})}
}

// Bundle are the histograms of the keys that hold anything.
func (s *Sum) Bundle() Bundle {
	b := Bundle{}
	for key := range s.sums {
		if h := s.Histogram(key); h != nil {
			b[key] = h
		}
	}
	return b
}
