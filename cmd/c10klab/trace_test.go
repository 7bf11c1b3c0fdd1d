package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every model meets the same arrivals, and a recorded run can be replayed.
func TestModelsMeetTheSameArrivalsAndARecordedRunIsReplayed(t *testing.T) {
	traces, hashes := map[string]string{}, map[string]string{}
	var replayable string
	for _, model := range []string{"reactor", "thread-per-connection"} {
		s := startServer(t, "--data", t.TempDir(), "--model", model)
		path := filepath.Join(t.TempDir(), "trace.csv")
		m := loaded(t, "--target", s.Listen, "--producers", "4", "--partitions", "4", "--rate-requests", "300", "--batch-bytes", "4KiB",
			"--seed", "7", "--warm-up", "100ms", "--window", "500ms", "--write-trace", path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		traces[model], hashes[model], replayable = string(text), m.ScheduleHash, path
	}
	if traces["reactor"] != traces["thread-per-connection"] || hashes["reactor"] != hashes["thread-per-connection"] || hashes["reactor"] == "" {
		t.Errorf("one seed gave the models different arrivals: hashes %v", hashes)
	}
	s := startServer(t, "--data", t.TempDir())
	m := loaded(t, "--target", s.Listen, "--producers", "4", "--partitions", "4", "--trace", replayable, "--warm-up", "100ms", "--window", "300ms")
	if planned := dueBetween(t, traces["reactor"], "0.1", "0.4"); m.OfferedRequests != planned || planned < 30 {
		t.Errorf("%d requests were offered, the trace has %d in the window", m.OfferedRequests, planned)
	}
}

// dueBetween counts the lines of a trace whose times lie in [from, to); all times have
// one digit before the point.
func dueBetween(t *testing.T, trace, from, to string) (n int64) {
	t.Helper()
	for line := range strings.Lines(trace) {
		if at, _, _ := strings.Cut(line, ","); at >= from && at < to && at != "time" {
			n++
		}
	}
	return n
}
