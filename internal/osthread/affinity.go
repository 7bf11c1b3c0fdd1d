package osthread

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxCPU is the highest CPU number that a mask of x/sys/unix holds.
const maxCPU = 1023

// ParseCPUs reads a list such as "0", "0,2" or "0-3".
func ParseCPUs(text string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from > to || from < 0 || to > maxCPU {
			return nil, fmt.Errorf("%q is not a list of CPUs such as 0,2 or 0-3", text)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// ProcessCPUs lists the CPUs that the main thread may run on.
func ProcessCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &set); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var cpus []int
	for cpu := range maxCPU + 1 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// PinProcess confines every thread of the process, and those they start later,
// to the given CPUs, and gives Go's scheduler as many Ps, unless the environment
// says how many. Call it before starting threads.
func PinProcess(cpus []int) error {
	// A thread that is not confined yet may start another one, of the runtime's, while
	// the list is gone through: it is over when a pass finds nothing to do.
	for done := false; !done; {
		var err error
		if done, err = pinThreads(cpus); err != nil {
			return fmt.Errorf("pin process to CPUs %v: %w", cpus, err)
		}
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.SetDefaultGOMAXPROCS()
	}
	return nil
}

// pinThreads confines the process's threads, and reports whether that changed nothing.
func pinThreads(cpus []int) (unchanged bool, err error) {
	tids, err := taskIDs()
	if err != nil {
		return false, err
	}
	unchanged = true
	for _, tid := range tids {
		var before, after unix.CPUSet
		err := unix.SchedGetaffinity(tid, &before)
		if err == nil {
			err = pinThread(tid, cpus)
		}
		if err == nil {
			err = unix.SchedGetaffinity(tid, &after)
		}
		switch {
		case err == unix.ESRCH: // the thread has ended
		case err != nil:
			return false, err
		case before != after:
			unchanged = false
		}
	}
	return unchanged, nil
}

func pinThread(tid int, cpus []int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return unix.SchedSetaffinity(tid, &set)
}
