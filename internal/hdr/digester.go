package hdr

import (
	"errors"
	"io"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Digester makes digests of the histograms of logs, and of those of each key taken
// together. It keeps what decoding needs, since a run has hundreds of thousands of
// histograms. The zero value is empty. One goroutine at a time may use it.
type Digester struct {
	sum    Sum
	filled []filled
}

// AddLog reads the histograms of a log whose keys are wanted, all if wanted is nil,
// returns the digest of each, and adds them to those of their keys. clusters are as in
// Sum.AddLog.
func (d *Digester) AddLog(r io.Reader, wanted func(Key) bool, clusters map[string][]float64) (map[Key]Digest, error) {
	return d.eachDigest(r, wanted, clusters, func(key Key, digest Digest, buckets []filled, other *hdrhistogram.Histogram) {
		sum := d.sum.of(key)
		if other != nil {
			sum.addOther(other)
			return
		}
		addDependent(&sum.dependent, digest.Count, clusters[key.String()])
		for _, f := range buckets {
			sum.counts[f.bucket] += f.count
		}
	})
}

// DigestLog is AddLog without adding.
func (d *Digester) DigestLog(r io.Reader, wanted func(Key) bool, clusters map[string][]float64) (map[Key]Digest, error) {
	return d.eachDigest(r, wanted, clusters, func(Key, Digest, []filled, *hdrhistogram.Histogram) {})
}

// eachDigest returns the digests of a log and calls add with each and what it is of: its
// buckets, or a histogram of another shape.
func (d *Digester) eachDigest(r io.Reader, wanted func(Key) bool, clusters map[string][]float64,
	add func(key Key, digest Digest, buckets []filled, other *hdrhistogram.Histogram)) (map[Key]Digest, error) {
	digests := map[Key]Digest{}
	err := eachHistogram(r, wanted, func(key Key, encoded []byte) error {
		buckets, err := d.sum.decoder.read(encoded)
		var digest Digest
		var other *hdrhistogram.Histogram
		if errors.Is(err, errShape) {
			if other, err = hdrhistogram.Decode(encoded); err == nil {
				digest = digestOf(other)
			}
		} else if err == nil {
			digest = digestFilled(buckets)
			addDependent(&digest.dependent, digest.Count, clusters[key.String()])
		}
		if err != nil {
			return err
		}
		digests[key] = digest
		add(key, digest, buckets, other)
		return nil
	})
	return digests, err
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

// AddClustering is as a Sum's.
func (d *Digester) AddClustering(key Key, of Digest) { d.sum.AddClustering(key, of) }

// Reset forgets what was taken together.
func (d *Digester) Reset() {
	for _, s := range d.sum.sums {
		clear(s.counts)
		s.dependent, s.other = [len(Quantiles)]float64{}, nil
	}
}

// Together are the digests of the keys that hold anything.
func (d *Digester) Together() map[Key]Digest {
	digests := map[Key]Digest{}
	for key, s := range d.sum.sums {
		var digest Digest
		if s.other != nil {
			digest = d.Histogram(key).Digest()
		} else {
			digest = digestFilled(d.fill(s.counts))
			digest.dependent = s.dependent
		}
		if digest.Count > 0 {
			digests[key] = digest
		}
	}
	return digests
}

// fill lists the buckets that are not empty.
func (d *Digester) fill(counts []int64) []filled {
	d.filled = d.filled[:0]
	for bucket, n := range counts {
		if n > 0 {
			d.filled = append(d.filled, filled{bucket, n})
		}
	}
	return d.filled
}

// Histogram is all of a key taken together; nil if there is nothing.
func (d *Digester) Histogram(key Key) *Histogram {
	s := d.sum.sums[key]
	if s == nil {
		return nil
	}
	h := NewHistogram()
	for _, f := range d.fill(s.counts) {
		h.RecordN(leastOf(f.bucket), f.count)
	}
	if s.other != nil {
		h.Merge(s.other)
	}
	if h.dependent = s.dependent; h.Count() == 0 {
		return nil
	}
	return h
}

// digestFilled makes the digest of buckets, as the library computes its numbers.
func digestFilled(buckets []filled) Digest {
	var d Digest
	sum := 0.0
	for _, f := range buckets {
		least, width := widthOf(f.bucket)
		d.Count += f.count
		d.MaxNs = least + width - 1
		sum += float64(f.count) * float64(least+width/2)
	}
	if d.Count == 0 {
		return d
	}
	d.MeanNs = sum / float64(d.Count)
	seen, next := int64(0), 0
	for _, f := range buckets {
		seen += f.count
		for ; next < len(Quantiles); next++ {
			if seen < rank(Quantiles[next], d.Count) {
				break
			}
			least, width := widthOf(f.bucket)
			d.quantileNs[next] = least + width - 1
		}
	}
	return d
}

// widthOf is the shortest duration of a bucket and how many it has.
func widthOf(bucket int) (least, width int64) {
	least = leastOf(bucket)
	return least, leastOf(bucket+1) - least
}

// rank is the position of a quantile among count durations, from 1.
func rank(q float64, count int64) int64 {
	return min(max(1, int64(100*q/100*float64(count)+0.5)), count)
}
