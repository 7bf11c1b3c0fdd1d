package main

import (
	"strings"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/record"
)

// exitOf is README.md's table.
var exitOf = map[record.Outcome]int{
	record.Valid: exitOK, record.Saturated: exitOK,
	record.GeneratorLimited: exitLimited, record.EnvironmentLimited: exitLimited,
}

// loaded runs a load whose outcome a busy machine may make graver, and checks that
// the exit status says the outcome.
func loaded(t *testing.T, args ...string) record.Measurement {
	t.Helper()
	stdout, stderr, exit := child.Run(t, append([]string{"load", "--json"}, args...)...)
	if stdout == "" {
		t.Fatalf("load ended with %d: %s", exit, stderr)
	}
	var m record.Measurement
	decode(t, stdout, &m)
	if want, known := exitOf[m.Outcome]; !known || exit != want {
		t.Errorf("outcome %s with exit status %d", m.Outcome, exit)
	}
	return m
}

func failedCheck(m record.Measurement, name string) bool {
	for _, c := range m.Checks {
		if strings.HasPrefix(c.Name, name) && !c.OK {
			return true
		}
	}
	return false
}

func TestOverloadedServerIsSaturatedAndNoFailure(t *testing.T) {
	s := child.Serve(t, "--service", "synthetic", "--model", "reactor", "--cost", "10ms")
	m := loaded(t, "--target", s.Listen, "--protocol", "echo", "--producers", "8", "--rate-requests", "500",
		"--warm-up", "100ms", "--window", "1s", "--drain", "200ms")
	if m.Outcome == record.Valid || m.Outcome == record.GeneratorLimited || !failedCheck(m, "acknowledged below offered") {
		t.Errorf("a server of 100 requests/s offered 500 is %s: %+v", m.Outcome, m.Checks)
	}
}

func TestConsumersWithNothingToReadLimitTheRun(t *testing.T) {
	s := child.Serve(t, "--data", t.TempDir())
	m := loaded(t, "--target", s.Listen, "--consumers", "lagging", "--producers", "2", "--consumer-connections", "2", "--partitions", "2",
		"--rate-requests", "50", "--batch-bytes", "4KiB", "--warm-up", "100ms", "--window", "500ms", "--fetch-max-wait", "50ms")
	if m.Outcome != record.EnvironmentLimited && m.Outcome != record.GeneratorLimited || !failedCheck(m, "lagging consumers caught up") {
		t.Errorf("consumers at the end of the log make %s: %+v", m.Outcome, m.Checks)
	}
}
