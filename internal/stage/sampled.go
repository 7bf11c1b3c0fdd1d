package stage

import (
	"sync"
	"unsafe"

	"c10klab/internal/sample"
)

// Sampled is a request whose stamps were kept whole.
type Sampled struct {
	ID    int32 // correlation id
	Class Class
	// LastSendNs is when the last send call of the response began, CLOCK_MONOTONIC;
	// 0: nothing was sent. A client may have the answer from then on.
	LastSendNs int64
	Stamps     Stamps
}

// sampling is a rule at work and what it has kept.
type sampling struct {
	picker sample.Picker
	mu     sync.Mutex
	ring   *sample.Ring[Sampled]
	bytes  int
}

// Sample begins to keep the stamps of the requests that a rule picks; what an
// earlier rule kept is forgotten. Without a call sampling costs one load of a
// pointer a request. The rule has passed its Check. Any thread may call it.
func (r *Recorder) Sample(rule sample.Rule) {
	r.sampling.Store(&sampling{picker: rule.Picker(), ring: sample.NewRing[Sampled](rule.Keep),
		bytes: rule.Keep * int(unsafe.Sizeof(Sampled{}))})
}

// Samples reports whether any request is sampled now.
func (r *Recorder) Samples() bool { return r != nil && r.sampling.Load() != nil }

// Picks reports whether the request with that correlation id is to be kept.
func (r *Recorder) Picks(id int32) bool {
	s := r.sampling.Load()
	return s != nil && s.picker.Picks(id)
}

// Keep keeps a request that Picks picked, once it is over. Any thread may call it.
func (r *Recorder) Keep(one Sampled) {
	s := r.sampling.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring.Put(one)
}

// Kept returns what was sampled, in the order in which it ended, and how many older
// samples were given up for it.
func (r *Recorder) Kept() (kept []Sampled, lost int) {
	if !r.Samples() {
		return nil, 0
	}
	s := r.sampling.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ring.Kept()
}

func (r *Recorder) API(c Class) string { return r.apis[c] }
