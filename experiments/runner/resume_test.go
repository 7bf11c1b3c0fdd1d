package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/internal/report"
	"c10klab/results"
)

// runnerProcess starts the runner in a process of its own.
func runnerProcess(t *testing.T, out string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	stderr = &bytes.Buffer{}
	cmd = exec.Command(os.Args[0], "run", out)
	cmd.Stderr, cmd.WaitDelay = stderr, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stderr
}

func TestRunKilledAtAnyPointResumesToTheSameCells(t *testing.T) {
	cfg, _ := fakeRun(t, "ok")
	plan, err := NewPlan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	const kills = 12
	rng := rand.New(rand.NewPCG(11, 12))
	killed := 0
	for range kills {
		cmd, _ := runnerProcess(t, cfg.Out)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-time.After(time.Duration(rng.IntN(120)) * time.Millisecond):
			killed++
			if err := cmd.Process.Kill(); err != nil {
				t.Logf("ended before the kill: %v", err)
			}
			<-ended
		case <-ended:
		}
	}
	if killed == 0 {
		t.Fatal("no run was killed")
	}
	cmd, stderr := runnerProcess(t, cfg.Out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the last resumption: %v: %s", err, stderr)
	}
	wantEveryTrialOnce(t, cfg.Out, plan)
	noData(t, cfg.Out)
}

