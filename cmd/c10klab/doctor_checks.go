package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"c10klab/experiments"
	"c10klab/internal/osthread"
	"c10klab/internal/poll"
	"c10klab/internal/record"
	"c10klab/internal/slowdisk"

	"golang.org/x/sys/unix"
)

// What thousands of connections want.
const (
	wantDescriptors = 12_000 // one process holds ten thousand connections with files besides
	wantThreads     = 10_100 // each of ten thousand connections has one, with others besides
)

// examine tries each capability; it changes nothing on the machine.
func examine() []capability {
	const (
		here    = "in this directory's file system"
		ownDisk = "the emulated slow disk; runs use the given directory's own disk"
		install = "install it (Debian packages: strace, kcat, gcc)"
	)
	cpus, user := runtime.NumCPU(), os.Geteuid()
	userID := fmt.Sprintf("user id %d", user)
	var files unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &files) // none where it fails
	backlog := 0
	somaxconn, _ := os.ReadFile("/proc/sys/net/core/somaxconn")
	_, _ = fmt.Sscan(string(somaxconn), &backlog)
	var name unix.Utsname
	_ = unix.Uname(&name)
	release, major, minor := unix.ByteSliceToString(name.Release[:]), 0, 0
	_, _ = fmt.Sscanf(release, "%d.%d", &major, &minor)
	namespaces := works("network namespaces", exists("/proc/self/ns/net"), "/proc/self/ns/net, "+userID,
		"run as root", "links with a delay, for followers in another datacentre")
	namespaces.There = namespaces.There && user == 0
	quota := osthread.ReadCPUQuota().CPUs
	return []capability{
		{"cores for server and load", cpus >= 2, fmt.Sprintf("%d CPUs", cpus),
			"run on a machine with at least two CPUs", "server and load generator share a CPU, so each measures the other"},
		{"no quota on CPU time", quota == 0 || quota >= float64(cpus), fmt.Sprintf("%g CPUs by control groups (cpu.max), 0: no quota", quota),
			"a container without --cpus; CPUs of its own by --cpuset-cpus do no harm", "whoever uses up the quota stands still for the rest of each tenth of a second; such trials count for nothing"},
		{"descriptors", files.Max >= wantDescriptors, fmt.Sprintf("%d, at most %d", files.Cur, files.Max),
			"ulimit -Hn 20000, or LimitNOFILE= of the service", "runs with 10 000 connections"},
		threads("threads of the machine", func(limit string) bool {
			return limit != osthread.UserLimit && !strings.HasPrefix(limit, osthread.GroupLimit)
		}),
		threads("threads of the user", func(limit string) bool { return limit == osthread.UserLimit }),
		threads("threads of the control group", func(limit string) bool { return strings.HasPrefix(limit, osthread.GroupLimit) }),
		{"listen backlog", backlog >= 1024, fmt.Sprintf("somaxconn %d", backlog),
			"sysctl net.core.somaxconn=4096", "thousands of connections at once without SYN retries"},
		{"Linux 5.11 or newer", major > 5 || major == 5 && minor >= 11, release,
			"a newer kernel", "exact pacing of sends (epoll_pwait2)"},
		{"kernel receive stamps", stampArrives() == nil, "SO_TIMESTAMPING on TCP over loopback",
			"a kernel with CONFIG_NETWORK_PHY_TIMESTAMPING or software stamps", "SocketQueue: the wait before a request was read"},
		works("preadv2(RWF_NOWAIT)", onTempFile(readNoWait), here,
			"data on ext4, xfs or btrfs", "send strategies that ask whether a chunk is in memory"),
		works("cachestat", onTempFile(askCachestat), here,
			"Linux 6.5 or newer", "the proof that files were cold before a trial"),
		{"root", user == 0, userID, "run as root", ownDisk},
		works("/dev/fuse", opens("/dev/fuse"), "opens", "modprobe fuse, and run as root", ownDisk),
		works("loop devices", opens("/dev/loop-control"), "/dev/loop-control opens",
			"modprobe loop, and run as root", "the emulated slow disk"),
		namespaces,
		works("hardware counters", countCacheMisses(), "perf_event_open of cache misses",
			"a machine, or a virtual one, with a performance monitoring unit", "cache-miss rates; context switches stand in"),
		performanceGovernor(),
		keptMemory(record.ReadPageReporting()),
		// Administrators' programs are not on everyone's path.
		program(slowdisk.FindProgram, "mkfs.ext4", "install Debian package e2fsprogs", "the emulated slow disk with ext4, its default"),
		program(slowdisk.FindProgram, "mkfs.xfs", "install Debian package xfsprogs", "the emulated slow disk with XFS"),
		program(exec.LookPath, "strace", install, "the proof by system calls of which threads send"),
		program(exec.LookPath, "kcat", install, "the tests with librdkafka's client"),
		program(exec.LookPath, "cc", install, "the comparison with a plain C epoll loop"),
	}
}

