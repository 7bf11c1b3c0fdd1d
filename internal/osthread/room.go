package osthread

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Limit is one bound of the system on threads.
type Limit struct {
	Name   string
	Value  int
	Used   int    // of Value, by threads or what they need
	Each   int    // of Value, that one thread needs
	Waived bool   // this process has the privilege to pass it
	Raise  string // the command that sets it, with %d for the value
}

// Left is how many more threads the limit allows.
func (l Limit) Left() int {
	if l.Waived {
		return math.MaxInt
	}
	return max(0, l.Value-l.Used) / l.Each
}

// Needed is the value that allows n more threads.
func (l Limit) Needed(n int) int { return l.Used + n*l.Each }

// Cure is the command that allows n more threads.
func (l Limit) Cure(n int) string { return fmt.Sprintf(l.Raise, l.Needed(n)) }

// Tightest is the limit that allows the fewest more threads; there must be one.
func Tightest(limits []Limit) Limit {
	return slices.MinFunc(limits, func(a, b Limit) int { return cmp.Compare(a.Left(), b.Left()) })
}

// CheckRoom reports whether the system lets this process start n more threads. Its
// error names the tightest limit, the value that is needed, and how to raise it. The
// Go runtime ends a process whose thread the kernel refuses to make, so whoever
// starts many asks first.
func CheckRoom(n int) error {
	limits, err := ThreadLimits()
	if err != nil {
		return err
	}
	tightest := Tightest(limits)
	if tightest.Left() >= n {
		return nil
	}
	return fmt.Errorf("%d more threads need %s of %d and it is %d; raise it with %s",
		n, tightest.Name, tightest.Needed(n), tightest.Value, tightest.Cure(n))
}

// CheckDescriptors reports whether the process may open connections, and some descriptors
// to spare. Its error names the limit, the value that is needed, and how to raise it.
func CheckDescriptors(who string, connections, spare int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit(RLIMIT_NOFILE): %w", err)
	}
	if need := uint64(connections + spare); need > limit.Cur {
		return fmt.Errorf("a %s of %d connections needs %d file descriptors and the limit is %d; raise it with ulimit -n %d", who, connections, need, limit.Cur, need)
	}
	return nil
}

const mappingsPerThread = 2

// otherMappings is an allowance for mappings that are no thread's stack.
const otherMappings = 1000

// UserLimit is the name of the bound on the user's threads.
const UserLimit = "RLIMIT_NPROC"

// GroupLimit begins the names of the bounds of control groups.
const GroupLimit = "pids.max"

// ThreadLimits are those of clone(2): kernel.pid_max and kernel.threads-max, which all
// processes share, UserLimit unless there is none, GroupLimit of the process's control
// group and of those above it; and vm.max_map_count, since the stack of a thread that
// libc makes is two mappings.
func ThreadLimits() ([]Limit, error) {
	self, err := procfs.Self()
	if err != nil {
		return nil, fmt.Errorf("count threads: %w", err)
	}
	stat, err := self.Stat()
	if err != nil {
		return nil, fmt.Errorf("count threads: %w", err)
	}
	own := stat.NumThreads
	everybody, err := machineThreads()
	if err != nil {
		return nil, err
	}
	limits := []Limit{
		{Name: "kernel.pid_max", Used: everybody, Each: 1},
		{Name: "kernel.threads-max", Used: everybody, Each: 1},
		{Name: "vm.max_map_count", Used: otherMappings + mappingsPerThread*own, Each: mappingsPerThread},
	}
	for i := range limits {
		l := &limits[i]
		l.Raise = "sysctl -w " + l.Name + "=%d"
		if l.Value, err = readInt("/proc/sys/" + strings.ReplaceAll(l.Name, ".", "/")); err != nil {
			return nil, err
		}
	}
	var processes unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &processes); err != nil {
		return nil, fmt.Errorf("getrlimit(RLIMIT_NPROC): %w", err)
	}
	if processes.Cur < unix.RLIM_INFINITY>>1 {
		limits = append(limits, Limit{Name: UserLimit, Value: int(processes.Cur), Used: own, Each: 1, Waived: os.Geteuid() == 0, Raise: "ulimit -u %d"})
	}
	return append(limits, groupLimits(self)...), nil
}

// machineThreads counts the threads of all processes (proc(5), loadavg).
func machineThreads() (int, error) {
	const path = "/proc/loadavg"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("count threads: %w", err)
	}
	var load [3]float64
	var running, total int
	if _, err := fmt.Sscanf(string(text), "%f %f %f %d/%d", &load[0], &load[1], &load[2], &running, &total); err != nil {
		return 0, fmt.Errorf("count threads: %s holds %q", path, text)
	}
	return total, nil
}

// groupLimits are the bounds of the process's control group and those above it, in
// either version; a group without a bound has none.
func groupLimits(self procfs.Proc) (limits []Limit) {
	for _, dir := range groupDirs(self, "pids") {
		bound, err1 := readInt(filepath.Join(dir, "pids.max"))
		used, err2 := readInt(filepath.Join(dir, "pids.current"))
		if err1 == nil && err2 == nil {
			limits = append(limits, Limit{Name: GroupLimit + " of " + dir, Value: bound, Used: used, Each: 1, Raise: "echo %d > " + dir + "/pids.max"})
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
