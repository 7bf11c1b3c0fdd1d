package poll

import "sync/atomic"

// spinsBeforeSleep is how often Lock looks again before it sleeps; the sections
// it guards are a few dozen instructions long.
const spinsBeforeSleep = 30

// Mutex is a lock for short sections shared by locked OS threads. A contended
// sync.Mutex parks the goroutine, and parking a locked one costs two thread
// switches through the scheduler (about 4 µs); this one sleeps on a futex (Drepper,
// "Futexes Are Tricky", mutex 2). The zero Mutex is unlocked.
type Mutex struct{ state atomic.Uint32 }

const (
	mutexFree = iota
	mutexHeld
	mutexHeldWithWaiters
)

func (m *Mutex) Lock() {
	for range spinsBeforeSleep {
		if m.state.CompareAndSwap(mutexFree, mutexHeld) {
			return
		}
	}
	for m.state.Swap(mutexHeldWithWaiters) != mutexFree {
		FutexWait(&m.state, mutexHeldWithWaiters)
	}
}

func (m *Mutex) Unlock() {
	if m.state.Swap(mutexFree) == mutexHeldWithWaiters {
		FutexWake(&m.state, 1)
	}
}