// works is a capability that was tried, with what was found where that went well.
func works(name string, err error, found, get, lost string) capability {
	if err != nil {
		found = err.Error()
	}
	return capability{name, err == nil, found, get, lost}
}

func program(find func(string) (string, error), name, get, lost string) capability {
	path, err := find(name)
	return works("program "+name, err, path, get, lost)
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

func opens(device string) error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return err
}

// stampArrives sends bytes over loopback until one read carries a stamp.
func stampArrives() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	defer client.Close()
	accepted, err := listener.Accept()
	if err != nil {
		return err
	}
	file, err := accepted.(*net.TCPConn).File()
	accepted.Close()
	if err != nil {
		return err
	}
	defer file.Close()
	fd := int(file.Fd())
	if err := poll.EnableReceiveStamps(fd); err != nil {
		return err
	}
	var r poll.StampedReceiver
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		if _, err := client.Write([]byte{0}); err != nil {
			return err
		}
		if _, realNs, errno := r.RecvWait(fd, make([]byte, 1)); errno != 0 {
			return errno
		} else if realNs != 0 {
			return nil
		}
	}
	return errors.New("no stamp came within a second")
}

// onTempFile runs a probe on a file of one page in the working directory.
func onTempFile(probe func(fd int) error) error {
	f, err := os.CreateTemp(".", ".c10klab-doctor-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, os.Getpagesize())); err != nil {
		return err
	}
	return probe(int(f.Fd()))
}

func readNoWait(fd int) error {
	_, err := unix.Preadv2(fd, [][]byte{make([]byte, 1)}, 0, unix.RWF_NOWAIT)
	return err
}

func askCachestat(fd int) error {
	var state unix.Cachestat_t
	return unix.Cachestat(uint(fd), &unix.CachestatRange{Off: 0, Len: 1}, &state, 0)
}

func countCacheMisses() error {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_HARDWARE, Config: unix.PERF_COUNT_HW_CACHE_MISSES, Size: uint32(unix.PERF_ATTR_SIZE_VER0)}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func performanceGovernor() capability {
	const name = "steady CPU frequency"
	text, err := os.ReadFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	if errors.Is(err, fs.ErrNotExist) {
		return capability{Name: name, There: true, Found: "no frequency scaling seen"}
	}
	governor := string(bytes.TrimSpace(text))
	c := works(name, err, "governor "+governor,
		"cpupower frequency-set -g performance", "steady service times: the clock changes under load")
	c.There = c.There && governor == "performance"
	return c
}

// keptMemory is the capability that memory which was free for a while costs no more than other.
func keptMemory(p record.PageReporting) capability {
	c := capability{"memory that the host leaves", !p.On(), "free page reporting " + p.State,
		"run --set " + experiments.BackedMemoryKnob + "=2GiB keeps so much in the machine; or have the host take the balloon's free page reporting away",
		"fresh pages at one cost: of memory that was free for seconds they cost up to ten times as much, in whichever trial takes them"}
	if p.On() {
		c.Found += fmt.Sprintf(": free blocks of %d KiB or more go back, %.1f GiB so far", p.BlockBytes()>>10, float64(p.ReportedKiB)/(1<<20))
	}
	return c
}

// threads is the capability that some of this system's limits on threads leave room.
func threads(name string, belongs func(limit string) bool) capability {
	all, err := osthread.ThreadLimits()
	if err != nil {
		return works(name, err, "", "mount /proc", threadsLost)
	}
	return threadRoom(name, slices.DeleteFunc(all, func(l osthread.Limit) bool { return !belongs(l.Name) }))
}

const threadsLost = "thread-per-connection with 10 000 connections"

// threadRoom judges limits as those do who start threads.
func threadRoom(name string, limits []osthread.Limit) capability {
	if len(limits) == 0 {
		return capability{Name: name, There: true, Found: "no limit"}
	}
	tightest := osthread.Tightest(limits)
	var found []string
	for _, l := range limits {
		text := fmt.Sprintf("%s %d", l.Name, l.Value)
		if l.Waived {
			text += " (does not bind root)"
		}
		found = append(found, text)
	}
	c := capability{name, tightest.Left() >= wantThreads, strings.Join(found, ", "), tightest.Cure(wantThreads), threadsLost}
	if !c.There {
		c.Found += fmt.Sprintf(": room for %d more", tightest.Left())
	}
	return c
}
