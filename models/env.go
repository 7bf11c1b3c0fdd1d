package models

import (
	"slices"
	"sync/atomic"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/poll"
	"c10klab/internal/stage"
)

// env is what all threads of one server share.
type env struct {
	config  Config
	send    Send
	service Service
	// identifier is the service, if its requests carry correlation ids; else nil.
	identifier Identifier
	stages     *stage.Recorder // nil: stages off
	plant      stage.Plant
	threads    *osthread.Registry
	offset     clock.Offset
	log        func(format string, args ...any)
	// wakesInTurns: loops wake handlers when they have read what there is.
	wakesInTurns bool

	connections atomic.Int64  // ever opened
	live        tally         // open, or still referred to by a job
	stopping    atomic.Bool   // take no new requests; answer those taken
	aborting    atomic.Bool   // close all connections now
	stopped     chan struct{} // closed when stopping is set

	null        int      // descriptor of /dev/null under prewarm
	ends        []func() // see atExit
	releases    []func()
	countersMu  poll.Mutex
	counters    map[*threadCounters]struct{} // of live threads
	pastIO      map[string]IOCounts          // what ended threads have counted, by name
	queues      []namedQueue
	pools       []*handlerPool
	residencies []*residencyCounts
	loopTimes   []*publicLoopTimes
}

// atExit leaves the end of something that a start has begun to the server: end tells
// threads to end, and release gives back descriptors once all threads have ended; either
// may be nil. The server calls them, the newest first, when no connection lives any more
// or when the start fails later on. The thread that starts the server calls it.
func (e *env) atExit(end, release func()) {
	if end != nil {
		e.ends = append(e.ends, end)
	}
	if release != nil {
		e.releases = append(e.releases, release)
	}
}

// exit ends what was started, and returns when all threads have ended.
func (e *env) exit() {
	for _, end := range slices.Backward(e.ends) {
		end()
	}
	e.threads.Wait()
	for _, release := range slices.Backward(e.releases) {
		release()
	}
}

// now reads the clock, unless no stage is recorded.
func (e *env) now() int64 {
	if e.stages == nil {
		return 0
	}
	return clock.Now()
}

// stampsArrivals reports whether the kernel's receive stamps are asked for: only
// stages use them.
func (e *env) stampsArrivals() bool { return e.config.KernelStamps && e.stages != nil }

// newReceiver makes one that receives into scratch, of scratchBytes.
func (e *env) newReceiver(counters *threadCounters, scratch []byte) receiver {
	return receiver{
		kernelStamps: e.stampsArrivals(),
		offset:       &e.offset,
		scratch:      scratch,
		counters:     counters,
	}
}

// tally is a number that somebody may wait to become zero.
type tally struct {
	mu   poll.Mutex
	n    int
	zero chan struct{} // closed when n becomes 0; nil while nobody waits
}

func (t *tally) add(d int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += d
	if t.n == 0 && t.zero != nil {
		close(t.zero)
		t.zero = nil
	}
}

func (t *tally) get() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// atZero returns a channel that is closed once the tally is zero.
func (t *tally) atZero() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if t.zero == nil {
		t.zero = make(chan struct{})
	}
	return t.zero
}
