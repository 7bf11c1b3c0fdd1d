package main

import (
	"strings"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/record"
)

// A thread that sleeps 10 ms a request can do 100 a second and no more, however busy the
// machine is. Short windows let somewhat more pass before the queue is long.
func TestFindMaxFindsWhatAServerCannotExceed(t *testing.T) {
	const capacity = 100
	s := child.Serve(t, "--service", "synthetic", "--model", "reactor", "--cost", "10ms", "--cost-kind", "sleep")
	stdout, stderr, exit := child.Run(t, "load", "--target", s.Listen, "--protocol", "echo", "--producers", "8", "--in-flight", "8",
		"--schedule", "constant", "--rate-requests", "80", "--find-max", "--slo", "p50<40ms", "--warm-up", "50ms", "--window", "300ms", "--json")
	if exit != exitOK && exit != exitLimited { // a busy machine limits
		t.Fatalf("find-max ended with %d: %s", exit, stderr)
	}
	var found record.MaxRate
	decode(t, stdout, &found)
	if found.PerSecond >= capacity*1.5 || found.PerSecond <= 0 || found.NotPerSecond <= found.PerSecond || len(found.Probes) < 6 {
		t.Errorf("the server does %d requests/s at most; found %+v", capacity, found)
	}
	if lines := strings.Count(stderr, "requests/s: "); lines != len(found.Probes) {
		t.Errorf("%d lines of progress for %d runs: %s", lines, len(found.Probes), stderr)
	}
}

func TestMaxRateIsToldWithItsUncertainty(t *testing.T) {
	m := &record.MaxRate{SLO: "p99<20ms", PerSecond: 1000, NotPerSecond: 1040, Uncertainty: 0.04, Held: 4, HeldOf: 5, Failed: 3, FailedOf: 3}
	text := maxRateText(m)
	for _, want := range []string{"p99<20ms", "1000.0 requests/s", "+4.0 %", "4 of 5", "1040.0 requests/s 3 of 3 did not"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	m.LimitedBy = record.GeneratorLimited
	if text := maxRateText(m); !strings.Contains(text, "generator-limited") || !strings.Contains(text, "may be able to do more") {
		t.Errorf("%q does not tell the limit", text)
	}
}
