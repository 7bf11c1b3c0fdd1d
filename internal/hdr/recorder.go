package hdr

import (
	"runtime"
	"slices"
	"sync"
)

// Recorders collect durations from any number of threads in a fixed number of
// recorders, about two a core, so ten thousand connections cost no more memory
// than ten. A thread takes the recorder its hint hashes to, or the next free
// one; each recorder is double-buffered: a snapshot swaps the buffers under the
// recorder's lock and reads the retired one outside it, so a writer waits for
// one pointer swap at most. Counts are cumulative; nothing is ever lost to a
// snapshot.
//
// Reading takes milliseconds of CPU time, which a measured window should not
// contain. Mark divides the counts at the window's beginning for the cost of the
// swaps; what was before it is read with the next snapshot.
type Recorders struct {
	slots []Recorder

	mu      sync.Mutex // held by the reader
	total   []*Histogram
	marked  []*Histogram // total at the last mark
	pending bool         // the idle buffers hold counts from before the last mark
}

// Recorder is one slot, held by one thread from Acquire to Release.
type Recorder struct {
	Index        int // among the Recorders'
	mu           sync.Mutex
	active, idle buffer
	_            [64]byte // keeps two slots off one cache line
}

// buffer is one set of histograms. Zeros are counted apart: a stage that a model
// does not have costs a counter and no histogram.
type buffer struct {
	histograms []*counts
	zeros      []int64
}

func newBuffer(histograms int) buffer {
	return buffer{make([]*counts, histograms), make([]int64, histograms)}
}

// NewRecorders makes recorders for a given number of histograms, each made when
// first used.
func NewRecorders(histograms int) *Recorders {
	r := &Recorders{
		slots:  make([]Recorder, 2*runtime.NumCPU()),
		total:  make([]*Histogram, histograms),
		marked: make([]*Histogram, histograms),
	}
	for i := range r.slots {
		r.slots[i].Index = i
		r.slots[i].active, r.slots[i].idle = newBuffer(histograms), newBuffer(histograms)
	}
	return r
}

// Acquire locks a recorder for the calling thread, which must Release it soon.
// The hint is any number that differs between threads.
func (r *Recorders) Acquire(hint int) *Recorder {
	n := len(r.slots)
	for i := range n {
		if slot := &r.slots[(hint+i)%n]; slot.mu.TryLock() {
			return slot
		}
	}
	slot := &r.slots[hint%n]
	slot.mu.Lock()
	return slot
}

// Number is how many recorders there are.
func (r *Recorders) Number() int { return len(r.slots) }

// Held calls a function while no thread holds recorder i.
func (r *Recorders) Held(i int, call func()) {
	r.slots[i].mu.Lock()
	defer r.slots[i].mu.Unlock()
	call()
}

// Await returns when all who hold a recorder now have released it.
func (r *Recorders) Await() {
	for i := range r.slots {
		r.Held(i, func() {})
	}
}

// Record counts one duration in histogram i.
func (s *Recorder) Record(i int, ns int64) {
	if ns == 0 {
		s.active.zeros[i]++
		return
	}
	s.active.of(i).record(ns)
}

// RecordRow counts one duration in each of the histograms from first on whose bit of known
// is set, at most 32 of them.
func (s *Recorder) RecordRow(first int, ns []int64, known uint32) {
	zeros, histograms := s.active.zeros[first:][:len(ns)], s.active.histograms[first:][:len(ns)]
	for i, one := range ns {
		switch {
		case known&(1<<i) == 0:
		case one == 0:
			zeros[i]++
		case histograms[i] != nil:
			histograms[i].record(one)
		default:
			s.active.of(first + i).record(one)
		}
	}
}

// of returns histogram i, made when first used.
func (b *buffer) of(i int) *counts {
	if b.histograms[i] == nil {
		b.histograms[i] = newCounts()
	}
	return b.histograms[i]
}

// Release gives the recorder back.
func (s *Recorder) Release() { s.mu.Unlock() }

// retire makes the idle buffer active and returns the other, which no writer
// touches until the next retire. Histograms in use get their twin beforehand so
// that a writer does not have to make one inside a measured window.
func (s *Recorder) retire() buffer {
	for i := range s.idle.histograms {
		s.mu.Lock()
		used := s.active.histograms[i] != nil
		s.mu.Unlock()
		if used && s.idle.histograms[i] == nil {
			s.idle.histograms[i] = newCounts()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active, s.idle = s.idle, s.active
	return s.idle
}

// Mark divides the counts into before and after now, for microseconds of CPU
// time. Any thread may call it; writers go on meanwhile.
func (r *Recorders) Mark() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle()
	for i := range r.slots {
		r.slots[i].retire()
	}
	r.pending = true
}

// Snapshot returns independent copies of all counts since the start and of those
// before the last mark, nil for a histogram never used. Any thread may call it;
// writers go on meanwhile.
func (r *Recorders) Snapshot() (now, atMark []*Histogram) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle()
	for i := range r.slots {
		r.gather(r.slots[i].retire())
	}
	return clone(r.total), clone(r.marked)
}

// settle reads what the last mark left in the idle buffers.
func (r *Recorders) settle() {
	if !r.pending {
		return
	}
	for i := range r.slots {
		r.gather(r.slots[i].idle)
	}
	r.marked = clone(r.total)
	r.pending = false
}

// gather moves a retired buffer's counts into the total.
func (r *Recorders) gather(retired buffer) {
	for j, c := range retired.histograms {
		if r.total[j] == nil && (c != nil || retired.zeros[j] > 0) {
			r.total[j] = NewHistogram()
		}
		if retired.zeros[j] > 0 {
			r.total[j].RecordN(0, retired.zeros[j])
			retired.zeros[j] = 0
		}
		if c != nil {
			c.moveTo(r.total[j])
		}
	}
}

func clone(histograms []*Histogram) []*Histogram {
	copies := make([]*Histogram, len(histograms))
	for i, h := range histograms {
		if h != nil {
			copies[i] = h.Clone()
		}
	}
	return copies
}

// MemoryBytes is what all histograms made so far occupy.
func (r *Recorders) MemoryBytes() (bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range slices.Concat(r.total, r.marked) {
		if h != nil {
			bytes += h.MemoryBytes()
		}
	}
	for i := range r.slots {
		s := &r.slots[i]
		s.mu.Lock()
		for _, c := range slices.Concat(s.active.histograms, s.idle.histograms) {
			if c != nil {
				bytes += 4 * len(c.buckets)
			}
		}
		s.mu.Unlock()
	}
	return bytes
}
