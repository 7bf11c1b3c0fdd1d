package stage

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"c10klab/internal/clock"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/sample"
)

// Class is a request's API as a small number: an index into a Recorder's names.
type Class uint8

// Recorder keeps the histograms of all stages by class and counts requests and
// responses. Threads share it. A nil Recorder counts and has nothing; spans are recorded
// where there is one.
type Recorder struct {
	apis      []string
	recorders *hdr.Recorders
	requests  []counter
	responses []counter
	sampling  atomic.Pointer[sampling] // nil: no request is sampled
	series    atomic.Pointer[series]   // nil: none is kept
}

// counter stands alone on its cache line.
type counter struct {
	n atomic.Int64
	_ [56]byte
}

// NewRecorder makes a recorder for the given API names; a Class indexes them.
func NewRecorder(apis []string) *Recorder {
	return &Recorder{
		apis:      apis,
		recorders: hdr.NewRecorders((len(apis) + 1) * int(measures)), // the last row is measure.AllLoops
		requests:  make([]counter, len(apis)),
		responses: make([]counter, len(apis)),
	}
}

// Received counts a complete frame.
func (r *Recorder) Received(c Class) {
	if r != nil {
		r.requests[c].n.Add(1)
	}
}

// Finished records a request that was answered to its last byte, or needed no
// answer. hint differs between threads.
func (r *Recorder) Finished(hint int, c Class, st *Stamps) {
	r.responses[c].n.Add(1)
	rec := r.recorders.Acquire(hint)
	all, known := st.spans()
	rec.RecordRow(int(c)*int(measures), all[:], known)
	r.series.Load().add(rec.Index, int(c)*int(measures), st[EnqueueStart], all[:], known)
	rec.Release()
}

// Blocked records what one send call of file bytes slept, in nanoseconds.
func (r *Recorder) Blocked(hint int, c Class, ns int64) {
	rec := r.recorders.Acquire(hint)
	rec.Record(int(c)*int(measures)+int(BlockedOnDisk), ns)
	rec.Release()
}

// Lags records times between two polls of a network thread, in nanoseconds.
func (r *Recorder) Lags(hint int, ns []int64) {
	nowNs := clock.Now()
	rec := r.recorders.Acquire(hint)
	series := r.series.Load()
	for i, lag := range ns {
		of := len(r.apis)*int(measures) + int(LoopLag)
		rec.Record(of, lag)
		series.add(rec.Index, of, nowNs, ns[i:i+1], 1)
	}
	rec.Release()
}

// Mark divides what is recorded into before and after now, at next to no cost.
func (r *Recorder) Mark() {
	if r != nil {
		r.recorders.Mark()
	}
}

// Snapshot returns all histograms since the start, and as they were at the last
// mark, by stage and API.
func (r *Recorder) Snapshot() (now, atMark hdr.Bundle) {
	if r == nil {
		return hdr.Bundle{}, hdr.Bundle{}
	}
	all, marked := r.recorders.Snapshot()
	return r.bundle(all), r.bundle(marked)
}

func (r *Recorder) bundle(histograms []*hdr.Histogram) hdr.Bundle {
	b := hdr.Bundle{}
	for i, h := range histograms {
		if h != nil {
			b[hdr.Key{Stage: names[i%int(measures)], API: r.api(i / int(measures))}] = h
		}
	}
	return b
}

func (r *Recorder) api(row int) string {
	if row == len(r.apis) {
		return measure.AllLoops
	}
	return r.apis[row]
}

// Counts returns complete frames and finished responses by API since the start.
func (r *Recorder) Counts() (requests, responses map[string]int64) {
	requests, responses = map[string]int64{}, map[string]int64{}
	if r == nil {
		return requests, responses
	}
	for i, api := range r.apis {
		if n := r.requests[i].n.Load(); n > 0 {
			requests[api] = n
			responses[api] = r.responses[i].n.Load()
		}
	}
	return requests, responses
}

// MemoryBytes is what the histograms and samples occupy.
func (r *Recorder) MemoryBytes() int {
	if r == nil {
		return 0
	}
	bytes := r.recorders.MemoryBytes() + r.series.Load().memoryBytes(r.recorders)
	if s := r.sampling.Load(); s != nil {
		bytes += s.bytes
	}
	return bytes
}

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