// wantEveryTrialOnce compares what is stored with the plan.
func wantEveryTrialOnce(t *testing.T, dir string, plan *experiments.Plan) {
	t.Helper()
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, trial := range run.Trials {
		got = append(got, fmt.Sprintf("%d %s %s", trial.Block, trial.Cell, trial.Outcome))
	}
	for _, e := range plan.Experiments {
		for block := 1; block <= e.Repeats; block++ {
			for _, cell := range e.Cells {
				want = append(want, fmt.Sprintf("%d %s %s", block, cell.ID, record.Valid))
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("stored:\n%s\nplanned:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if err := run.CheckManifest(); err != nil {
		t.Error(err)
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("left over: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestResumingWithAnotherPlanIsRefused(t *testing.T) {
	cfg, _ := fakeRun(t, "ok")
	if _, err := Run(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Resume = true
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"seed":    {func(c *Config) { c.Seed = 99 }, "the seed is another"},
		"repeats": {func(c *Config) { c.Repeats = 3 }, "numbers of blocks are others"},
		"knob":    {func(c *Config) { c.Set = map[string]string{"rate": "50"} }, "the cells are others"},
		"only":    {func(c *Config) { c.Only = []string{"model=reactor"} }, "the cells are others"},
		"program": {func(c *Config) { c.Binary = "/bin/sh" }, "the program is another"},
	} {
		other := cfg
		c.change(&other)
		if _, err := Run(context.Background(), other); !errors.Is(err, ErrOtherRun) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	before, err := results.Open(cfg.Out)
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{cfg: cfg, run: before, cpus: []int{98, 99}}
	plan, err := NewPlan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.countStored(plan); !errors.Is(err, ErrOtherRun) || !strings.Contains(err.Error(), "on other CPUs") {
		t.Errorf("other CPUs: %v", err)
	}
	// Without specs, the stored plan is continued: here nothing is missing.
	cfg.Specs = nil
	run, err := Run(context.Background(), cfg)
	if err != nil || len(run.Trials) != len(before.Trials) || len(run.Info.Resumed) != 1 {
		t.Errorf("resuming a complete run: %d trials, %v", len(run.Trials), err)
	}
}

func TestATrialThatFailsIsStoredAndTriedOnceMore(t *testing.T) {
	cfg, _ := fakeRun(t, "fails-once")
	cfg.Repeats, cfg.Only = 1, []string{"model=reactor", "consumers=none"}
	var progress bytes.Buffer
	cfg.Progress = &progress
	run, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Trials) != 2 || run.Trials[0].Outcome != record.Failed || run.Trials[1].Outcome != record.Valid || run.Trials[1].Attempt != 2 {
		t.Fatalf("trials %+v", run.Trials)
	}
	if code := results.ExitCode(run.CellOutcomes()); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if log, err := os.ReadFile(run.LogPath(run.Trials[0])); err != nil || !strings.Contains(string(log), "the first one fails") {
		t.Errorf("log of the failed trial: %q, %v", log, err)
	}
	if !strings.Contains(progress.String(), "trying once more") {
		t.Errorf("progress:\n%s", progress.String())
	}
}

// One limited trial has all cells of its block measured again, in the block's order, for at
// most a quarter of the blocks; a run that goes on finds the repetitions.
func TestALimitedTrialRepeatsItsBlock(t *testing.T) {
	for mode, want := range map[string]struct{ trials, valid, exit int }{
		"limited-once":  {trials: 4 + 2, valid: 4, exit: 0},
		"limited-often": {trials: 4 + 2, valid: 0, exit: 3},
	} {
		cfg, _ := fakeRun(t, mode)
		cfg.Repeats, cfg.Only = 2, []string{"model=reactor"}
		var progress bytes.Buffer
		cfg.Progress = &progress
		run, err := Run(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		valid := 0
		for _, c := range run.CellOutcomes() {
			stand := 0
			for _, of := range c.Measured {
				if stand++; of.Trial.Repetition != (of.Trial.Block == 1) {
					t.Errorf("%s: cell %s has a value of block %d from attempt %d", mode, c.ID, of.Trial.Block, of.Trial.Attempt)
				}
			}
			if c.Basis == record.Valid {
				valid += stand
			}
			if c.TrialCount() != 3 || stand != 2 || (c.Outcome == record.Valid) != (want.exit == 0) {
				t.Errorf("%s: cell %s is %s of trials %v", mode, c.ID, c.Outcome, c.Trials)
			}
		}
		if len(run.Trials) != want.trials || valid != want.valid || strings.Count(progress.String(), "/6] block 1 again ") != 2 {
			t.Errorf("%s: %d trials, %d valid; progress:\n%s", mode, len(run.Trials), valid, progress.String())
		}
		for i, again := range run.Trials[2:4] {
			if first := run.Trials[i]; again.Cell != first.Cell || !again.Repetition || again.Attempt != 2 || again.Knobs["seed"] != first.Knobs["seed"] {
				t.Errorf("%s: trial %d is of %s, attempt %d; at first %s", mode, i+2, again.Cell, again.Attempt, first.Cell)
			}
		}
		if code := results.ExitCode(run.CellOutcomes()); code != want.exit {
			t.Errorf("%s: exit code %d, want %d", mode, code, want.exit)
		}
		// Without a repetition's second half the block has no repetition yet.
		lost := run.Trials[3]
		files, err := filepath.Glob(filepath.Join(cfg.Out, "trials", lost.Name()+"*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("files of %s: %v, %v", lost.Name(), files, err)
		}
		for _, file := range append(files, filepath.Join(cfg.Out, "manifest.sha256")) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		partly, err := results.Open(cfg.Out)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range partly.CellOutcomes() {
			if slices.ContainsFunc(c.Measured, func(of results.TrialDigest) bool { return of.Trial.Repetition }) {
				t.Errorf("%s: cell %s has the value of half a repetition", mode, c.ID)
			}
		}
		cfg.Resume = true
		if again, err := Run(context.Background(), cfg); err != nil || len(again.Trials) != want.trials || again.Trials[len(again.Trials)-1].Name() != lost.Name() {
			t.Errorf("%s: an interrupted repetition goes on to %d trials, %v", mode, len(again.Trials), err)
		}
		if again, err := Run(context.Background(), cfg); err != nil || len(again.Trials) != want.trials {
			t.Errorf("%s: a complete run goes on: %d trials, %v", mode, len(again.Trials), err)
		}
	}
}

// Verdicts are those of the repeated blocks, with what limited trials would have made of
// them; more limited blocks than may be repeated leave all comparisons open.
func TestMoreThanAQuarterOfLimitedBlocksDecideNothing(t *testing.T) {
	const tooOften = "generator or environment limited trials in 3 of 8 blocks, of which at most 2 are measured again"
	for limited, want := range map[int]struct {
		verdict results.Verdict
		n       int // blocks of the cell that was limited
		reason  string
	}{2: {results.Reproduced, 8, ""}, 3: {results.Undecided, 7, tooOften}} {
		t.Run(fmt.Sprint(limited), func(t *testing.T) {
			cfg, _ := fakeRun(t, fmt.Sprintf("limited-blocks-%d", limited))
			cfg.Repeats, cfg.Only = 8, []string{"model=reactor"}
			run, err := Run(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if again := 2 * 2; len(run.Trials) != 8*2+again {
				t.Errorf("%d limited blocks: %d trials, of which %d repeat others", limited, len(run.Trials), again)
			}
			judged, err := verdict.JudgeRun(run)
			if err != nil {
				t.Fatal(err)
			}
			f := judged[0].Findings[0]
			cell := f.Comparisons[0]
			if f.Verdict() != want.verdict || f.Comparisons[1].Reason != want.reason || cell.Estimate.N != want.n || cell.Estimate.Lo != 0.995 {
				t.Errorf("%d limited blocks: %s, %v (%s), other cell %s", limited, f.Verdict(), cell.Estimate, cell.Reason, f.Comparisons[1].Reason)
			}
			if with := f.WithLimited(cell); with != "with limited trials: 0.995 [0.900, 0.995] of 8 blocks" || f.Comparisons[1].WithLimited != nil {
				t.Errorf("%d limited blocks: %q, other cell %v", limited, with, f.Comparisons[1].WithLimited)
			}
			read, err := report.Read(run)
			if err != nil {
				t.Fatal(err)
			}
			var brief, tables bytes.Buffer
			if err := errors.Join(read.Brief(&brief), read.Tables(&tables, []string{"predictions"}, true)); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{brief.String(), tables.String()} {
				if !strings.Contains(text, "0.995") || !strings.Contains(text, "with limited trials: 0.995 [0.900, 0.995] of 8 blocks") {
					t.Errorf("%d limited blocks: both estimates are not in\n%s", limited, text)
				}
			}
			if note := fmt.Sprintf("limited %d of 8 in small.reactor.none, none in 1 other cell", limited); !strings.Contains(strings.Join(strings.Fields(brief.String()), " "), note) {
				t.Errorf("%q is not in\n%s", note, brief.String())
			}
		})
	}
}

// A machine out of disk space ends a run with an error and leaves it readable.
func TestAFullDiskLeavesAReadableRun(t *testing.T) {
	need.Root(t)
	cfg, _ := fakeRun(t, "ok")
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=64k"); err != nil {
		need.Lacking(t, "permission to mount: "+err.Error())
	}
	defer func() {
		if err := unix.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	}()
	cfg.DataDir, cfg.Out = diskDir(t), filepath.Join(small, "run")
	_, err := Run(context.Background(), cfg)
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("error %v, want %v", err, unix.ENOSPC)
	}
	run, err := results.Open(cfg.Out)
	if err != nil || len(run.Trials) == 0 || len(run.Trials) >= 8 {
		t.Fatalf("the run reopens with %d trials, %v", len(run.Trials), err)
	}
	if _, err := run.Cells(nil, nil); err != nil {
		t.Error(err)
	}
}
