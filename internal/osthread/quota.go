package osthread

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// CPUQuota is how much CPU time the process's control groups let it have, as a container's
// --cpus sets it.
type CPUQuota struct {
	CPUs float64 // the tightest quota, in CPUs; 0: none
	// Throttled is how long they have kept its threads off the CPUs so far.
	Throttled time.Duration
}

// ReadCPUQuota asks the control group of this process and those above it, in either version;
// what cannot be read sets no quota.
func ReadCPUQuota() (q CPUQuota) {
	self, err := procfs.Self()
	if err != nil {
		return q
	}
	tightest := math.Inf(1)
	for _, dir := range groupDirs(self, "cpu") {
		tightest = min(tightest, quotaOf(dir))
		q.Throttled += throttledIn(dir)
	}
	if !math.IsInf(tightest, 1) {
		q.CPUs = tightest
	}
	return q
}

func quotaOf(dir string) (cpus float64) {
	var quota, period float64
	text, err := os.ReadFile(filepath.Join(dir, "cpu.max"))
	if err != nil { // version 1
		one, err1 := os.ReadFile(filepath.Join(dir, "cpu.cfs_quota_us"))
		two, err2 := os.ReadFile(filepath.Join(dir, "cpu.cfs_period_us"))
		if err1 != nil || err2 != nil {
			return math.Inf(1)
		}
		text = slices.Concat(one, two)
	}
	// Without a quota the first is "max", or −1 in version 1.
	if n, err := fmt.Sscan(string(text), &quota, &period); err != nil || n != 2 || quota <= 0 || period <= 0 {
		return math.Inf(1)
	}
	return quota / period
}

func throttledIn(dir string) time.Duration {
	text, err := os.ReadFile(filepath.Join(dir, "cpu.stat"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var name string
		var n int64
		if _, err := fmt.Sscan(line, &name, &n); err != nil {
			continue
		}
		switch name {
		case "throttled_usec":
			return time.Duration(n) * time.Microsecond
		case "throttled_time": // version 1
			return time.Duration(n)
		}
	}
	return 0
}

// groupDirs are the directories of a process's control group and of those above it, as far as a
// controller's files are there, in either version.
func groupDirs(process procfs.Proc, controller string) (dirs []string) {
	groups, err := process.Cgroups()
	if err != nil {
		return nil
	}
	for _, g := range groups {
		root := "/sys/fs/cgroup"
		switch {
		case slices.Contains(g.Controllers, controller):
			root += "/" + controller
		case len(g.Controllers) > 0:
			continue
		}
		for dir := filepath.Join(root, g.Path); strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
