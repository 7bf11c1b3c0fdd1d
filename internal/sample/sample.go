// Package sample is the rule by which a load generator and its target pick the same
// requests without a word about any one of them: a seeded hash of the correlation
// id. Both keep the stamps of what the rule picks, and the two are joined by id.
package sample

import "fmt"

// Rule says which requests are sampled and how many samples each side keeps.
type Rule struct {
	Seed  uint64  `json:"seed"`
	Share float64 `json:"share"` // of all correlation ids, above 0 and at most 1
	Keep  int     `json:"keep"`  // samples, the newest
}

// MostKept bounds Rule.Keep, and with it the memory that a rule can claim.
const MostKept = 1 << 20

// Check reports a rule that cannot be followed.
func (r Rule) Check() error {
	switch {
	case !(r.Share > 0 && r.Share <= 1):
		return fmt.Errorf("sample: a share of %g is outside (0, 1]", r.Share)
	case r.Keep < 1 || r.Keep > MostKept:
		return fmt.Errorf("sample: %d samples to keep are outside 1 … %d", r.Keep, MostKept)
	}
	return nil
}

// Picker returns the rule in the form that is asked for every request.
func (r Rule) Picker() Picker { return Picker{seed: r.Seed, below: uint64(r.Share * (1 << 32))} }

// Picker decides by id alone, so any number of threads may ask it. The zero Picker
// picks nothing.
type Picker struct{ seed, below uint64 }

// Picks reports whether a request with that correlation id is sampled.
func (p Picker) Picks(id int32) bool { return mix(p.seed+uint64(uint32(id)))>>32 < p.below }

// mix is the finalizer of SplitMix64 over a golden-ratio step: neighbouring ids
// give independent values.
func mix(n uint64) uint64 {
	z := n * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Ring keeps the newest samples that were put into it. One thread at a time uses it.
type Ring[T any] struct {
	slots []T
	put   int // ever
}

func NewRing[T any](n int) *Ring[T] { return &Ring[T]{slots: make([]T, n)} }

// Put adds a sample in place of the oldest.
func (r *Ring[T]) Put(v T) {
	r.slots[r.put%len(r.slots)] = v
	r.put++
}

// Clear forgets what was put.
func (r *Ring[T]) Clear() { r.put = 0 }

// Kept returns a copy of what is there, oldest first, and how many older samples
// were given up for them.
func (r *Ring[T]) Kept() (kept []T, lost int) {
	if r.put <= len(r.slots) {
		return append(kept, r.slots[:r.put]...), 0
	}
	at := r.put % len(r.slots)
	return append(append(kept, r.slots[at:]...), r.slots[:at]...), r.put - len(r.slots)
}
