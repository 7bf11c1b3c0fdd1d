package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"c10klab/internal/child"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

const switchbackSpec = `id = "arms"
title = "Arms of one trial"
claims = ["N11"]
question = "Is the pool slower?"
method = "Within one process."

[fixed]
rate-requests = 200
producers = 2
partitions = 2
batch-bytes = "4KiB"
consumers = "tail"
consumer-connections = 2
warm-up = "200ms"
window = "1600ms"
switchback-slot = "200ms"

[axes]
switchback = ["send=inline,pool", "send=inline,inline"]

[[predictions]]
claim = "N11"
part = "tail Delivery slower"
metric = "Delivery/Fetch p50"
a = { send = "pool" }
b = { send = "inline" }
relation = "<="
threshold = 2

[quick]
repeats = 1

[full]
repeats = 8
`

// TestRunStoresATrialForEachArm: one trial measures both arms, and each is stored as a trial of its own
// with what its client counted alone.
func TestRunStoresATrialForEachArm(t *testing.T) {
	spec, out := filepath.Join(t.TempDir(), "arms.toml"), filepath.Join(t.TempDir(), "run")
	if err := os.WriteFile(spec, []byte(switchbackSpec), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, exit := child.Run(t, "run", "--file", spec, "--out", out); exit != exitOK && exit != exitLimited {
		t.Fatalf("run ended with %d: %s", exit, stderr)
	}
	run, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	byCell := map[string][]record.Trial{}
	for _, trial := range run.Trials {
		byCell[trial.Cell] = append(byCell[trial.Cell], trial)
	}
	if len(byCell) != 4 {
		t.Fatalf("%d cells, want two arms of each switchback", len(byCell))
	}
	twins := 0
	for cell, trials := range byCell {
		last := trials[len(trials)-1]
		if last.Measurement == nil {
			t.Fatalf("%s: %s", cell, last.Error)
		}
		if m := last.Measurement; m.Arm != last.Knobs["send"] || m.Arms != nil || len(m.Servers) > 0 {
			t.Errorf("%s: a trial of arm %q with %d arms and %d servers", cell, m.Arm, len(m.Arms), len(m.Servers))
		}
		digests, err := run.TrialDigests(last, nil)
		if err != nil {
			t.Fatal(err)
		}
		// Four slots of 200 ms, without their first 50 ms, make 600 ms.
		for _, key := range []struct {
			stage *measure.Span
			api   string
		}{{measure.ResponseTime, "Produce"}, {measure.EndToEnd, "Fetch"}, {measure.Delivery, "Fetch"}} {
			if n := digests[key.stage.Key(key.api)].Count; n < 60 || n > 180 {
				t.Errorf("%s: %d of %s/%s, about 120 are due in an arm", cell, n, key.stage.Name, key.api)
			}
		}
	}
	for _, planned := range run.Info.Cells {
		if planned.TwinOf != "" {
			twins++
		}
	}
	if twins != 1 {
		t.Errorf("%d twins, want the second of the arms that are alike", twins)
	}
	resumeBetweenArms(t, out, run)
}

// resumeBetweenArms: a run that was killed when one arm of a trial was stored and the other was not
// measures both anew, as one attempt, and keeps what is stored.
func resumeBetweenArms(t *testing.T, out string, run *results.Run) {
	t.Helper()
	last := map[string]record.Trial{}
	for _, trial := range run.Trials {
		if strings.HasSuffix(trial.Knobs["switchback"], "pool") {
			last[trial.Knobs["send"]] = trial
		}
	}
	pool := last["pool"]
	for _, lost := range []string{filepath.Join(out, "trials", pool.Name()+".json"), filepath.Join(out, "manifest.sha256")} {
		if err := os.Remove(lost); err != nil {
			t.Fatal(err)
		}
	}
	if _, stderr, exit := child.Run(t, "run", "--resume", "--out", out); exit != exitOK && exit != exitLimited {
		t.Fatalf("resume ended with %d: %s", exit, stderr)
	}
	resumed, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	// A block that was limited is measured again, so there may be further attempts.
	want, started := last["inline"].Attempt+1, map[time.Time]bool{}
	inline := resumed.Attempts(last["inline"].Cell, 1)
	for _, trial := range slices.Concat(inline, resumed.Attempts(pool.Cell, 1)) {
		if trial.Attempt == want {
			started[trial.Started] = true
		}
	}
	if len(started) != 1 {
		t.Errorf("attempt %d of the two arms began at %v, want one trial", want, started)
	}
	if first := inline[0]; !first.Started.Equal(run.Attempts(first.Cell, 1)[0].Started) {
		t.Errorf("the stored arm was measured at %v, and is now at %v", run.Attempts(first.Cell, 1)[0].Started, first.Started)
	}
}
