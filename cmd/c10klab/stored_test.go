package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"c10klab/experiments"
	"c10klab/experiments/evidence"
	"c10klab/experiments/verdict"
	"c10klab/internal/child"
	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/results"
)

// storedRun makes a sealed run of two cells, with those of their controls, and two blocks that
// nothing was run for.
func storedRun(t *testing.T) string {
	t.Helper()
	return storedRunOf(t, 2)
}

func storedRunOf(t *testing.T, blocks int) string {
	t.Helper()
	spec := specOf(t, "write-100mbs")
	var cells []results.PlannedCell
	for _, model := range []string{"reactor", "loop-per-thread"} {
		cells = append(cells, results.PlannedCell{Experiment: spec.ID, ID: spec.ID + "." + model,
			Knobs: map[string]string{"model": model, "send": "inline", "consumers": "none"}})
	}
	again := []results.PlannedCell{cells[0], cells[1], cells[0]}
	for i, suffix := range []string{".again", ".again", ".planted-1"} {
		again[i].TwinOf, again[i].ID = again[i].ID, again[i].ID+suffix
	}
	again[2].Planted = map[string]string{"plant": "LocalTime=2ms"}
	again[2].Knobs = maps.Clone(again[2].Knobs)
	maps.Copy(again[2].Knobs, again[2].Planted)
	cells = append(cells, again...)
	dir := filepath.Join(t.TempDir(), "run")
	run, err := results.Create(dir, results.Info{Specs: []results.Spec{results.NewSpec(spec.ID, spec.Text, blocks)}, Cells: cells,
		CommandLine: []string{"c10klab", "run"}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	for i := range blocks * len(cells) {
		h := hdr.NewHistogram()
		h.RecordN(int64(1e6*(i+1)), 5000)
		m := &record.Measurement{Outcome: record.Valid, WindowNs: 1e9, OfferedMBps: 100, AckedMBps: 99,
			Histograms: hdr.Bundle{{Stage: "ResponseTime", API: "Produce"}: h}}
		if err := run.Commit(record.Trial{Experiment: spec.ID, Cell: cells[i%len(cells)].ID, Knobs: cells[i%len(cells)].Knobs, Block: 1 + i/len(cells), Attempt: 1,
			Outcome: m.Outcome, Measurement: m, Started: time.Unix(int64(i), 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Seal(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func specOf(t *testing.T, id string) *experiments.Spec {
	t.Helper()
	specs, err := experiments.Specs()
	if err == nil {
		specs, err = experiments.Select(specs, []string{id})
	}
	if err != nil {
		t.Fatal(err)
	}
	return specs[0]
}

func TestPlotNamesTheFilesItDrew(t *testing.T) {
	stdout, stderr, exit := child.Run(t, "plot", storedRun(t), "--json")
	if exit != exitOK {
		t.Fatalf("ended with %d: %s", exit, stderr)
	}
	var files []string
	decode(t, stdout, &files)
	if len(files) == 0 {
		t.Error("nothing was drawn")
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

// contentsOf hashes every file of a directory.
func contentsOf(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d %s", path, len(text), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Every command that reads runs names the file that is not as it should be, says what
// to do, and leaves everything as it was.
func TestDamagedRunsAreNamedAndLeftAlone(t *testing.T) {
	t.Parallel() // it measures nothing
	const trial = "trials/01-write-100mbs.reactor"
	damages := map[string]struct {
		do     func(dir string) error
		wanted []string
		spared string // a command that does not read what is damaged
	}{
		"empty": {do: func(dir string) error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			return os.Mkdir(dir, 0o755)
		}, wanted: []string{"no run is stored here", "run.json", "; name a directory that has a run.json"}, spared: "run"},
		"half-written run.json": {do: func(dir string) error { return os.Truncate(filepath.Join(dir, "run.json"), 40) },
			wanted: []string{"run.json", "damaged or was edited", "; restore it"}},
		"empty run.json": {do: func(dir string) error { return os.Truncate(filepath.Join(dir, "run.json"), 0) },
			wanted: []string{"run.json", "damaged or was edited", "; restore it"}},
		"newer schema": {do: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"schema":99}`), 0o644)
		}, wanted: []string{"run.json", "newer version", "schema 99", "; read it with the version that wrote it"}},
		"no trials": {do: func(dir string) error { return os.RemoveAll(filepath.Join(dir, "trials")) },
			wanted: []string{"trials", "a file of the run is missing", "; restore it"}},
		"another's trial": {do: func(dir string) error {
			return os.Rename(filepath.Join(dir, trial+".json"), filepath.Join(dir, "trials/09-write-100mbs.reactor.json"))
		}, wanted: []string{"trials/09-write-100mbs.reactor.json", "belongs into 01-write-100mbs.reactor.json", "; restore it"}},
		"half-written trial": {do: func(dir string) error { return os.Truncate(filepath.Join(dir, trial+".json"), 40) },
			wanted: []string{trial + ".json", "damaged or was edited", "remove all files of that trial and measure it again"}},
		"truncated histograms": {do: func(dir string) error { return os.Truncate(filepath.Join(dir, trial+".hlog"), 200) },
			wanted: []string{trial + ".hlog", "changed after the run", "; restore it"}, spared: "run"},
		"edited number": {do: func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, trial+".json"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, trial+".json"), []byte(strings.Replace(string(text), `"offered_mb_s":100`, `"offered_mb_s":200`, 1)), 0o644)
		}, wanted: []string{trial + ".json", "changed after the run", "; restore it"}, spared: "run"},
		"missing histograms": {do: func(dir string) error { return os.Remove(filepath.Join(dir, trial+".hlog")) },
			wanted: []string{trial + ".hlog", "a file of the run is missing", "; restore it"}, spared: "run"},
	}
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			dir := storedRun(t)
			if err := d.do(dir); err != nil {
				t.Fatal(err)
			}
			before := contentsOf(t, dir)
			for command, args := range map[string][]string{
				"compare": {"compare", dir, dir},
				"effects": {"effects", dir},
				"export":  {"export", dir},
				"plot":    {"plot", dir},
				"show":    {"show", dir},
				"report":  {"report", dir, "-o", filepath.Join(t.TempDir(), "report.html")},
				"run":     {"run", "--resume", "--out", dir},
			} {
				if command == d.spared {
					continue
				}
				_, stderr, exit := child.Run(t, args...)
				if exit != exitFailed && exit != exitUsage {
					t.Errorf("%s ended with %d", command, exit)
				}
				for _, part := range d.wanted {
					if !strings.Contains(stderr, part) {
						t.Errorf("%s does not say %q: %s", command, part, stderr)
					}
				}
			}
			if contentsOf(t, dir) != before {
				t.Error("the run was changed")
			}
		})
	}
}

// The spec fixes the number of blocks: a run of another number is no evidence, and is entered
// into the ledger, once, without replacing what is stored.
func TestARunOfAnotherNumberOfBlocksIsForTheLedgerAlone(t *testing.T) {
	dir, parent := storedRun(t), t.TempDir()
	reference := filepath.Join(parent, "reference")
	_, stderr, exit := child.Run(t, "adopt", dir, "--reference", reference)
	if exit == exitOK || !strings.Contains(stderr, "it has 2 blocks, and its spec fixes 8 before any run") || !strings.Contains(stderr, "--ledger-only") {
		t.Errorf("ended with %d: %s", exit, stderr)
	}
	for range 2 {
		if _, stderr, exit := child.Run(t, "adopt", dir, "--reference", reference, "--ledger-only", "--note", "abandoned for want of time"); exit != exitOK {
			t.Fatalf("ended with %d: %s", exit, stderr)
		}
	}
	text, err := os.ReadFile(filepath.Join(parent, "ledger", "occasions.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var entered evidence.Occasion
	decode(t, string(text), &entered)
	if entered.Spec != "write-100mbs" || entered.Blocks != 2 || entered.Note != "abandoned for want of time" || len(entered.Found) == 0 || strings.Count(string(text), "\n") != 1 {
		t.Errorf("entered %+v in\n%s", entered, text)
	}
	if _, err := os.Stat(reference); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is stored: %v", err)
	}
}

// Every command that reads evidence names the file that is not as its manifest says, with
// both hashes, and what to do.
func TestDamagedEvidenceIsNamedByEveryCommand(t *testing.T) {
	t.Parallel() // it measures nothing
	for name, do := range map[string]func(file string) error{
		"truncated": func(file string) error { return os.Truncate(file, 50) },
		"edited":    func(file string) error { return os.WriteFile(file, []byte("{}"), 0o644) },
	} {
		for _, file := range []string{"trials.jsonl.gz", "histograms.hlog.gz", "cells.hlog.gz", "raw.sha256.gz"} {
			reference := t.TempDir()
			if _, stderr, exit := child.Run(t, "adopt", storedRunOf(t, 8), "--reference", reference); exit != exitOK {
				t.Fatalf("adopt ended with %d: %s", exit, stderr)
			}
			dir := filepath.Join(reference, "write-100mbs")
			if err := do(filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
			before := contentsOf(t, dir)
			for _, args := range [][]string{
				{"compare", dir, dir}, {"effects", dir}, {"export", dir}, {"plot", dir}, {"show", dir},
				{"report", dir, "-o", filepath.Join(t.TempDir(), "report.html")}, {"run", "--resume", "--out", dir},
				{"adopt", dir, "--reference", t.TempDir()}, {"verify", "--reference", reference, "--json"},
			} {
				stdout, stderr, exit := child.Run(t, args...)
				for _, part := range []string{filepath.Join(dir, file), "its SHA-256 is ", ", the manifest's ", "; restore it"} {
					if exit == exitOK || !strings.Contains(stdout+stderr, part) {
						t.Errorf("%s %s: %s ended with %d and does not say %q: %s", name, file, args[0], exit, part, stderr)
					}
				}
			}
			if contentsOf(t, dir) != before {
				t.Errorf("%s %s: the evidence was changed", name, file)
			}
		}
	}
}

// Evidence is what the manifest says, to the byte.
func TestWhatIsNotAsItWasMeasuredIsNotAdopted(t *testing.T) {
	const trial = "trials/01-write-100mbs.reactor"
	for name, d := range map[string]struct {
		do     func(dir string) error
		wanted []string
	}{
		"edited": {func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, trial+".json"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, trial+".json"), []byte(strings.Replace(string(text), `"rate_mb_s":99`, `"rate_mb_s":98`, 1)), 0o644)
		}, []string{trial + ".json", "changed after the run", "; restore it", "sha256sum -c manifest.sha256"}},
		"truncated": {func(dir string) error { return os.Truncate(filepath.Join(dir, trial+".hlog"), 200) },
			[]string{trial + ".hlog", "changed after the run", "; restore it"}},
		"removed": {func(dir string) error { return os.Remove(filepath.Join(dir, trial+".hlog")) },
			[]string{trial + ".hlog", "a file of the run is missing", "; restore it"}},
		"added": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "trials/notes"), nil, 0o644) },
			[]string{"trials/notes", "not in the manifest", "; move it away"}},
		"interrupted": {func(dir string) error { return os.Remove(filepath.Join(dir, "manifest.sha256")) },
			[]string{"no manifest.sha256", "; c10klab run --resume"}},
		"garbled manifest": {func(dir string) error { return os.Truncate(filepath.Join(dir, "manifest.sha256"), 30) },
			[]string{"manifest.sha256", "damaged or was edited", "; restore it"}},
	} {
		dir, reference := storedRun(t), t.TempDir()
		if err := d.do(dir); err != nil {
			t.Fatal(err)
		}
		_, stderr, exit := child.Run(t, "adopt", dir, "--reference", reference)
		if exit != exitFailed {
			t.Errorf("%s: ended with %d", name, exit)
		}
		for _, part := range d.wanted {
			if !strings.Contains(stderr, part) {
				t.Errorf("%s: does not say %q: %s", name, part, stderr)
			}
		}
		if entries, err := os.ReadDir(reference); err != nil || len(entries) > 0 {
			t.Errorf("%s: %v is left, %v", name, entries, err)
		}
	}
}

func TestARunWithoutTrialsSoFarCannotBeCompared(t *testing.T) {
	dir := storedRun(t)
	files, err := filepath.Glob(filepath.Join(dir, "trials", "*"))
	for _, file := range append(files, filepath.Join(dir, "manifest.sha256")) {
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		t.Fatal(err)
	}
	_, stderr, exit := child.Run(t, "compare", dir, dir)
	if exit != exitFailed || !strings.Contains(stderr, dir+" holds no trial so far; c10klab run --resume") {
		t.Errorf("ended with %d: %s", exit, stderr)
	}
}

func TestStoredRunsAreComparedAndExported(t *testing.T) {
	dir := storedRun(t)
	stdout, stderr, exit := child.Run(t, "compare", dir+"@model=reactor", dir+"@model=loop-per-thread")
	if exit != exitOK || !strings.Contains(stdout, "compared: model: reactor, loop-per-thread") || !strings.Contains(stdout, "too few trials to tell") {
		t.Errorf("compare ended with %d: %s%s", exit, stdout, stderr)
	}
	var comparison verdict.RunComparison
	stdout, _, exit = child.Run(t, "compare", dir, dir, "--json", "--metric", "rate_mb_s")
	if decode(t, stdout, &comparison); exit != exitOK || len(comparison.Rows) != 2 || comparison.Rows[0].Different || !comparison.Paired {
		t.Errorf("compare --json ended with %d: %s", exit, stdout)
	}
	for format, part := range map[string]string{"csv": "rate_mb_s,99", "benchfmt": "99 rate_mb_s", "hlog": "Tag=write-100mbs.reactor/ResponseTime/Produce"} {
		if stdout, stderr, exit := child.Run(t, "export", dir, "--format", format); exit != exitOK || !strings.Contains(stdout, part) {
			t.Errorf("export as %s ended with %d: %s%s", format, exit, stdout, stderr)
		}
	}
	for what, args := range map[string][]string{
		`"jpeg" is none of`:                  {"export", dir, "--format", "jpeg"},
		"did you mean model?":                {"compare", dir + "@modell=reactor", dir},
		"nothing that a setup consists of":   {"compare", dir, dir, "--axis", "wheather"},
		"nothing measured is named":          {"compare", dir, dir, "--metric", "ResponsTime/Produce p99"},
		"no experiment or claim":             {"reproduce", "N99"},
		"the two have no cell in common":     {"compare", dir + "@model=reactor", dir + "@model=copy"},
		"--resume needs --out":               {"run", "--resume"},
		"80016 trials would take about":      {"run", "write-100mbs", "--repeats", "6668", "--dry-run"},
		"read experiment: open nowhere.toml": {"run", "--file", "nowhere.toml"},
		"did you mean adopt?":                {"adpot", dir},
	} {
		if stdout, stderr, exit := child.Run(t, args...); exit == exitOK || !strings.Contains(stderr, what) {
			t.Errorf("%v ended with %d and does not say %q: %s%s", args, exit, what, stdout, stderr)
		}
	}
}
