package main

import (
	"testing"

	"c10klab/internal/child"
)

// Goroutines have as many Ps as the process has CPUs, however many the machine has.
func TestServerOnOneCPUHasOneP(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	s := child.Serve(t, "--service", "echo", "--model", "goroutine-per-connection", "--cpus", "0")
	if procs := child.Snapshot(t, s.Admin).Process.GOMAXPROCS; procs != 1 {
		t.Errorf("GOMAXPROCS is %d", procs)
	}
}
