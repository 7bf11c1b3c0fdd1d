package poll

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futex(2) operations, private to the process.
const (
	futexWaitPrivate = 0 | 128
	futexWakePrivate = 1 | 128
)

// FutexWait blocks the thread while *word equals value. It may return early;
// callers look at the word again.
func FutexWait(word *atomic.Uint32, value uint32) {
	unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitPrivate, uintptr(value), 0, 0, 0)
}

// FutexWaitLong is FutexWait on a thread that will most likely wait for long (see
// blockingSyscall).
func FutexWaitLong(word *atomic.Uint32, value uint32) {
	blockingSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitPrivate, uintptr(value), 0, 0, 0)
	runtime.KeepAlive(word)
}

// FutexWake wakes up to n threads that wait on word.
func FutexWake(word *atomic.Uint32, n int) {
	unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakePrivate, uintptr(n), 0, 0, 0)
}

// Yield lets other threads that are ready run on the CPU before this one goes on.
func Yield() { unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// spinsBeforeSleep is how often Lock looks again before it sleeps; the sections
// it guards are a few dozen instructions long.
const spinsBeforeSleep = 30

// Mutex is a lock for short sections shared by locked OS threads, which sleep on a futex
// (Drepper, "Futexes Are Tricky", mutex 2) and not in the Go scheduler, where a switch
// takes 4 µs. The zero Mutex is unlocked.
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
