package runner

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"c10klab/experiments"
	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/results"
)

// fakeRun configures a run whose processes are this test binary, acting in mode.
func fakeRun(t *testing.T, mode string) (cfg Config, pids string) {
	t.Helper()
	pids = t.TempDir()
	t.Setenv(fakeMode, mode)
	t.Setenv(fakePIDs, pids)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else each fake process ends a second late under -race
	cfg = smallConfig(t)
	cfg.Out = filepath.Join(diskDir(t), "run")
	cfg.CommandLine = []string{"c10klab", "run", "small"}
	return cfg, pids
}

// children returns the command lines of the fake processes, and fails the test
// if one of them is still there.
func children(t *testing.T, pids string) []string {
	t.Helper()
	entries, err := os.ReadDir(pids)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(pids, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
		if unix.Kill(pid, 0) == nil {
			t.Errorf("process %d outlived the run: %s", pid, text)
		}
	}
	return lines
}

func noData(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, dataDirPrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("data directories are left: %v %v", left, err)
	}
}

func TestRunStoresEveryTrial(t *testing.T) {
	cfg, pids := fakeRun(t, "ok")
	var progress bytes.Buffer
	cfg.Progress = &progress
	if _, err := Run(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(cfg.Out)
	if err != nil {
		t.Fatal(err)
	}
	cells, err := run.Cells(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Trials) != 8 || len(cells) != 4 || cells[0].Trials[record.Valid] != 2 || results.ExitCode(cells) != 0 {
		t.Errorf("%d trials, cells %+v", len(run.Trials), cells)
	}
	if lines := strings.Count(progress.String(), "\n"); lines != 9 || !strings.Contains(progress.String(), "[8/8] block 2") || strings.Count(progress.String(), "99.5 MB/s  Produce p99 1.00 ms") != 8 {
		t.Errorf("progress has %d lines, want one for the plan and one a trial:\n%s", lines, progress.String())
	}
	commands := children(t, pids)
	if len(commands) != 16 {
		t.Errorf("%d processes were started, want a server and a load generator for each trial", len(commands))
	}
	for _, line := range commands {
		serves := strings.HasPrefix(line, "serve")
		if serves != strings.Contains(line, "--model=") || serves == strings.Contains(line, "--rate=100") || strings.Contains(line, experiments.PlacementKnob) {
			t.Errorf("a knob went to the wrong process: %s", line)
		}
		if !serves && !strings.Contains(line, "--target 127.0.0.1:1") {
			t.Errorf("the load generator does not know its target: %s", line)
		}
	}
	noData(t, cfg.Out)
}

func TestCellsOfABlockMeetTheSameArrivals(t *testing.T) {
	cfg, _ := fakeRun(t, "ok")
	run, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range run.Trials {
		if want := strconv.Itoa(7 + trial.Block - 1); trial.Knobs[experiments.SeedKnob] != want {
			t.Errorf("block %d, cell %s: seed %s, want %s", trial.Block, trial.Cell, trial.Knobs[experiments.SeedKnob], want)
		}
	}
}

func TestServerAndLoadArePlacedApart(t *testing.T) {
	knobs := map[string]string{experiments.PlacementKnob: experiments.PlacementApart}
	place(knobs, []int{0, 2, 4, 6, 7})
	if knobs[experiments.ServerCPUsKnob] != "0,2" || knobs[experiments.LoadCPUsKnob] != "4,6,7" {
		t.Errorf("apart: %v", knobs)
	}
	for _, unplaced := range []map[string]string{{experiments.PlacementKnob: experiments.PlacementShared}, {experiments.PlacementKnob: experiments.PlacementApart}} {
		cpus := []int{0, 1}
		if unplaced[experiments.PlacementKnob] == experiments.PlacementApart {
			cpus = cpus[:1]
		}
		if place(unplaced, cpus); len(unplaced) != 1 {
			t.Errorf("%d CPUs: %v", len(cpus), unplaced)
		}
	}
}

func TestServersShareOutTheirHalfOfTheCPUs(t *testing.T) {
	for _, c := range []struct {
		cpus []int
		want map[string]string
	}{
		{[]int{0, 1, 2, 3}, map[string]string{"broker:cpus": "0", "follower-1:cpus": "1", "load-cpus": "2,3"}},
		{[]int{0, 1}, map[string]string{"cpus": "0", "load-cpus": "1"}},
	} {
		knobs := map[string]string{experiments.PlacementKnob: experiments.PlacementApart, experiments.ServersKnob: "broker,follower-1"}
		place(knobs, c.cpus)
		for name, want := range c.want {
			if knobs[name] != want || len(knobs) != 2+len(c.want) {
				t.Errorf("%d CPUs: %v, want %v", len(c.cpus), knobs, c.want)
			}
		}
	}
}

func TestFailingTrialsAreStoredWithTheirReason(t *testing.T) {
	for mode, want := range map[string]string{
		"server-refuses": "exit status 2: model reactor does not go with send pool",
		"load-fails":     "load generator ended with exit status 1: dial 127.0.0.1:1: connection refused",
		"garbage":        "read the load generator's measurement: invalid character",
	} {
		cfg, pids := fakeRun(t, mode)
		cfg.Repeats, cfg.Only = 1, []string{"model=reactor", "consumers=none"}
		run, err := Run(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		cells, err := run.Cells(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if trial := run.Trials[0]; trial.Outcome != record.Failed || !strings.Contains(trial.Error, want) {
			t.Errorf("%s: outcome %s, error %q; want one that says %q", mode, trial.Outcome, trial.Error, want)
		}
		if results.ExitCode(cells) != 1 {
			t.Errorf("%s: exit code %d, want 1", mode, results.ExitCode(cells))
		}
		children(t, pids)
		noData(t, cfg.Out)
	}
}

func TestLimitedAndUncleanTrialsAreMeasurements(t *testing.T) {
	for mode, want := range map[string]struct {
		code    int
		problem string
	}{"generator": {3, ""}, "server-crashes": {0, "on stop: server ended with exit status 2"}} {
		cfg, _ := fakeRun(t, mode)
		cfg.Repeats = 1
		run, err := Run(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		cells, err := run.Cells(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := results.ExitCode(cells); got != want.code {
			t.Errorf("%s: exit code %d, want %d", mode, got, want.code)
		}
		if got := strings.Join(cells[0].Problems, ""); got != want.problem {
			t.Errorf("%s: problems %q, want %q", mode, got, want.problem)
		}
	}
}

// notifier calls back on the first write of a text.
type notifier struct {
	text string
	call func()
}

func (n notifier) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(n.text)) {
		n.call()
	}
	return len(p), nil
}

func TestInterruptLeavesAReadableRunAndNoProcess(t *testing.T) {
	cfg, pids := fakeRun(t, "ok")
	ctx, cancel := context.WithCancelCause(context.Background())
	interrupted := errors.New("interrupt")
	// From the third trial on load generators hang, and tell so by SIGUSR1.
	cfg.Progress = notifier{"[2/8]", func() { t.Setenv(fakeMode, "hang") }}
	hanging := make(chan os.Signal, 1)
	signal.Notify(hanging, unix.SIGUSR1)
	defer signal.Stop(hanging)
	go func() {
		<-hanging
		cancel(interrupted)
	}()
	run, err := Run(ctx, cfg)
	if !errors.Is(err, interrupted) || !strings.Contains(err.Error(), "interrupted after 2 of 8 trials") {
		t.Errorf("error = %v", err)
	}
	reopened, err := results.Open(run.Dir)
	if err != nil || len(reopened.Trials) != 2 {
		t.Errorf("the run reopens with %d trials, %v; want 2", len(reopened.Trials), err)
	}
	if _, err := os.Stat(filepath.Join(run.Dir, "summary.json")); err != nil {
		t.Error(err)
	}
	children(t, pids)
	noData(t, cfg.Out)
}

func TestDataInMemoryIsRefused(t *testing.T) {
	const memory = "/dev/shm"
	var st unix.Statfs_t
	if unix.Statfs(memory, &st) != nil || st.Type != unix.TMPFS_MAGIC {
		need.Lacking(t, "a tmpfs at "+memory)
	}
	cfg, _ := fakeRun(t, "ok")
	cfg.DataDir = memory
	if _, err := Run(context.Background(), cfg); !errors.Is(err, ErrMemoryFileSystem) || !strings.Contains(err.Error(), memory) {
		t.Errorf("error = %v, want one that names %s and the reason", err, memory)
	}
}

func TestLeftoversOfDeadRunnersAreRemoved(t *testing.T) {
	cfg, _ := fakeRun(t, "ok")
	cfg.Repeats, cfg.Only = 1, []string{"model=reactor", "consumers=none"}
	cfg.DataDir = diskDir(t)
	killedRun := filepath.Join(filepath.Dir(cfg.Out), "killed")
	if err := os.MkdirAll(killedRun, 0o700); err != nil {
		t.Fatal(err)
	}
	alive, err := newDataDir(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.lock.Close()
	want := map[string]bool{
		filepath.Join(cfg.DataDir, dataDirPrefix+"1073741824-1"): false,
		filepath.Join(killedRun, dataDirPrefix+"12"):             false,
		alive.path: true, // whatever process id its runner has, and in whichever container
		filepath.Join(cfg.DataDir, dataDirPrefix+"notes"): true,
	}
	for dir := range want {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Run(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	for dir, stays := range want {
		if _, err := os.Stat(dir); (err == nil) != stays {
			t.Errorf("%s is there: %v, want %v", dir, err == nil, stays)
		}
	}
}
