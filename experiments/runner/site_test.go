package runner

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/internal/need"
	"c10klab/internal/record"
)

// diskSpec makes one trial on two emulated disks with a backlog on the second.
const diskSpec = `
id = "disks"
title = "cold reads"
claims = ["N1"]
question = "does it run?"
seed = 7
[fixed]
disks = "none,hdd"
backlog-bytes = "1MiB"
backlog-disks = "1"
disk-fs = "xfs"
[axes]
model = ["reactor"]
[quick]
repeats = 2
[full]
repeats = 8
`

func fakeDiskRun(t *testing.T, mode string) (cfg Config, pids string) {
	t.Helper()
	cfg, pids = fakeRun(t, mode)
	pids = filepath.Join(pids, "processes")
	if err := os.Mkdir(pids, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakePIDs, pids)
	cfg.Specs = []*experiments.Spec{parsed(t, diskSpec)}
	return cfg, pids
}

func emulating(t *testing.T) {
	t.Helper()
	if why := emulationMissing(); why != "" {
		need.Lacking(t, "emulated disks: "+why)
	}
}

func TestTrialsOnEmulatedDisksStartFromOneBase(t *testing.T) {
	emulating(t)
	cfg, pids := fakeDiskRun(t, "ok")
	run, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range run.Trials {
		if trial.Outcome != record.Valid || len(trial.Disks) != 2 || trial.Disks[1].Model != "hdd" || len(trial.PagesBefore) != 1 {
			t.Errorf("trial %+v", trial)
		}
	}
	var prepared, bases, clones, served int
	for _, line := range children(t, pids) {
		switch {
		case strings.HasPrefix(line, "prepare"):
			prepared++
			if !strings.Contains(line, "disk-1") || strings.Contains(line, "disk-0") {
				t.Errorf("the backlog is on the wrong disk: %s", line)
			}
		case strings.HasPrefix(line, "disk up") && strings.Contains(line, "--image"):
			bases++
		case strings.HasPrefix(line, "disk up") && strings.Contains(line, "--base") && strings.Contains(line, "--no-delay") && strings.Contains(line, "--disk-fs=xfs"):
			clones++
		case strings.HasPrefix(line, "serve") && strings.Contains(line, filepath.Join("disk-0", "log")+","):
			served++
		}
	}
	if prepared != 1 || bases != 2 || clones != 4 || served != 2 {
		t.Errorf("%d backlogs, %d bases, %d clones, %d servers; want 1, 2, 4, 2", prepared, bases, clones, served)
	}
	told, err := os.ReadFile(filepath.Join(pids, "..", "told"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/delay?on=true", "/delay?on=true", "/mark", "/mark", "/delay?on=false", "/delay?on=false"}
	if lines := strings.Fields(string(told)); !slices.Equal(lines, slices.Concat(want, want)) {
		t.Errorf("the disks were told %v", lines)
	}
	noData(t, cfg.Out)
}

func TestDisksAndPagesThatAreNotAsAskedLimitATrial(t *testing.T) {
	emulating(t)
	for mode, check := range map[string]string{
		"late-disk": "late requests of emulated disk hdd",
		"warm":      "backlog in the page cache before the load",
	} {
		cfg, _ := fakeDiskRun(t, mode)
		cfg.Repeats = 1
		run, err := Run(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		trial := run.Trials[0]
		failed := slices.ContainsFunc(trial.Measurement.Checks, func(c record.Check) bool { return c.Name == check && !c.OK })
		if trial.Outcome != record.EnvironmentLimited || !failed {
			t.Errorf("%s: outcome %s, checks %+v", mode, trial.Outcome, trial.Measurement.Checks)
		}
	}
}

func TestOnARealDiskTheBacklogIsLinkedAndTheTrialSaysSo(t *testing.T) {
	cfg, pids := fakeDiskRun(t, "ok")
	cfg.DataDir = diskDir(t)
	cfg.Repeats = 1
	run, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	trial := run.Trials[0]
	if trial.Outcome != record.Valid || len(trial.Disks) != 0 || !strings.Contains(strings.Join(trial.Measurement.Problems, ""), "real disk instead of none,hdd: --data names one") {
		t.Errorf("outcome %s (%s), problems %q", trial.Outcome, trial.Error, trial.Measurement.Problems)
	}
	for _, line := range children(t, pids) {
		if strings.HasPrefix(line, "disk") {
			t.Errorf("a disk was emulated: %s", line)
		}
	}
	noData(t, cfg.DataDir)
}

func TestACloneSharesSegmentsAndCopiesTheRest(t *testing.T) {
	parent := diskDir(t)
	from, to := filepath.Join(parent, "base"), filepath.Join(parent, "clone")
	if code := fakePrepare([]string{"--data", from}); code != 0 {
		t.Fatal("no backlog")
	}
	if err := cloneLogDir(from, to); err != nil {
		t.Fatal(err)
	}
	for name, shared := range map[string]bool{"00.log": true, "00.index": false} {
		a, err1 := os.Stat(filepath.Join(from, experiments.BacklogTopic+"-0", name))
		b, err2 := os.Stat(filepath.Join(to, experiments.BacklogTopic+"-0", name))
		if err1 != nil || err2 != nil || os.SameFile(a, b) != shared {
			t.Errorf("%s: shared must be %v (%v, %v)", name, shared, err1, err2)
		}
	}
}
