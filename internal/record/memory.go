package record

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
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
	const path = "/proc/self/statm"
	text, err := os.ReadFile(path)
	if err != nil {
		return Memory{}, fmt.Errorf("read the resident set: %w", err)
	}
	columns := bytes.Fields(text)
	if len(columns) < 2 {
		return Memory{}, fmt.Errorf("read the resident set: %s holds %q", path, text)
	}
	pages, err := strconv.ParseInt(string(columns[1]), 10, 64)
	if err != nil {
		return Memory{}, fmt.Errorf("read the resident set: %w", err)
	}
	return Memory{PID: os.Getpid(), RSSBytes: pages * int64(os.Getpagesize())}, nil
}
