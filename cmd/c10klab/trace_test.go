package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/hdr"
	"c10klab/internal/record"
)

// Every model meets the same arrivals, and a recorded run can be replayed.
func TestModelsMeetTheSameArrivalsAndARecordedRunIsReplayed(t *testing.T) {
	traces, hashes := map[string]string{}, map[string]string{}
	var replayable string
	for _, model := range []string{"reactor", "thread-per-connection"} {
		s := child.Serve(t, "--data", t.TempDir(), "--model", model)
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
	s := child.Serve(t, "--data", t.TempDir())
	m := loaded(t, "--target", s.Listen, "--producers", "4", "--partitions", "4", "--trace", replayable, "--warm-up", "100ms", "--window", "300ms")
	if planned := dueBetween(t, traces["reactor"], "Produce,4096", "0.1", "0.4"); m.OfferedRequests != planned || planned < 30 {
		t.Errorf("%d requests were offered, the trace has %d in the window", m.OfferedRequests, planned)
	}
}

// The fetches of a run with consumers are in its trace, and fall due again.
func TestARunWithConsumersIsReplayed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.csv")
	consuming := []string{"--producers", "4", "--partitions", "4", "--batch-bytes", "4KiB", "--consumers", "tail", "--consumer-connections", "2",
		"--fetch-max-wait", "20ms", "--fetch-max-bytes", "64KiB", "--warm-up", "100ms"}
	load := func(more ...string) record.Measurement {
		s := child.Serve(t, "--data", t.TempDir())
		return loaded(t, slices.Concat([]string{"--target", s.Listen, "--admin", s.Admin}, consuming, more)...)
	}
	load("--rate-requests", "300", "--window", "500ms", "--write-trace", path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	planned := dueBetween(t, string(text), "Fetch,65536", "0.1", "0.4")
	m := load("--trace", path, "--window", "300ms")
	for _, stage := range []string{"ResponseTime", "ServiceTime", "Lateness"} {
		if h := m.Histograms[hdr.Key{Stage: stage, API: "Fetch"}]; h == nil || h.Count() != planned {
			t.Errorf("%s of fetches is %v, the trace has %d in the window", stage, h, planned)
		}
	}
	if end := m.Histograms[hdr.Key{Stage: "EndToEnd", API: "Fetch"}]; end == nil || end.Count() != m.OfferedRequests || planned < 10 {
		t.Errorf("%d fetches were planned; %d batches were offered and %v of them consumed", planned, m.OfferedRequests, end)
	}
}

// A trace written by hand may hold nothing but fetches.
func TestFetchesAloneAreReplayed(t *testing.T) {
	s := child.Serve(t, "--data", t.TempDir())
	loaded(t, "--target", s.Listen, "--producers", "4", "--partitions", "4", "--rate-requests", "300", "--batch-bytes", "4KiB", "--warm-up", "100ms", "--window", "300ms")
	var text strings.Builder
	text.WriteString("time,api,bytes\n")
	for i := range 50 {
		fmt.Fprintf(&text, "%.2f,Fetch,5000\n", float64(i)/100)
	}
	path := filepath.Join(t.TempDir(), "fetches.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	m := loaded(t, "--target", s.Listen, "--admin", s.Admin, "--producers", "0", "--partitions", "4", "--consumers", "lagging", "--consumer-connections", "2",
		"--lagging-wrap", "true", "--trace", path, "--warm-up", "100ms", "--window", "300ms")
	if h := m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Fetch"}]; h == nil || h.Count() != 30 || m.LaggingMBps == 0 {
		t.Errorf("%v fetches were answered, %g MB/s read; 30 are due in the window", h, m.LaggingMBps)
	}
}

// dueBetween counts the requests of a trace, by API and size, whose times lie in
// [from, to); all times have one digit before the point.
func dueBetween(t *testing.T, trace, request, from, to string) (n int64) {
	t.Helper()
	for line := range strings.Lines(trace) {
		if at, what, _ := strings.Cut(strings.TrimSpace(line), ","); at >= from && at < to && what == request {
			n++
		}
	}
	return n
}
