package results

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"c10klab/internal/osthread"
	"c10klab/internal/record"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Host is what a reader needs to know of the machine. A fact that the machine
// does not tell is empty or 0.
type Host struct {
	Kernel            string            `json:"kernel"`
	Architecture      string            `json:"architecture"`
	Cores             int               `json:"cores"`
	CPUQuota          float64           `json:"cpu_quota,omitempty"` // of the control groups, in CPUs; 0: none
	CPUModel          string            `json:"cpu_model"`
	Governor          string            `json:"governor"`
	MemoryBytes       int64             `json:"memory_bytes"`
	Virtualised       bool              `json:"virtualised"` // the processor shows a hypervisor
	Machine           string            `json:"machine"`     // DMI product name
	DataFileSystem    string            `json:"data_file_system"`
	DataDevice        string            `json:"data_device"`
	CongestionControl string            `json:"congestion_control"`
	Limits            map[string]string `json:"limits"`
	LoadBefore        string            `json:"load_before"` // /proc/loadavg
	// PageReporting has what was reported since the machine's start.
	PageReporting record.PageReporting `json:"page_reporting,omitzero"`
}

// ReadHost reads the facts of this machine; dataDir is where the logs will be.
func ReadHost(dataDir string) Host {
	h := Host{
		Kernel:            readText("/proc/sys/kernel/osrelease"),
		Architecture:      runtime.GOARCH,
		Cores:             runtime.NumCPU(),
		CPUQuota:          osthread.ReadCPUQuota().CPUs,
		Governor:          readText("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		Machine:           readText("/sys/class/dmi/id/product_name"),
		CongestionControl: readText("/proc/sys/net/ipv4/tcp_congestion_control"),
		Limits:            limits(),
		LoadBefore:        ReadLoad(),
		PageReporting:     record.ReadPageReporting(),
	}
	proc, _ := procfs.NewDefaultFS() // one that is missing tells nothing
	if cpus, err := proc.CPUInfo(); err == nil && len(cpus) > 0 {
		h.CPUModel, h.Virtualised = cpus[0].ModelName, slices.Contains(cpus[0].Flags, "hypervisor")
	}
	if memory, err := proc.Meminfo(); err == nil && memory.MemTotalBytes != nil {
		h.MemoryBytes = int64(*memory.MemTotalBytes)
	}
	h.DataFileSystem, h.DataDevice = mountOf(dataDir)
	return h
}

func (h Host) Hardware() string {
	virtual := ""
	if h.Virtualised {
		virtual = ", virtualised"
	}
	quota := ""
	if h.CPUQuota > 0 {
		quota = fmt.Sprintf(", at most %s CPUs by quota", Significant(h.CPUQuota))
	}
	const gib = 1 << 30
	return fmt.Sprintf("%d × %s (%s%s%s), %.0f GiB", h.Cores, h.CPUModel, h.Architecture, virtual, quota, float64(h.MemoryBytes)/gib)
}

// System names kernel, file system of the data and congestion control.
func (h Host) System() string {
	return fmt.Sprintf("Linux %s, data on %s, TCP %s", h.Kernel, h.DataFileSystem, h.CongestionControl)
}

// ReadLoad is the machine's load average now, as /proc/loadavg tells it.
func ReadLoad() string { return readText("/proc/loadavg") }

func readText(path string) string {
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data))
}

func limits() map[string]string {
	limits := map[string]string{
		"somaxconn": readText("/proc/sys/net/core/somaxconn"),
		"wmem":      readText("/proc/sys/net/ipv4/tcp_wmem"),
		"rmem":      readText("/proc/sys/net/ipv4/tcp_rmem"),
		"threads":   readText("/proc/sys/kernel/threads-max"),
		"dirty":     readText("/proc/sys/vm/dirty_ratio") + " %",
	}
	for name, resource := range map[string]int{"open_files": unix.RLIMIT_NOFILE, "processes": unix.RLIMIT_NPROC} {
		var limit unix.Rlimit
		if unix.Getrlimit(resource, &limit) == nil {
			limits[name] = fmt.Sprint(limit.Cur)
		}
	}
	return limits
}

// mountOf finds the file system type and source of dir by its device number.
func mountOf(dir string) (fileSystem, source string) {
	var st unix.Stat_t
	mounts, err := procfs.GetMounts()
	if err != nil || unix.Stat(dir, &st) != nil {
		return "", ""
	}
	device := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	for _, m := range mounts {
		if m.MajorMinorVer == device {
			return m.FSType, m.Source
		}
	}
	return "", ""
}
