package broker

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
	"sync/atomic"

	"c10klab/internal/record"
)

// recent keeps the last items up to a limit.
type recent[T any] struct {
	limit int
	items []T
	first int // index of the oldest, once the limit is reached
	lost  int64
}

func (r *recent[T]) add(item T) {
	if len(r.items) < r.limit {
		r.items = append(r.items, item)
		return
	}
	r.items[r.first] = item
	r.first = (r.first + 1) % r.limit
	r.lost++
}

// all copies the items, oldest first.
func (r *recent[T]) all() []T { return slices.Concat(r.items[r.first:], r.items[:r.first]) }

func (r *recent[T]) forget() { r.items, r.first, r.lost = r.items[:0], 0, 0 }

// maxSlowest is how many appends are kept: a thousandth of 64,000, which are 100 s of
// 40 MB/s in batches of 64 KiB.
const maxSlowest = 64

// slowest keeps the slowest appends. Any thread may call it; an append that is none of
// them costs one load.
type slowest struct {
	floorNs atomic.Int64 // appends up to this are none of the slowest

	mu   sync.Mutex
	kept byTook // a heap, the fastest on top
}

func (s *slowest) offer(a record.SlowAppend) {
	if a.TookNs <= s.floorNs.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	heap.Push(&s.kept, a)
	if len(s.kept) > maxSlowest {
		heap.Pop(&s.kept)
	}
	if len(s.kept) == maxSlowest {
		s.floorNs.Store(s.kept[0].TookNs)
	}
}

func (s *slowest) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = s.kept[:0]
	s.floorNs.Store(0)
}

// sorted copies what is kept, slowest first.
func (s *slowest) sorted() []record.SlowAppend {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(slices.Values(s.kept), func(a, b record.SlowAppend) int { return cmp.Compare(b.TookNs, a.TookNs) })
}

// byTook is a container/heap of appends.
type byTook []record.SlowAppend

func (h byTook) Len() int           { return len(h) }
func (h byTook) Less(i, j int) bool { return h[i].TookNs < h[j].TookNs }
func (h byTook) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byTook) Push(x any)        { *h = append(*h, x.(record.SlowAppend)) }
func (h *byTook) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
