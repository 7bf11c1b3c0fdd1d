package record

import (
	"fmt"

	"github.com/prometheus/procfs"
)

// MemoryPath is where the admin port answers GET with a Memory.
const MemoryPath = "/memory"

// Memory is what a process occupies at one instant.
type Memory struct {
	PID      int   `json:"pid"`
	RSSBytes int64 `json:"rss_bytes"` // resident set (proc(5), statm)
	// RecorderBytes is the part of it that histograms take.
	RecorderBytes int64 `json:"recorder_bytes"`
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
