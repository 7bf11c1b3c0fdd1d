package models

import (
	"sync/atomic"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/poll"
)

// queue is a bounded first-in first-out hand-off between OS threads. Waiting
// threads sleep on a futex, which hands over in under a microsecond where a
// channel between locked goroutines takes four.
type queue[T any] struct {
	mu        poll.Mutex
	ring      []T
	head      int
	count     int
	closed    bool
	takers    waiters
	putters   waiters
	fullWaits atomic.Int64  // puts that had to wait
	overflow  []overflow[T] // items that wait outside, oldest first
	due       atomic.Int32  // takers that wakeDue shall wake
	longest   int           // most items since forgetLongest, those outside included
}

// waiters is an event count: a sequence to sleep on, the number of sleepers, and
// how many of them have been woken and do not run yet, so that a burst of items
// costs one system call a sleeper. The queue's lock guards the rest.
type waiters struct {
	sequence        atomic.Uint32
	sleeping, woken int
	sleptNs         int64 // thread-nanoseconds up to sinceNs
	sinceNs         int64
}

// count adds to the number of sleepers.
func (w *waiters) count(delta int) {
	nowNs := clock.Now()
	w.sleptNs += int64(w.sleeping) * (nowNs - w.sinceNs)
	w.sleeping += delta
	w.sinceNs = nowNs
}

func newQueue[T any](bound int) *queue[T] { return &queue[T]{ring: make([]T, bound)} }

// put appends an item, blocking while the queue is full. False: it is closed.
func (q *queue[T]) put(item T) bool {
	q.mu.Lock()
	if q.count == len(q.ring) && !q.closed {
		q.fullWaits.Add(1)
	}
	for q.count == len(q.ring) && !q.closed {
		q.sleep(&q.putters, nil)
	}
	return q.append(item)
}

// offer appends an item if there is room.
func (q *queue[T]) offer(item T) bool {
	q.mu.Lock()
	if q.count == len(q.ring) {
		q.mu.Unlock()
		return false
	}
	return q.append(item)
}

// offerUnwoken is offer without waking a thread to take the item: the caller calls
// wakeDue before it sleeps or does anything that takes long.
func (q *queue[T]) offerUnwoken(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == len(q.ring) || q.closed {
		return false
	}
	q.push(item)
	if q.takers.claim() {
		q.due.Add(1)
	}
	return true
}

// wakeDue wakes the threads for what offerUnwoken appended, and reports whether
// there were any.
func (q *queue[T]) wakeDue() bool {
	if q.due.Load() == 0 {
		return false
	}
	poll.FutexWake(&q.takers.sequence, int(q.due.Swap(0)))
	return true
}

// append is called with the lock held and releases it.
func (q *queue[T]) append(item T) bool {
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.push(item)
	q.unlockAndWake(&q.takers)
	return true
}

// push is called with the lock held, when there is room.
func (q *queue[T]) push(item T) {
	q.ring[(q.head+q.count)%len(q.ring)] = item
	q.count++
	q.longest = max(q.longest, q.count+len(q.overflow))
}

// take removes the oldest item, blocking the calling thread while the queue is
// empty. False: it is closed and empty.
func (q *queue[T]) take(t *osthread.Thread) (item T, ok bool) {
	q.mu.Lock()
	for q.count == 0 && !q.closed {
		q.sleep(&q.takers, t)
	}
	return q.remove()
}

// poll removes the oldest item if there is one.
func (q *queue[T]) poll() (item T, ok bool) {
	q.mu.Lock()
	return q.remove()
}

// remove is called with the lock held and releases it.
func (q *queue[T]) remove() (item T, ok bool) {
	if q.count == 0 {
		q.mu.Unlock()
		return item, false
	}
	var none T
	item, q.ring[q.head] = q.ring[q.head], none
	q.head = (q.head + 1) % len(q.ring)
	q.count--
	if len(q.overflow) > 0 {
		q.admitOverflow()
		return item, true
	}
	q.unlockAndWake(&q.putters)
	return item, true
}

// close wakes everybody; takers still get what is there.
func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.takers.sequence.Add(1)
	q.putters.sequence.Add(1)
	q.mu.Unlock()
	poll.FutexWake(&q.takers.sequence, 1<<30)
	poll.FutexWake(&q.putters.sequence, 1<<30)
}

// sleep releases the lock until another thread changes the queue. The calling
// thread is nil where it seldom sleeps.
func (q *queue[T]) sleep(w *waiters, t *osthread.Thread) {
	w.count(1)
	seen := w.sequence.Load()
	q.mu.Unlock()
	if t != nil {
		t.AboutToBlock()
	}
	poll.FutexWait(&w.sequence, seen)
	q.mu.Lock()
	w.count(-1)
	w.woken = max(0, w.woken-1)
}

func (q *queue[T]) unlockAndWake(w *waiters) {
	wake := w.claim()
	q.mu.Unlock()
	if wake {
		poll.FutexWake(&w.sequence, 1)
	}
}

// claim picks a sleeper to be woken, if there is one that is not yet. It is called
// with the queue's lock held.
func (w *waiters) claim() bool {
	if w.sleeping <= w.woken {
		return false
	}
	w.woken++
	w.sequence.Add(1)
	return true
}

// overflow is an item that waits for room outside the queue, on nobody's thread.
type overflow[T any] struct {
	item  T
	taken func() // called once the item is in the queue
}

// offerOrWait appends an item if there is room. Otherwise the item waits outside
// and is appended when those that came before it are: then taken is called on the
// thread that made room. False: it waits. What waits outside comes before threads
// that wait in put.
func (q *queue[T]) offerOrWait(item T, taken func()) bool {
	q.mu.Lock()
	if q.count == len(q.ring) && !q.closed {
		q.overflow = append(q.overflow, overflow[T]{item, taken})
		q.longest = max(q.longest, q.count+len(q.overflow))
		q.mu.Unlock()
		return false
	}
	return q.append(item)
}

// admitOverflow moves the oldest item that waits outside into the room just made.
// It is called with the lock held and releases it.
func (q *queue[T]) admitOverflow() {
	first := q.overflow[0]
	last := copy(q.overflow, q.overflow[1:])
	q.overflow[last] = overflow[T]{}
	q.overflow = q.overflow[:last]
	q.append(first.item)
	first.taken()
}

func (q *queue[T]) length() (now, longest int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count + len(q.overflow), q.longest
}

func (q *queue[T]) forgetLongest() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.longest = q.count + len(q.overflow)
}

// idleNs is how long takers have slept, those that sleep now included.
func (q *queue[T]) idleNs() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.takers.count(0)
	return q.takers.sleptNs
}
