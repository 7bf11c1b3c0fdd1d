package main

import "testing"

// Goroutines have as many Ps as the process has CPUs, however many the machine has.
func TestServerOnOneCPUHasOneP(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	s := startServer(t, "--service", "echo", "--model", "goroutine-per-connection", "--cpus", "0")
	if procs := snapshot(t, s.Admin).Process.GOMAXPROCS; procs != 1 {
		t.Errorf("GOMAXPROCS is %d", procs)
	}
}
