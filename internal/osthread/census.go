package osthread

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Entry is one thread as the kernel sees it (proc(5): task/TID/status, schedstat).
type Entry struct {
	Name                string `json:"name"`
	TID                 int    `json:"tid"`
	State               string `json:"state"` // R, S, D, T, Z …
	CPUNs               int64  `json:"cpu_ns"`
	RunQueueWaitNs      int64  `json:"run_queue_wait_ns"`
	TimeSlices          int64  `json:"time_slices"` // times that it got a CPU
	VoluntarySwitches   int64  `json:"voluntary_switches"`
	InvoluntarySwitches int64  `json:"involuntary_switches"`
}

// Group is the thread's name up to its number, as Thread.Group.
func (e Entry) Group() string { return groupOf(e.Name) }

// Since returns what the thread did between an earlier reading and this.
func (e Entry) Since(earlier Entry) Entry {
	e.CPUNs -= earlier.CPUNs
	e.RunQueueWaitNs -= earlier.RunQueueWaitNs
	e.TimeSlices -= earlier.TimeSlices
	e.VoluntarySwitches -= earlier.VoluntarySwitches
	e.InvoluntarySwitches -= earlier.InvoluntarySwitches
	return e
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
		groups[e.Group()]++
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
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return Census{}, err
		}
		name, ours := names[tid]
		if !ours {
			c.Runtime = append(c.Runtime, e)
			continue
		}
		if e.Name != name {
			return Census{}, fmt.Errorf("thread %d is %q in /proc and %q in the registry", tid, e.Name, name)
		}
		c.Threads = append(c.Threads, e)
	}
	slices.SortFunc(c.Threads, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

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
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, fmt.Errorf("list threads: %w", err)
	}
	tids := make([]int, 0, len(entries))
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, fmt.Errorf("/proc/self/task holds %q", e.Name())
		}
		tids = append(tids, tid)
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
