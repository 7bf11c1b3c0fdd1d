package record

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

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
