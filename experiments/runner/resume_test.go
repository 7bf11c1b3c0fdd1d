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
	"c10klab/internal/need"
	"c10klab/internal/record"
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

// What the generator or the machine limited is repeated once, as long as that is rare.
func TestALimitedTrialIsRepeatedOnceAndRarely(t *testing.T) {
	for mode, want := range map[string]struct{ trials, valid, exit int }{
		"limited-once":  {trials: 4 + 1, valid: 4, exit: 0},
		"limited-often": {trials: 4 + fewRepeats, valid: 0, exit: 3},
	} {
		cfg, _ := fakeRun(t, mode)
		cfg.Repeats, cfg.Only = 2, []string{"model=reactor"}
		var progress bytes.Buffer
		cfg.Progress = &progress
		run, err := Run(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		valid, repeated := 0, want.trials-4
		for _, c := range run.CellOutcomes() {
			valid += c.Trials[record.Valid]
			if (c.Outcome == record.Valid) != (want.exit == 0) {
				t.Errorf("%s: cell %s is %s of trials %v", mode, c.ID, c.Outcome, c.Trials)
			}
		}
		if len(run.Trials) != want.trials || valid != want.valid || strings.Count(progress.String(), "trying once more") != repeated {
			t.Errorf("%s: %d trials, %d valid; progress:\n%s", mode, len(run.Trials), valid, progress.String())
		}
		if code := results.ExitCode(run.CellOutcomes()); code != want.exit {
			t.Errorf("%s: exit code %d, want %d", mode, code, want.exit)
		}
		cfg.Resume = true
		if again, err := Run(context.Background(), cfg); err != nil || len(again.Trials) != want.trials {
			t.Errorf("%s: a complete run goes on: %d trials, %v", mode, len(again.Trials), err)
		}
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
