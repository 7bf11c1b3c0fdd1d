// Package osthread runs functions on real, locked OS threads with names that
// /proc, strace and a debugger see, and takes a census of them by TID. Starting one raises
// GOMAXPROCS and the runtime's thread limit as needed (docs/models.md).
package osthread

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"unsafe"

	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// nameLimitBytes is TASK_COMM_LEN without its terminator (prctl(2)).
const nameLimitBytes = 15

// spareProcs are the Ps beyond the locked threads that the rest of the process
// (admin port, timers, runtime) needs.
const spareProcs = 2

// runtimeThreads is an allowance for the threads the Go runtime starts itself.
const runtimeThreads = 1000

// Thread is one locked OS thread.
type Thread struct {
	Name string
	TID  int
	// Index is unique among the threads of a Registry while it lives and is
	// never used again; recorders hash on it.
	Index int

	passedNs int64 // when it last passed the Go scheduler
}

// groupOf is a thread's name up to its number: "net" for "net-3".
func groupOf(name string) string {
	return strings.TrimSuffix(strings.TrimRight(name, "0123456789"), "-")
}

// Registry starts threads and knows those that live. Its methods may be called
// from any goroutine.
type Registry struct {
	options Options

	mu      poll.Mutex
	live    map[*Thread]struct{}
	started int
	group   sync.WaitGroup
}

// Options are how the kernel schedules a registry's threads.
type Options struct {
	Pin   bool // thread number i runs on the i-th CPU of the process's affinity mask only, round robin
	Batch bool // SCHED_BATCH (sched(7)): a thread that wakes does not preempt the one that runs
	// SharePs: the threads tell the Go runtime when they will block for long
	// (poll.RecvWait, poll.FutexWaitLong), so that sharedPs Ps do, however many threads
	// there are.
	SharePs bool
}

func NewRegistry(o Options) *Registry {
	return &Registry{options: o, live: map[*Thread]struct{}{}}
}

// roomEvery is how many threads are started between two looks at the system's
// limits, and how many more there must be room for then.
const roomEvery = 256

// Start runs body on a new locked OS thread and returns once the thread has its
// name and place. The thread ends when body returns; the goroutine stays locked
// to the end, so the kernel thread dies with it. A thread for which the system may
// have no room is refused (CheckRoom).
func (r *Registry) Start(name string, body func(*Thread)) error {
	ready := make(chan error)
	if err := r.StartSoon(name, body, func(err error) { ready <- err }); err != nil {
		return err
	}
	if err := <-ready; err != nil {
		return fmt.Errorf("start thread %s: %w", name, err)
	}
	return nil
}

// StartSoon is Start for those who start thousands: it returns at once, and the thread
// calls settled when it has its name and place, or cannot have them; then it ends
// without a call of body. An error means that there will be no thread.
func (r *Registry) StartSoon(name string, body func(*Thread), settled func(error)) error {
	if len(name) > nameLimitBytes {
		return fmt.Errorf("thread name %q is longer than the kernel's %d bytes", name, nameLimitBytes)
	}
	t, live := r.enlist(name)
	var err error
	if live%roomEvery == 0 {
		err = CheckRoom(roomEvery)
	}
	if err == nil && r.options.SharePs && live == raiseFrom {
		err = r.raiseRuntime()
	}
	if err != nil {
		r.strike(t)
		return fmt.Errorf("start thread %s: %w", name, err)
	}
	if r.options.SharePs {
		reserve(min(live, sharedPs), live, sharedPs)
	} else {
		Reserve(live)
	}
	go r.run(t, body, settled)
	return nil
}

func (r *Registry) enlist(name string) (*Thread, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &Thread{Name: name, Index: r.started}
	r.started++
	r.live[t] = struct{}{}
	r.group.Add(1)
	return t, len(r.live)
}

func (r *Registry) run(t *Thread, body func(*Thread), settled func(error)) {
	runtime.LockOSThread()
	defer r.strike(t)
	err := r.settle(t)
	settled(err)
	if err == nil {
		body(t)
	}
}

// settle names and places the calling thread.
func (r *Registry) settle(t *Thread) error {
	name := append([]byte(t.Name), 0)
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_NAME): %w", err)
	}
	runtime.KeepAlive(name)
	r.mu.Lock()
	t.TID = unix.Gettid() // from here on a census looks for the name
	r.mu.Unlock()
	if attr := ordinary.Load(); attr != nil {
		if err := setAttr(0, *attr); err != nil {
			return err
		}
	}
	if r.options.Batch {
		if err := setAttr(0, unix.SchedAttr{Policy: unix.SCHED_BATCH}); err != nil {
			return err
		}
	}
	if !r.options.Pin {
		return nil
	}
	cpus, err := ProcessCPUs()
	if err != nil {
		return err
	}
	return pinThread(0, cpus[t.Index%len(cpus):][:1])
}

func (r *Registry) strike(t *Thread) {
	r.mu.Lock()
	delete(r.live, t)
	r.mu.Unlock()
	r.group.Done()
}

// Wait returns when every started thread has ended.
func (r *Registry) Wait() { r.group.Wait() }

var reserveMu sync.Mutex

// sharedPs is how many Ps threads have at most that share them. A thread that the kernel
// preempts keeps its P until it runs again, and where a thread comes back from a system
// call and finds none left, the runtime hands threads over to each other: two more
// switches a request, during which the Ps handed over wait for a CPU too, so that it never
// ends under load (a third to half of the throughput). Up to this many threads have a P
// each, and that cannot begin; above, so many would have to be preempted at once. More
// would only be memory.
const sharedPs = 2048

// Reserve makes room for n locked threads. GOMAXPROCS grows by doubling, since each
// change stops the world; it never shrinks.
func Reserve(n int) { reserve(n, n, math.MaxInt) }

// reserve keeps GOMAXPROCS from growing ahead of its need beyond limit.
func reserve(procs, threads, limit int) {
	reserveMu.Lock()
	defer reserveMu.Unlock()
	now := runtime.GOMAXPROCS(0)
	if need := procs + spareProcs; now < need {
		runtime.GOMAXPROCS(max(need, min(2*now, limit)))
	}
	most := defaultMaxThreads + threads + runtimeThreads
	if before := debug.SetMaxThreads(most); before > most {
		debug.SetMaxThreads(before)
	}
}

// defaultMaxThreads is the Go runtime's initial limit, past which it aborts.
const defaultMaxThreads = 10_000
