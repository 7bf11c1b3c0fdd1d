package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/measure"
	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/results"
)

// smallRun is a run of one cell that takes seconds, in a directory on a disk.
func smallRun(t *testing.T, more ...string) (out string, args []string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "run")
	if onTmpfs(t, filepath.Dir(out)) {
		need.Lacking(t, "a temporary directory on a disk (TMPDIR)")
	}
	args = []string{"run", "write-100mbs", "--out", out, "--only", "model=reactor", "--only", "consumers=tail",
		"--set", "warm-up=200ms", "--set", "window=1s", "--set", "rate=5"}
	return out, append(args, more...)
}

func TestRunMeasuresAndLeavesARecord(t *testing.T) {
	out, args := smallRun(t, "--json")
	stdout, stderr, exit := child.Run(t, args...)
	if exit != exitOK && exit != exitLimited { // a busy machine limits
		t.Fatalf("ended with %d: %s", exit, stderr)
	}
	wantDocument(t, stdout, out)
	run, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	// A trial that a busy machine limited is repeated.
	n := len(run.Trials)
	if n < 1 || n > 2 || run.Trials[0].Outcome == record.Failed || n == 2 && !run.Trials[0].Outcome.Limited() {
		t.Fatalf("trials: %+v", run.Trials)
	}
	if m := run.Trials[0].Measurement; m.AckedRecords == 0 || m.AckedRecords != m.LogEndRecords {
		t.Errorf("%d records acknowledged and the log grew by %d", m.AckedRecords, m.LogEndRecords)
	}
	if spans, err := run.TrialDigests(run.Trials[0], nil); err != nil || len(spans) == 0 {
		t.Errorf("%d histograms, %v", len(spans), err)
	}
	for file, want := range map[string]int{"run.json": 1, "summary.json": 1, "trials/01-*.json": n, "trials/01-*.hlog": n, "trials/01-*.log": n} {
		if found, _ := filepath.Glob(filepath.Join(out, file)); len(found) != want {
			t.Errorf("%s: %d files, want %d", file, len(found), want)
		}
	}
	wantFigures(t, results.PlotsDir(out))
	wantNoData(t, out)
}

