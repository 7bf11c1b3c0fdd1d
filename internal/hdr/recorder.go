package hdr

import (
	"runtime"
	"sync"
)

// Recorders collect durations from any number of threads in a fixed number of
// recorders, about two a core, so ten thousand connections cost no more memory
// than ten. A thread takes the recorder its hint hashes to, or the next free
// one; each recorder is double-buffered: a snapshot swaps the buffers under the
// recorder's lock and reads the retired one outside it, so a writer waits for
// one pointer swap at most. Counts are cumulative; nothing is ever lost to a
// snapshot.
type Recorders struct {
	slots      []Recorder
	histograms int

	mu    sync.Mutex // held by the reader
	total []*Histogram
}

// Recorder is one slot, held by one thread from Acquire to Release.
type Recorder struct {
	mu           sync.Mutex
	active, idle []*Histogram
	_            [64]byte // keeps two slots off one cache line
}

// NewRecorders makes recorders for a given number of histograms, each made when
// first used.
func NewRecorders(histograms int) *Recorders {
	r := &Recorders{
		slots:      make([]Recorder, 2*runtime.NumCPU()),
		histograms: histograms,
		total:      make([]*Histogram, histograms),
	}
	for i := range r.slots {
		r.slots[i].active = make([]*Histogram, histograms)
		r.slots[i].idle = make([]*Histogram, histograms)
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

// Record counts one duration in histogram i.
func (s *Recorder) Record(i int, ns int64) {
	h := s.active[i]
	if h == nil {
		h = NewHistogram()
		s.active[i] = h
	}
	h.Record(ns)
}

// RecordN counts n equal durations in histogram i.
func (s *Recorder) RecordN(i int, ns, n int64) {
	if s.active[i] == nil {
		s.active[i] = NewHistogram()
	}
	s.active[i].RecordN(ns, n)
}

// Release gives the recorder back.
func (s *Recorder) Release() { s.mu.Unlock() }

// retire makes the idle buffer active and returns the other, which no writer
// touches until the next retire. Histograms in use get their twin beforehand so
// that a writer does not have to make one inside a measured window.
func (s *Recorder) retire() []*Histogram {
	for i := range s.idle {
		s.mu.Lock()
		used := s.active[i] != nil
		s.mu.Unlock()
		if used && s.idle[i] == nil {
			s.idle[i] = NewHistogram()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active, s.idle = s.idle, s.active
	return s.idle
}

// Snapshot returns an independent copy of all counts since the start, nil for a
// histogram never used. Any thread may call it; writers go on meanwhile.
func (r *Recorders) Snapshot() []*Histogram {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.slots {
		for j, h := range r.slots[i].retire() {
			if h == nil {
				continue
			}
			if r.total[j] == nil {
				r.total[j] = NewHistogram()
			}
			r.total[j].Merge(h)
			h.Reset()
		}
	}
	copies := make([]*Histogram, r.histograms)
	for i, h := range r.total {
		if h != nil {
			copies[i] = h.Clone()
		}
	}
	return copies
}

// MemoryBytes is what all histograms made so far occupy.
func (r *Recorders) MemoryBytes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	bytes := sumBytes(r.total)
	for i := range r.slots {
		r.slots[i].mu.Lock()
		bytes += sumBytes(r.slots[i].active) + sumBytes(r.slots[i].idle)
		r.slots[i].mu.Unlock()
	}
	return bytes
}

func sumBytes(histograms []*Histogram) (bytes int) {
	for _, h := range histograms {
		if h != nil {
			bytes += h.MemoryBytes()
		}
	}
	return bytes
}
