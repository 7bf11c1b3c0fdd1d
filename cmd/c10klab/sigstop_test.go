package main

import (
	"syscall"
	"testing"
	"time"

	"c10klab/internal/child"
	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

const (
	stopped = 2 * time.Second
	// visible is how much of a stop must be seen: requests fall due every 10 ms.
	visible = stopped - 100*time.Millisecond
)

// stoppedUnderLoad measures a server while one of the two processes is stopped
// within the window. There are so many connections that most are idle when the
// stop begins; more answers than connections mean that the window is under way.
func stoppedUnderLoad(t *testing.T, stop func(s *child.Server, load *child.Process) (pid int)) (m record.Measurement, exit int) {
	t.Helper()
	s := child.Serve(t, "--data", t.TempDir())
	load := child.Start(t, "", "load", "--json", "--target", s.Listen, "--admin", s.Admin, "--schedule", "constant",
		"--rate-requests", "100", "--producers", "50", "--partitions", "8", "--batch-bytes", "4KiB", "--warm-up", "0s", "--window", "6s")
	child.Eventually(t, "the window is under way", func() bool {
		return load.Over() || child.Snapshot(t, s.Admin).Counters.Responses["Produce"] > 80
	})
	pid := stop(s, load)
	child.Suspend(t, pid)
	<-time.After(stopped) // the disturbance itself; nothing is waited for
	child.Signal(t, pid, syscall.SIGCONT)
	exit = load.Wait(t)
	decode(t, load.Stdout.String(), &m)
	return m, exit
}

func longest(m record.Measurement, stage string) time.Duration {
	h := m.Histograms[hdr.Key{Stage: stage, API: "Produce"}]
	if h == nil {
		return 0
	}
	return time.Duration(h.MaxNs())
}

func TestStoppedServerIsSeenAndNotTheGeneratorsFault(t *testing.T) {
	m, exit := stoppedUnderLoad(t, func(s *child.Server, _ *child.Process) int { return s.PID })
	if exit != exitOK && exit != exitLimited { // a busy machine limits
		t.Fatalf("load ended with %d", exit)
	}
	if seen := max(longest(m, "ResponseTime"), longest(m, "BackPressure")); seen < visible {
		t.Errorf("the longest ResponseTime or BackPressure is %v, the server stood still for %v", seen, stopped)
	}
	if late := longest(m, "Lateness"); late >= visible {
		t.Errorf("the generator takes the blame for the server's stop: Lateness is up to %v", late)
	}
}

func TestStoppedGeneratorBlamesItself(t *testing.T) {
	m, exit := stoppedUnderLoad(t, func(_ *child.Server, load *child.Process) int { return load.Cmd.Process.Pid })
	if exit != exitLimited || m.Outcome != record.GeneratorLimited {
		t.Errorf("exit %d, outcome %s; want %d, %s", exit, m.Outcome, exitLimited, record.GeneratorLimited)
	}
	if late := longest(m, "Lateness"); late < visible {
		t.Errorf("Lateness is up to %v, the generator stood still for %v", late, stopped)
	}
}