func TestServersOfATrialMeasureThemselves(t *testing.T) {
	out, _ := smallRun(t)
	spec, err := filepath.Abs("testdata/two-servers.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, stderr, exit := child.Run(t, "run", "--file", spec, "--out", out)
	if exit != exitOK && exit != exitLimited { // a busy machine limits
		t.Fatalf("ended with %d: %s", exit, stderr)
	}
	run, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	trial := run.Trials[0]
	if len(trial.Servers) != 2 || trial.Servers[0].Admin == trial.Servers[1].Admin || trial.Servers[0].Log == trial.Servers[1].Log {
		t.Fatalf("servers %+v", trial.Servers)
	}
	spans, err := run.TrialDigests(trial, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range trial.Servers {
		use := trial.Measurement.Server(s.Name)
		if use.Process == nil || use.Process.CPUNs == 0 || use.StageSource != record.StagesAdmin || use.After == nil || use.After.Knobs["model"] == "" {
			t.Errorf("%s is not in the record: %+v", s.Name, use)
		}
		lag := measure.LoopLag.Key(measure.AllLoops)
		if s.Name != record.Broker {
			lag.Server = s.Name
		}
		if spans[lag].Count == 0 {
			t.Errorf("%s has no %s", s.Name, lag)
		}
		if _, err := os.Stat(filepath.Join(results.TrialsDir(out), s.Log)); err != nil {
			t.Error(err)
		}
	}
	if broker, follower := trial.Measurement.Broker().After, trial.Measurement.Server("follower-1").After; broker.Knobs["model"] == follower.Knobs["model"] {
		t.Errorf("both run model %s", broker.Knobs["model"])
	}
	wantNoData(t, out)
}

// wantDocument holds the JSON against its contract, key by key.
func wantDocument(t *testing.T, stdout, out string) {
	t.Helper()
	var document map[string]any
	decode(t, stdout, &document)
	wantKeys(t, "document", document, "out", "cells")
	cells := document["cells"].([]any)
	if document["out"] != out || len(cells) != 1 {
		t.Fatalf("out is %v with %d cells, want %s and 1", document["out"], len(cells), out)
	}
	cell := cells[0].(map[string]any)
	wantKeys(t, "cell", cell, "experiment", "knobs", "rate_mb_s", "outcome", "trials", "problems", "metrics")
	knobs := cell["knobs"].(map[string]any)
	if cell["experiment"] != "write-100mbs" || knobs["model"] != "reactor" || knobs["send"] != "inline" || knobs["consumers"] != "tail" {
		t.Errorf("the cell is of %v with knobs %v", cell["experiment"], knobs)
	}
	if trials := cell["trials"].(map[string]any); trials[cell["outcome"].(string)] == nil {
		t.Errorf("outcome %v of trials %v", cell["outcome"], trials)
	}
	if rate := cell["rate_mb_s"].(float64); rate <= 0 || rate > 20 {
		t.Errorf("%g MB/s acknowledged of 5 offered", rate)
	}
	if _, isList := cell["problems"].([]any); !isList {
		t.Errorf("problems is %v, want a list", cell["problems"])
	}
	wantMetrics(t, cell["metrics"].([]any))
}

func wantMetrics(t *testing.T, rows []any) {
	t.Helper()
	seen := map[string]bool{}
	for _, row := range rows {
		metric := row.(map[string]any)
		wantKeys(t, "metric", metric, "stage", "api", "count", "p50_ns", "p99_ns", "p999_ns", "max_ns")
		name := metric["stage"].(string) + "/" + metric["api"].(string)
		if seen[name] {
			t.Errorf("metric %s is there twice", name)
		}
		seen[name] = true
		wantAscending(t, name, metric)
	}
	for _, api := range []string{"Produce", "Fetch"} {
		for _, stage := range []string{
			"SocketQueue", "Receive", "Dispatch", "RequestQueue", "LocalTime", "RemoteTime", "ResponseQueue", "SendWait", "Send", "Reap",
			"ResponseSend", "Total", "SocketQueue+Dispatch", "ServiceTime",
		} {
			if !seen[stage+"/"+api] {
				t.Errorf("metric %s/%s is missing", stage, api)
			}
		}
	}
	for _, name := range []string{"ResponseTime/Produce", "Lateness/Produce", "BackPressure/Produce", "EndToEnd/Fetch"} {
		if !seen[name] {
			t.Errorf("metric %s is missing", name)
		}
	}
	if seen["ResponseTime/Fetch"] {
		t.Error("the fetches of closed-loop consumers have no ResponseTime")
	}
}

// wantAscending checks the percentiles; one without support is null.
func wantAscending(t *testing.T, name string, metric map[string]any) {
	t.Helper()
	last := 0.0
	for _, key := range []string{"p50_ns", "p99_ns", "p999_ns", "max_ns"} {
		ns, there := metric[key].(float64)
		if there && ns < last {
			t.Errorf("%s: %s is %g after %g", name, key, ns, last)
		}
		last = max(last, ns)
	}
	if count := metric["count"].(float64); count <= 0 || count < 1000 && metric["p999_ns"] != nil {
		t.Errorf("%s: p999 is %v of %g samples", name, metric["p999_ns"], count)
	}
}

func wantKeys(t *testing.T, what string, object map[string]any, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) {
		t.Errorf("%s has keys %v, want %v", what, got, want)
	}
}

func wantFigures(t *testing.T, dir string) {
	t.Helper()
	pictures, _ := filepath.Glob(filepath.Join(dir, "*.png"))
	drawings, _ := filepath.Glob(filepath.Join(dir, "*.svg"))
	if len(pictures) == 0 || len(drawings) == 0 {
		t.Errorf("%d PNG and %d SVG figures", len(pictures), len(drawings))
	}
	for _, file := range pictures {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// wantNoData reports what trials left of their data.
func wantNoData(t *testing.T, parent string) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(parent, "c10klab-data-*")); len(left) > 0 {
		t.Errorf("data directories are left: %v", left)
	}
}

func TestInterruptedRunLeavesAReadableRecordAndNothingElse(t *testing.T) {
	out, args := smallRun(t, "--repeats", "100")
	p := child.Start(t, "", args...)
	child.Eventually(t, "a second trial is under load, or the run ends", func() bool {
		done, _ := filepath.Glob(filepath.Join(out, "trials", "*.json"))
		return p.Over() || len(done) > 0 && slices.Contains(commandsOf(t), "load")
	})
	if err := p.Cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if exit := p.Wait(t); exit != exitSignal || !strings.Contains(p.Stderr.String(), "to go on: c10klab run --resume --out ") {
		t.Errorf("ended with %d", exit)
	}
	if left := commandsOf(t); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	wantNoData(t, out)
	run, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(run.Trials); n == 0 || n >= 100 {
		t.Errorf("%d trials are stored", n)
	}
	for _, trial := range run.Trials {
		if trial.Outcome == record.Failed {
			t.Errorf("a trial is stored as failed: %s", trial.Error)
		}
	}
	var summary results.Document
	text, err := os.ReadFile(filepath.Join(out, "summary.json"))
	if err == nil {
		err = json.Unmarshal(text, &summary)
	}
	if err != nil || len(summary.Cells) != 1 {
		t.Errorf("summary of %d cells: %v", len(summary.Cells), err)
	}
}

// commandsOf lists the c10klab commands of this test that are running, its
// processes' children included.
func commandsOf(t *testing.T) []string {
	t.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, file := range environments {
		environment, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(environment), "\x00"), child.Mark(t)) {
			continue // ended meanwhile, of another user, or of another test
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if args := strings.Split(string(line), "\x00"); len(args) > 1 {
			commands = append(commands, args[1])
		}
	}
	return commands
}

func TestReproduceSetsThisMachineBesideTheReference(t *testing.T) {
	out, _ := smallRun(t)
	reference, err := filepath.Abs(filepath.Join("..", "..", "results", "reference"))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, exit := child.Run(t, "reproduce", "N15", "--out", out, "--reference", reference, "--repeats", "1", "--set", "model=reactor",
		"--set", "consumers=none", "--set", "warm-up=200ms", "--set", "window=1s", "--set", "rate=5")
	if exit != exitOK && exit != exitLimited { // a busy machine limits
		t.Fatalf("ended with %d: %s", exit, stderr)
	}
	for _, part := range []string{"N15: rate held, by write-100mbs: here open, reference baseline", "of at least 8 blocks", "rate_held >= 0.95"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is missing: %s", part, stdout)
		}
	}
	run, err := results.Open(filepath.Join(out, "write-100mbs"))
	if err != nil || !run.Info.Full || len(run.Twins()) != 2 { // a planted cell, and one measured twice
		t.Errorf("the run is not made as the evidence was: %v", err)
	}
}
