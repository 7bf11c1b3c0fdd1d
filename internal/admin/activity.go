package admin

import (
	"cmp"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/knob"
	"c10klab/internal/record"
	"c10klab/internal/sample"
	"c10klab/storage"
)

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
	events  *sample.Ring[record.StoreEvent]
	samples *sample.Ring[record.WriteBackSample] // of length 0 without sampling
	// failures are one a partition at most.
	failures     []string
	stopSampling func() // nil: nothing is sampled
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
	return &Activity{events: sample.NewRing[record.StoreEvent](maxStoreEvents), samples: sample.NewRing[record.WriteBackSample](0)}
}

func (a *Activity) SegmentRolled(dir string, _ int64, took time.Duration) {
	a.note(record.EventRoll, dir, took)
}

func (a *Activity) Fsynced(path string, took time.Duration) { a.note(record.EventFsync, path, took) }

func (a *Activity) IndexFlushed(path string, took time.Duration) {
	a.note(record.EventIndexFlush, path, took)
}

// Recovered implements storage.Observer; what was cut is the store's to tell.
func (a *Activity) Recovered(storage.Cut) {}

func (a *Activity) Failed(_ string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, err.Error())
}

func (a *Activity) SegmentDeleted(path string, _ int64) { a.note(record.EventDelete, path, 0) }

// DiskFull implements storage.Observer; whoever appended was told.
func (a *Activity) DiskFull(string, error) {}

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
	a.events.Put(record.StoreEvent{Kind: kind, AtNs: clock.Now(), TookNs: int64(took), Path: path})
}

// Appended counts a call that put records into the log.
func (a *Activity) Appended(beganNs int64) {
	a.appends.Add(1)
	nowNs := clock.Now()
	a.slowest.offer(record.SlowAppend{AtNs: nowNs, TookNs: nowNs - beganNs})
}

// SampleWriteBack reads /proc/vmstat every 100 ms from now until Close, which only
// the kernels have that keep the counts needed.
func (a *Activity) SampleWriteBack() (err error) {
	a.samples = sample.NewRing[record.WriteBackSample](maxWriteBackSamples)
	a.stopSampling, err = sampleWriteBack(func(s record.WriteBackSample) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.samples.Put(s)
	})
	return err
}

// Mark forgets all that was before.
func (a *Activity) Mark() {
	a.appends.Store(0)
	a.slowest.forget()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events.Clear()
	a.samples.Clear()
}

func (a *Activity) Snapshot() *record.StoreActivity {
	s := &record.StoreActivity{Appends: a.appends.Load(), SlowestAppends: a.slowest.sorted()}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Events, s.LostEvents = a.events.Kept()
	s.WriteBack, s.LostSamples = a.samples.Kept()
	return s
}

func (a *Activity) Close() {
	if a.stopSampling != nil {
		a.stopSampling()
	}
}

// maxSlowest is how many appends are kept: a thousandth of 64,000, which are 100 s of
// 40 MB/s in batches of 64 KiB.
const maxSlowest = 64

// slowest keeps the slowest appends. Any thread may call it; an append that is none of
// them costs one load.
type slowest struct {
	floorNs atomic.Int64 // appends up to this are none of the slowest

	mu   sync.Mutex
	kept []record.SlowAppend // slowest first
}

func (s *slowest) offer(a record.SlowAppend) {
	if a.TookNs <= s.floorNs.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, _ := slices.BinarySearchFunc(s.kept, a, slowestFirst)
	s.kept = slices.Insert(s.kept, at, a)
	s.kept = s.kept[:min(len(s.kept), maxSlowest)]
	if len(s.kept) == maxSlowest {
		s.floorNs.Store(s.kept[maxSlowest-1].TookNs)
	}
}

func (s *slowest) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = s.kept[:0]
	s.floorNs.Store(0)
}

func (s *slowest) sorted() []record.SlowAppend {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

func slowestFirst(a, b record.SlowAppend) int { return cmp.Compare(b.TookNs, a.TookNs) }
