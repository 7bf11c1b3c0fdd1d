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
	"strconv"
	"strings"
	"time"

	"c10klab/internal/poll"
	"c10klab/internal/slowdisk"

	"golang.org/x/sys/unix"
)

// examine tries each capability; it changes nothing on the machine.
func examine() []capability {
	return []capability{
		cores(), descriptors(), machineThreads(), userThreads(), groupThreads(), backlog(), kernel(), kernelStamps(),
		residencyProbe(), cachestat(), root(), fuse(), loopDevices(), namespaces(), hardwareCounters(),
		performanceGovernor(), fileSystemMaker("mkfs.ext4", "e2fsprogs", "the emulated slow disk with ext4, its default"),
		fileSystemMaker("mkfs.xfs", "xfsprogs", "the emulated slow disk with XFS"), tool("strace", "the proof by system calls of which threads send"),
		tool("kcat", "the tests with librdkafka's client"), tool("cc", "the comparison with a plain C epoll loop"),
	}
}

func cores() capability {
	n := runtime.NumCPU()
	return capability{
		Name: "cores for server and load", There: n >= 2, Found: fmt.Sprintf("%d CPUs", n),
		Get: "run on a machine with at least two CPUs", Lost: "server and load generator share a CPU, so each measures the other",
	}
}

// wantDescriptors lets one process hold ten thousand connections with files besides.
const wantDescriptors = 12_000

func descriptors() capability {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return capability{
		Name: "descriptors", There: err == nil && limit.Max >= wantDescriptors, Found: fmt.Sprintf("%d, at most %d", limit.Cur, limit.Max),
		Get: "ulimit -Hn 20000, or LimitNOFILE= of the service", Lost: "runs with 10 000 connections",
	}
}

func backlog() capability {
	n, err := readNumber("/proc/sys/net/core/somaxconn")
	return capability{
		Name: "listen backlog", There: err == nil && n >= 1024, Found: fmt.Sprintf("somaxconn %d", n),
		Get: "sysctl net.core.somaxconn=4096", Lost: "thousands of connections at once without SYN retries",
	}
}

func kernel() capability {
	var u unix.Utsname
	err := unix.Uname(&u)
	release := unix.ByteSliceToString(u.Release[:])
	major, rest, _ := strings.Cut(release, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(minor)
	return capability{
		Name: "Linux 5.11 or newer", There: err == nil && (a > 5 || a == 5 && b >= 11), Found: release,
		Get: "a newer kernel", Lost: "exact pacing of sends (epoll_pwait2)",
	}
}

func kernelStamps() capability {
	c := capability{
		Name: "kernel receive stamps", Found: "SO_TIMESTAMPING on TCP over loopback",
		Get: "a kernel with CONFIG_NETWORK_PHY_TIMESTAMPING or software stamps", Lost: "SocketQueue: the wait before a request was read",
	}
	c.There = stampArrives() == nil
	return c
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

func found(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}

func residencyProbe() capability {
	err := onTempFile(func(fd int) error {
		_, err := unix.Preadv2(fd, [][]byte{make([]byte, 1)}, 0, unix.RWF_NOWAIT)
		return err
	})
	return capability{
		Name: "preadv2(RWF_NOWAIT)", There: err == nil, Found: found(err, "in this directory's file system"),
		Get: "data on ext4, xfs or btrfs", Lost: "send strategies that ask whether a chunk is in memory",
	}
}

func cachestat() capability {
	err := onTempFile(func(fd int) error {
		var state unix.Cachestat_t
		return unix.Cachestat(uint(fd), &unix.CachestatRange{Off: 0, Len: 1}, &state, 0)
	})
	return capability{
		Name: "cachestat", There: err == nil, Found: found(err, "in this directory's file system"),
		Get: "Linux 6.5 or newer", Lost: "the proof that files were cold before a trial",
	}
}

func fuse() capability {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return capability{
		Name: "/dev/fuse", There: err == nil, Found: found(err, "opens"),
		Get: "modprobe fuse, and run as root", Lost: "the emulated slow disk; runs use the given directory's own disk",
	}
}

func loopDevices() capability {
	f, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return capability{
		Name: "loop devices", There: err == nil, Found: found(err, "/dev/loop-control opens"),
		Get: "modprobe loop, and run as root", Lost: "the emulated slow disk",
	}
}

func namespaces() capability {
	_, err := os.Stat("/proc/self/ns/net")
	return capability{
		Name: "network namespaces", There: err == nil && os.Geteuid() == 0, Found: found(err, fmt.Sprintf("/proc/self/ns/net, user id %d", os.Geteuid())),
		Get: "run as root", Lost: "links with a delay, for followers in another datacentre",
	}
}

func hardwareCounters() capability {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_HARDWARE, Config: unix.PERF_COUNT_HW_CACHE_MISSES, Size: uint32(unix.PERF_ATTR_SIZE_VER0)}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return capability{
		Name: "hardware counters", There: err == nil, Found: found(err, "perf_event_open of cache misses"),
		Get: "a machine, or a virtual one, with a performance monitoring unit", Lost: "cache-miss rates; context switches stand in",
	}
}

func performanceGovernor() capability {
	const path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return capability{Name: "steady CPU frequency", There: true, Found: "no frequency scaling seen"}
	}
	governor := string(bytes.TrimSpace(text))
	return capability{
		Name: "steady CPU frequency", There: err == nil && governor == "performance", Found: found(err, "governor "+governor),
		Get: "cpupower frequency-set -g performance", Lost: "steady service times: the clock changes under load",
	}
}

func tool(name, lost string) capability {
	path, err := exec.LookPath(name)
	return capability{
		Name: "program " + name, There: err == nil, Found: found(err, path),
		Get: "install it (Debian packages: strace, kcat, gcc)", Lost: lost,
	}
}

// fileSystemMaker looks where administrators' programs are, too.
func fileSystemMaker(name, debian, lost string) capability {
	path, err := slowdisk.FindProgram(name)
	return capability{
		Name: "program " + name, There: err == nil, Found: found(err, path),
		Get: "install Debian package " + debian, Lost: lost,
	}
}

func root() capability {
	return capability{
		Name: "root", There: os.Geteuid() == 0, Found: fmt.Sprintf("user id %d", os.Geteuid()),
		Get: "run as root", Lost: "the emulated slow disk; runs use the given directory's own disk",
	}
}

func readNumber(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
