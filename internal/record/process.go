package record

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// ThisProcess reads the calling process's use of the machine (getrusage(2)).
func ThisProcess() Process {
	p := Process{PID: os.Getpid(), GOMAXPROCS: runtime.GOMAXPROCS(0)}
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		p.CPUNs = usage.Utime.Nano() + usage.Stime.Nano()
		p.VoluntarySwitches, p.InvoluntarySwitches = usage.Nvcsw, usage.Nivcsw
		p.PeakRSSBytes = usage.Maxrss << 10
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	p.GCCycles, p.GCPauseNs = gc.NumGC, int64(gc.PauseTotal)
	heap := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(heap)
	p.AllocatedObjects, p.AllocatedBytes = int64(heap[0].Value.Uint64()), int64(heap[1].Value.Uint64())
	return p
}

// MemoryPath is where the admin port answers GET with a Memory.
const MemoryPath = "/memory"

// Memory is what a process occupies at one instant.
type Memory struct {
	PID           int   `json:"pid"`
	RSSBytes      int64 `json:"rss_bytes"`      // resident set (proc(5), statm)
	RecorderBytes int64 `json:"recorder_bytes"` // of them, what histograms take
}

// ThisMemory reads the calling process's; recorders are the caller's to add.
func ThisMemory() (Memory, error) {
	var statm procfs.ProcStatm
	self, err := procfs.Self()
	if err == nil {
		statm, err = self.Statm()
	}
	if err != nil {
		return Memory{}, fmt.Errorf("read the resident set: %w", err)
	}
	return Memory{PID: self.PID, RSSBytes: int64(statm.ResidentBytes())}, nil
}
