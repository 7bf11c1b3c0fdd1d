package osthread

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Entry is one thread as the kernel sees it (proc(5): task/TID/status, schedstat).
type Entry struct {
	Name                string `json:"name"`
	TID                 int    `json:"tid" since:"level"`
	State               string `json:"state"` // R, S, D, T, Z …
	CPUNs               int64  `json:"cpu_ns"`
	RunQueueWaitNs      int64  `json:"run_queue_wait_ns"`
	TimeSlices          int64  `json:"time_slices"` // times that it got a CPU
	VoluntarySwitches   int64  `json:"voluntary_switches"`
	InvoluntarySwitches int64  `json:"involuntary_switches"`
}

// ThisThread reads the calling thread, which must be locked.
func ThisThread() (Entry, error) { return readEntry(unix.Gettid()) }

// Census lists the threads of the process: those of a registry by name, and the
// rest, which belong to the Go runtime.
type Census struct {
	Threads []Entry `json:"threads"`
	Runtime []Entry `json:"runtime"`
}

// Groups counts the registry's threads by group name.
func (c Census) Groups() map[string]int {
	groups := map[string]int{}
	for _, e := range c.Threads {
		groups[groupOf(e.Name)]++
	}
	return groups
}

// Census reads /proc/self/task. A thread that ends meanwhile is left out; one
// whose name in /proc differs from the registry's is an error, for then the
// census would not show what it claims to.
func (r *Registry) Census() (Census, error) {
	names := r.namesByTID()
	tids, err := taskIDs()
	if err != nil {
		return Census{}, err
	}
	var c Census
	for _, tid := range tids {
		e, err := readEntry(tid)
		name, ours := names[tid]
		switch {
		case errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH):
		case err != nil:
			return Census{}, err
		case !ours:
			c.Runtime = append(c.Runtime, e)
		case e.Name != name:
			return Census{}, fmt.Errorf("thread %d is %q in /proc and %q in the registry", tid, e.Name, name)
		default:
			c.Threads = append(c.Threads, e)
		}
	}
	slices.SortFunc(c.Threads, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

// namesByTID are the registry's threads.
func (r *Registry) namesByTID() map[int]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make(map[int]string, len(r.live))
	for t := range r.live {
		if t.TID != 0 {
			names[t.TID] = t.Name
		}
	}
	return names
}

func taskIDs() ([]int, error) {
	threads, err := procfs.AllThreads(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("list threads: %w", err)
	}
	tids := make([]int, len(threads))
	for i, t := range threads {
		tids[i] = t.PID
	}
	return tids, nil
}

func readEntry(tid int) (Entry, error) {
	e := Entry{TID: tid}
	dir := "/proc/self/task/" + strconv.Itoa(tid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return e, err
	}
	for line := range bytes.Lines(status) {
		key, value, _ := strings.Cut(string(line), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Name":
			e.Name = value
		case "State":
			e.State = value[:1]
		case "voluntary_ctxt_switches":
			e.VoluntarySwitches, err = strconv.ParseInt(value, 10, 64)
		case "nonvoluntary_ctxt_switches":
			e.InvoluntarySwitches, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil {
			return e, fmt.Errorf("%s/status: %s: %w", dir, key, err)
		}
	}
	schedstat, err := os.ReadFile(dir + "/schedstat")
	if err != nil {
		return e, err
	}
	if _, err := fmt.Sscan(string(schedstat), &e.CPUNs, &e.RunQueueWaitNs, &e.TimeSlices); err != nil {
		return e, fmt.Errorf("%s/schedstat: %w", dir, err)
	}
	return e, nil
}

// Use is what a group of threads has done since each of them started.
type Use struct {
	Threads int `json:"threads" since:"level"`
	// States counts them by their state at that instant (proc(5)): R, S, D, T, Z …
	States              map[string]int `json:"states" since:"level"`
	CPUNs               int64          `json:"cpu_ns"`
	RunQueueWaitNs      int64          `json:"run_queue_wait_ns"`
	VoluntarySwitches   int64          `json:"voluntary_switches"`
	InvoluntarySwitches int64          `json:"involuntary_switches"`
}

// RuntimeGroup is the group of the threads that are not the registry's.
const RuntimeGroup = "runtime"

func (c Census) Use() map[string]Use {
	use := map[string]Use{}
	for _, e := range c.Threads {
		use[groupOf(e.Name)] = use[groupOf(e.Name)].with(e)
	}
	for _, e := range c.Runtime {
		use[RuntimeGroup] = use[RuntimeGroup].with(e)
	}
	return use
}

func (u Use) with(e Entry) Use {
	if u.States == nil {
		u.States = map[string]int{}
	}
	u.States[e.State]++
	u.Threads++
	u.CPUNs += e.CPUNs
	u.RunQueueWaitNs += e.RunQueueWaitNs
	u.VoluntarySwitches += e.VoluntarySwitches
	u.InvoluntarySwitches += e.InvoluntarySwitches
	return u
}

// listedThreads is how many threads a document lists one by one.
const listedThreads = 256

// Short leaves out the list of a group of threads that is too long to be written
// into a document; Use has its sums.
func (c Census) Short() Census {
	if len(c.Threads) > listedThreads {
		c.Threads = nil
	}
	if len(c.Runtime) > listedThreads {
		c.Runtime = nil
	}
	return c
}
