package slowdisk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// processID names a process for good: a pid is used again, a pid with a start
// time is not.
type processID struct {
	PID        int   `json:"pid"`
	StartTicks int64 `json:"start_ticks"` // since boot (proc(5), starttime)
	// Namespace is that of its pid (pid_namespaces(7)), in the kernel's words; empty: of a version
	// that did not note it.
	Namespace string `json:"pid_namespace,omitempty"`
}

func pidNamespace() string {
	name, _ := os.Readlink("/proc/self/ns/pid") // what cannot be told is of none
	return name
}

// elsewhere reports that the process is of another container, where its pid means another
// process or none. Only whether its disk answers tells whether it lives.
func (p processID) elsewhere() bool { return p.Namespace != "" && p.Namespace != pidNamespace() }

func thisProcess() (processID, error) {
	ticks, _, err := processStat(os.Getpid())
	if err != nil {
		return processID{}, fmt.Errorf("read own start time: %w", err)
	}
	return processID{os.Getpid(), ticks, pidNamespace()}, nil
}

func processStat(pid int) (startTicks int64, state string, err error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return 0, "", err
	}
	stat, err := process.Stat()
	return int64(stat.Starttime), stat.State, err
}

// state returns the process's state letter, "" if it has ended.
func (p processID) state() string {
	ticks, state, err := processStat(p.PID)
	if err != nil || ticks != p.StartTicks || state == "Z" || state == "X" {
		return ""
	}
	return state
}

func (p processID) alive() bool { return p.elsewhere() || p.state() != "" }

func (p processID) stopped() bool { return p.state() == "T" }

// signal sends a signal to this process and to no other that got its pid.
func (p processID) signal(s unix.Signal) error {
	if p.elsewhere() {
		return nil
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	if !p.alive() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, s, nil, 0); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

func (p processID) awaitEnd(limit time.Duration) error {
	return within(limit, fmt.Sprintf("process %d to end", p.PID), func() (bool, error) { return !p.alive(), nil })
}
