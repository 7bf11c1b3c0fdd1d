package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/record"
)

var shortLoad = []string{"--rate-requests", "400", "--batch-bytes", "4KiB", "--record-bytes", "100", "--partitions", "2", "--producers", "2", "--warm-up", "200ms", "--window", "1s"}

// What load stores is a run that the commands about runs read.
func TestLoadStoresARunThatOthersRead(t *testing.T) {
	s := child.Serve(t, "--data", t.TempDir())
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	for _, dir := range dirs {
		args := append([]string{"load", "--target", s.Listen, "--admin", s.Admin, "--out", dir}, shortLoad...)
		if _, stderr, exit := child.Run(t, args...); exit != exitOK && exit != exitLimited {
			t.Fatalf("load ended with %d: %s", exit, stderr)
		}
	}
	for _, args := range [][]string{
		{"show", dirs[0]}, {"show", dirs[0], "--tables", "all"}, {"report", dirs[0], "-o", filepath.Join(t.TempDir(), "r.html")},
		{"compare", dirs[0], dirs[1], "--include-limited"}, {"export", dirs[0]},
	} {
		stdout, stderr, exit := child.Run(t, args...)
		if exit != exitOK || stdout == "" {
			t.Errorf("%q ended with %d and printed %d bytes: %s", args, exit, len(stdout), stderr)
		}
		if args[0] == "compare" && !strings.Contains(stdout, "ResponseTime/Produce p50") {
			t.Errorf("two loads are not compared: %s", stdout)
		}
	}
	stdout, _, _ := child.Run(t, "show", dirs[0], "--json")
	if !strings.Contains(stdout, `"experiment":"load"`) || !strings.Contains(stdout, "LocalTime") {
		t.Errorf("the run lacks its cell or the server's stages: %.300s", stdout)
	}
	wantRefused(t, exitUsage, []string{"--out", dirs[0]}, append([]string{"load", "--target", s.Listen, "--out", dirs[0]}, shortLoad...)...)
}

func TestLoadThatMeasuresNothingIsStoredAsFailed(t *testing.T) {
	closed := listen(t)
	address := closed.Addr().String()
	closed.Close()
	dir := filepath.Join(t.TempDir(), "run")
	if _, _, exit := child.Run(t, append([]string{"load", "--target", address, "--out", dir}, shortLoad...)...); exit != exitFailed {
		t.Errorf("load on a closed port ended with %d", exit)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "trials", "*.json"))
	if len(files) != 1 {
		t.Fatalf("%d trials are stored", len(files))
	}
	text, err := os.ReadFile(files[0])
	var trial record.Trial
	if err == nil {
		err = json.Unmarshal(text, &trial)
	}
	if err != nil || trial.Outcome != record.Failed || !strings.Contains(trial.Error, "refused") {
		t.Errorf("stored as %s: %q (%v)", trial.Outcome, trial.Error, err)
	}
}

func TestObjectiveIsTheExitStatusOfALoad(t *testing.T) {
	s := child.Serve(t, "--service", "echo")
	load := func(slo string) (string, int) {
		_, stderr, exit := child.Run(t, "load", "--target", s.Listen, "--protocol", "echo", "--rate-requests", "400", "--producers", "2",
			"--warm-up", "200ms", "--window", "1s", "--slo", slo)
		return stderr, exit
	}
	if stderr, exit := load("p50<10s"); exit != exitOK && exit != exitLimited {
		t.Errorf("an objective that is held ends with %d: %s", exit, stderr)
	}
	stderr, exit := load("p50<1ns")
	if exit != exitLimited && (exit != exitFailed || !strings.Contains(stderr, "p50<1ns was not held: p50")) {
		t.Errorf("an objective that is missed ends with %d: %s", exit, stderr)
	}
	for _, args := range []string{"--mode closed --slo p99<1s", "--acks 0 --slo p99<1s", "--rate-requests 1 --window 2s --slo p999<1s"} {
		wantRefused(t, exitUsage, nil, append([]string{"load", "--target", s.Listen}, strings.Fields(args)...)...)
	}
}
