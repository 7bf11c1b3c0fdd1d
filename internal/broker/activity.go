package broker

import (
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
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

// appended counts a call that put records into the log; nil does nothing.
func (a *Activity) appended(beganNs int64) {
	if a == nil {
		return
	}
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
