package osthread

import (
	"fmt"
	"time"

	"c10klab/internal/clock"

	"golang.org/x/sys/unix"
)

// BlockedMeter measures how long its thread sleeps inside a system call that
// neither computes nor waits for a CPU: around a send of file bytes into a
// non-blocking socket, the time blocked on the disk. It is
//
//	wall − Δ CLOCK_THREAD_CPUTIME_ID − Δ run-queue wait (/proc/self/task/TID/schedstat)
//
// and zero unless the thread gave up its CPU of its own will (voluntary switches of
// getrusage(RUSAGE_THREAD)). The CPU clock is used because schedstat's own CPU time
// is not brought up to date within a time slice.
//
// The times count from an anchor: an instant shortly before Begin, since when the
// thread has not slept, so that all its sleep since then lies in the call. A
// measurement that finds no sleep costs half a microsecond, a new anchor 2 µs.
//
// One locked thread owns a meter, from NewBlockedMeter to Close.
type BlockedMeter struct {
	schedstat int // descriptor
	text      [64]byte
	anchor    threadTimes
	awake     bool
}

type threadTimes struct{ wallNs, cpuNs, queuedNs, yields int64 }

// anchorForNs bounds an anchor's age: time that the machine takes from the thread
// (interrupts, a hypervisor) counts as neither CPU time nor wait.
const anchorForNs = int64(5 * time.Millisecond)

func NewBlockedMeter() (*BlockedMeter, error) {
	path := fmt.Sprintf("/proc/self/task/%d/schedstat", unix.Gettid())
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("measure time blocked: open %s: %w", path, err)
	}
	return &BlockedMeter{schedstat: fd}, nil
}

func (m *BlockedMeter) Begin() {
	if threadYields() == m.anchor.yields && clock.Now()-m.anchor.wallNs < anchorForNs {
		return
	}
	m.anchor.queuedNs = m.queuedNs()
	m.anchor.yields = threadYields()
	m.anchor.cpuNs = clock.ThreadCPU()
	m.anchor.wallNs = clock.Now()
}

// EndNs ends it and returns the nanoseconds blocked since Begin.
func (m *BlockedMeter) EndNs() int64 {
	wallNs := clock.Now() - m.anchor.wallNs
	slept := threadYields() != m.anchor.yields
	m.awake = !slept && wallNs < anchorForNs
	if !slept {
		return 0
	}
	cpuNs := clock.ThreadCPU() - m.anchor.cpuNs
	return max(0, wallNs-cpuNs-(m.queuedNs()-m.anchor.queuedNs))
}

// Awake reports whether the last measurement found no sleep and the next may do
// without Begin, if the thread does nothing meanwhile that may sleep.
func (m *BlockedMeter) Awake() bool { return m.awake }

func (m *BlockedMeter) Close() { unix.Close(m.schedstat) }

// queuedNs is the second number of schedstat: nanoseconds spent waiting for a CPU.
func (m *BlockedMeter) queuedNs() (ns int64) {
	n, _ := unix.Pread(m.schedstat, m.text[:], 0)
	field := 0
	for _, c := range m.text[:max(0, n)] {
		switch {
		case c == ' ':
			field++
		case field == 1:
			ns = ns*10 + int64(c-'0')
		}
	}
	return ns
}

func threadYields() int64 {
	var usage unix.Rusage
	unix.Getrusage(unix.RUSAGE_THREAD, &usage)
	return usage.Nvcsw
}
