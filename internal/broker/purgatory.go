package broker

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"c10klab/storage"
)

// operation is a request that waits for something to happen to partitions:
// acks=all for the high watermark, a long poll for records (Kafka's
// DelayedOperation).
type operation interface {
	// satisfied reports whether the wait is over. Any number of threads may call it
	// at a time, also while complete runs, so what it reads must not change.
	satisfied() bool
	// abandoned reports that nobody waits for the answer any more. It is called
	// only while the operation is not complete.
	abandoned() bool
	// delay is called once, before another thread can reach the operation.
	delay()
	// complete answers with what there is. It is called exactly once.
	complete()
}

// purgatory keeps the operations that could not complete at once (Kafka's
// DelayedOperationPurgatory). Threads that change a partition call check; run
// ends what waits too long. All methods may be called from any thread.
type purgatory struct {
	now func() int64 // CLOCK_MONOTONIC ns

	// waiting lets check pass without the lock while nothing is delayed.
	waiting atomic.Int64

	mu     sync.Mutex
	all    []*delayed // in no order: run looks at each, to find those abandoned
	byLog  map[*storage.Log][]*delayed
	closed bool
	wakeNs int64 // when run looks next without being woken

	wake    chan struct{} // a deadline before wakeNs came, or closed is set
	stopped chan struct{} // run has returned
}

// delayed is an operation in the purgatory. Whoever takes it out of there, under
// the lock, completes it: that is what makes completion happen once.
type delayed struct {
	operation
	deadlineNs int64
	at         int            // its place among all, −1 once it is taken
	logs       []*storage.Log // that it is listed under
}

func newPurgatory(now func() int64) *purgatory {
	return &purgatory{
		now:     now,
		byLog:   map[*storage.Log][]*delayed{},
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
}

// completeOrWatch completes op on the calling thread and returns true if it is
// satisfied now. Otherwise op waits until a check of one of logs finds it
// satisfied, or for wait; it is then no longer the caller's.
func (p *purgatory) completeOrWatch(op operation, wait time.Duration, logs []*storage.Log) bool {
	if op.satisfied() {
		op.complete()
		return true
	}
	op.delay()
	d := &delayed{operation: op, deadlineNs: p.now() + int64(wait), logs: logs}
	if !p.add(d) {
		op.complete()
		return false
	}
	// An append between the first look and add has checked too early to see op.
	if op.satisfied() && p.take(d) {
		op.complete()
	}
	return false
}

// check completes the operations that wait for this log and are satisfied, on
// the calling thread.
func (p *purgatory) check(log *storage.Log) {
	if p.waiting.Load() == 0 {
		return
	}
	var room [32]*delayed
	p.mu.Lock()
	watching := append(room[:0], p.byLog[log]...)
	p.mu.Unlock()
	for _, d := range watching {
		if d.satisfied() && p.take(d) {
			d.complete()
		}
	}
}

// add lists d everywhere; false when the purgatory is closed.
func (p *purgatory) add(d *delayed) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	d.at = len(p.all)
	p.all = append(p.all, d)
	for _, log := range d.logs {
		p.byLog[log] = append(p.byLog[log], d)
	}
	p.waiting.Add(1)
	if d.deadlineNs < p.wakeNs {
		p.signal()
	}
	return true
}

// take gives the caller the right to complete d, unless another has it.
func (p *purgatory) take(d *delayed) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.at < 0 {
		return false
	}
	p.remove(d)
	return true
}

// remove takes d off all lists; the caller holds the lock and d is listed.
func (p *purgatory) remove(d *delayed) {
	p.all[len(p.all)-1].at = d.at
	p.all = without(p.all, d.at)
	d.at = -1
	for _, log := range d.logs {
		p.byLog[log] = without(p.byLog[log], slices.Index(p.byLog[log], d))
	}
	p.waiting.Add(-1)
}

// without removes the ith of an unordered list, keeping its memory for the next.
func without(list []*delayed, i int) []*delayed {
	last := len(list) - 1
	list[i], list[last] = list[last], nil
	return list[:last]
}

func (p *purgatory) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// sweepEvery is how often the purgatory looks for operations that nobody waits
// for any more: what a broken connection's long poll may hold on to its memory.
const sweepEvery = time.Second

// run completes operations whose time is over, and abandoned ones, until close.
func (p *purgatory) run() {
	defer close(p.stopped)
	timer := time.NewTimer(sweepEvery)
	for {
		wait, closed := p.expire()
		if closed {
			return
		}
		timer.Reset(wait)
		select {
		case <-p.wake:
		case <-timer.C:
		}
	}
}

// expire completes what is over by now and returns how long to sleep at most.
func (p *purgatory) expire() (wait time.Duration, closed bool) {
	over, wait, closed := p.takeOver()
	for _, d := range over {
		d.complete()
	}
	return wait, closed
}

// takeOver removes what is over: expired, abandoned, or everything when closed.
func (p *purgatory) takeOver() (over []*delayed, wait time.Duration, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	wait = sweepEvery
	for _, d := range p.all {
		if p.closed || d.deadlineNs <= now || d.abandoned() {
			over = append(over, d)
		} else {
			wait = min(wait, time.Duration(d.deadlineNs-now))
		}
	}
	for _, d := range over {
		p.remove(d)
	}
	p.wakeNs = now + int64(wait)
	return over, wait, p.closed
}

// close completes everything that waits and makes later operations wait no more.
// It returns when all is answered.
func (p *purgatory) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.signal()
	<-p.stopped
}
