package admin

import (
	"cmp"
	"container/heap"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/knob"
	"c10klab/internal/record"
	"c10klab/storage"
)

// How much an Activity keeps.
const (
	maxStoreEvents      = 4096
	maxWriteBackSamples = 36_000 // an hour
)

// Activity keeps what a store did since the last mark: its events, its slowest
// appends, and samples of kernel write-back. It is the store's observer. Any thread
// may call it.
type Activity struct {
	appends atomic.Int64
	slowest slowest

	mu      sync.Mutex
	events  recent[record.StoreEvent]
	samples recent[record.WriteBackSample]
	// failures are one a partition at most.
	failures []string
	sampler  *writeBackSampler // nil: none
}

var _ storage.Observer = (*Activity)(nil)

const writeBackSamplesKnob = "write-back-samples"

// Knobs are what a server records beyond the requests.
var Knobs = []knob.Knob{
	{Name: writeBackSamplesKnob, Group: knob.Instrument, Kind: knob.Bool, Default: "false",
		Meaning: "sample the kernel's write-back (/proc/vmstat) every 100 ms into the server's snapshot"},
}

// ActivityFrom starts the record of a store's activity that the knobs ask for; the
// caller closes it after the store.
func ActivityFrom(v *knob.Values) (*Activity, error) {
	a := NewActivity()
	if !v.Bool(writeBackSamplesKnob) {
		return a, nil
	}
	return a, a.SampleWriteBack()
}

// NewActivity makes one that does not sample.
func NewActivity() *Activity {
	return &Activity{
		events:  recent[record.StoreEvent]{limit: maxStoreEvents},
		samples: recent[record.WriteBackSample]{limit: maxWriteBackSamples},
	}
}

// SegmentRolled implements storage.Observer.
func (a *Activity) SegmentRolled(dir string, _ int64, took time.Duration) {
	a.note(record.EventRoll, dir, took)
}

// Fsynced implements storage.Observer.
func (a *Activity) Fsynced(path string, took time.Duration) { a.note(record.EventFsync, path, took) }

// IndexFlushed implements storage.Observer.
func (a *Activity) IndexFlushed(path string, took time.Duration) {
	a.note(record.EventIndexFlush, path, took)
}

// Recovered implements storage.Observer; what was cut is the store's to tell.
func (a *Activity) Recovered(storage.Cut) {}

// Failed implements storage.Observer.
func (a *Activity) Failed(_ string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, err.Error())
}

// SegmentDeleted implements storage.Observer.
func (a *Activity) SegmentDeleted(path string, _ int64) { a.note(record.EventDelete, path, 0) }

// HousekeepingFailed implements storage.Observer; it is tried again.
func (a *Activity) HousekeepingFailed(error) {}

// Failures are the errors after which partitions refuse writes, since the start.
func (a *Activity) Failures() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.failures)
}

// note keeps an event that ends now.
func (a *Activity) note(kind, path string, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Below the log dir, whose own path says nothing on another machine.
	path = filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path))
	a.events.add(record.StoreEvent{Kind: kind, AtNs: clock.Now(), TookNs: int64(took), Path: path})
}

// Appended counts a call that put records into the log.
func (a *Activity) Appended(beganNs int64) {
	a.appends.Add(1)
	nowNs := clock.Now()
	a.slowest.offer(record.SlowAppend{AtNs: nowNs, TookNs: nowNs - beganNs})
}

// SampleWriteBack reads /proc/vmstat every 100 ms from now until Close, which only
// the kernels have that keep the counts needed.
func (a *Activity) SampleWriteBack() error {
	sampler, err := startWriteBackSampler(func(s record.WriteBackSample) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.samples.add(s)
	})
	a.sampler = sampler
	return err
}

// Mark forgets all that was before.
func (a *Activity) Mark() {
	a.appends.Store(0)
	a.slowest.forget()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events.forget()
	a.samples.forget()
}

// Snapshot copies what is kept.
func (a *Activity) Snapshot() *record.StoreActivity {
	s := &record.StoreActivity{Appends: a.appends.Load(), SlowestAppends: a.slowest.sorted()}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Events, s.LostEvents = a.events.all(), a.events.lost
	s.WriteBack, s.LostSamples = a.samples.all(), a.samples.lost
	return s
}

// Close ends the sampling.
func (a *Activity) Close() {
	if a.sampler != nil {
		a.sampler.stop()
	}
}

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
