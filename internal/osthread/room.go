package osthread

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// limit is one bound of the system on threads.
type limit struct {
	name  string
	value int
	used  int // of value, by threads or what they need
	each  int // of value, that one thread needs
	raise string
}

// left is how many more threads the limit allows.
func (l limit) left() int { return max(0, l.value-l.used) / l.each }

// needed is the value that allows n more threads.
func (l limit) needed(n int) int { return l.used + n*l.each }

// CheckRoom reports whether the system lets this process start n more threads. Its
// error names the tightest limit, the value that is needed, and how to raise it. The
// Go runtime ends a process whose thread the kernel refuses to make, so whoever
// starts many asks first.
//
// The limits are those of clone(2): kernel.pid_max and kernel.threads-max, which all
// processes share, RLIMIT_NPROC where the process lacks the privilege to pass it,
// pids.max of its control group; and vm.max_map_count, since the stack of a thread
// that libc makes is two mappings.
func CheckRoom(n int) error {
	limits, err := threadLimits()
	if err != nil {
		return err
	}
	tightest := slices.MinFunc(limits, func(a, b limit) int { return cmp.Compare(a.left(), b.left()) })
	if tightest.left() >= n {
		return nil
	}
	need := tightest.needed(n)
	return fmt.Errorf("%d more threads need %s of %d and it is %d; raise it with %s",
		n, tightest.name, need, tightest.value, fmt.Sprintf(tightest.raise, need))
}

const mappingsPerThread = 2

// otherMappings is an allowance for mappings that are no thread's stack.
const otherMappings = 1000

func threadLimits() ([]limit, error) {
	everybody, err := machineThreads()
	if err != nil {
		return nil, err
	}
	own, err := ownThreads()
	if err != nil {
		return nil, err
	}
	var limits []limit
	for _, l := range []limit{
		{name: "kernel.pid_max", used: everybody, each: 1},
		{name: "kernel.threads-max", used: everybody, each: 1},
		{name: "vm.max_map_count", used: otherMappings + mappingsPerThread*own, each: mappingsPerThread},
	} {
		l.raise = "sysctl -w " + l.name + "=%d"
		if l.value, err = readInt("/proc/sys/" + strings.ReplaceAll(l.name, ".", "/")); err != nil {
			return nil, err
		}
		limits = append(limits, l)
	}
	var processes unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &processes); err != nil {
		return nil, fmt.Errorf("getrlimit(RLIMIT_NPROC): %w", err)
	}
	if bounded := processes.Cur < unix.RLIM_INFINITY>>1; bounded && os.Geteuid() != 0 {
		limits = append(limits, limit{name: "RLIMIT_NPROC", value: int(processes.Cur), used: own, each: 1, raise: "ulimit -u %d"})
	}
	return append(limits, groupLimits()...), nil
}

// machineThreads counts the threads of all processes (proc(5), loadavg).
func machineThreads() (int, error) {
	const path = "/proc/loadavg"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("count threads: %w", err)
	}
	const scheduled = 3
	if columns := strings.Fields(string(text)); len(columns) > scheduled {
		_, total, _ := strings.Cut(columns[scheduled], "/")
		if n, err := strconv.Atoi(total); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("count threads: %s holds %q", path, text)
}

// ownThreads counts this process's threads.
func ownThreads() (int, error) {
	const path = "/proc/self/status"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("count threads: %w", err)
	}
	for line := range bytes.Lines(text) {
		if number, found := bytes.CutPrefix(line, []byte("Threads:")); found {
			return strconv.Atoi(string(bytes.TrimSpace(number)))
		}
	}
	return 0, fmt.Errorf("count threads: %s does not say", path)
}

// groupLimits are the bounds of the process's control group and those above it, in
// either version; a group without a bound has none.
func groupLimits() (limits []limit) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 {
			continue
		}
		root := "/sys/fs/cgroup"
		switch controllers := strings.Split(parts[1], ","); {
		case slices.Contains(controllers, "pids"):
			root = "/sys/fs/cgroup/pids"
		case parts[1] != "":
			continue
		}
		for dir := filepath.Join(root, parts[2]); strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
			bound, err1 := readInt(filepath.Join(dir, "pids.max"))
			used, err2 := readInt(filepath.Join(dir, "pids.current"))
			if err1 == nil && err2 == nil {
				limits = append(limits, limit{name: "pids.max of " + dir, value: bound, used: used, each: 1, raise: "echo %d > " + dir + "/pids.max"})
			}
		}
	}
	return limits
}

func readInt(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read a limit: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read a limit: %s holds %q", path, text)
	}
	return n, nil
}
