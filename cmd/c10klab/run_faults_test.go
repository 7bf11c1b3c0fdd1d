package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"c10klab/internal/child"
	"c10klab/internal/need"
	"c10klab/internal/record"
	"c10klab/internal/slowdisk"
	"c10klab/results"
)

// smallDiskRun is a run of two trials on emulated disks that takes seconds.
func smallDiskRun(t *testing.T) (out string, args []string) {
	t.Helper()
	need.Root(t)
	need.Device(t, "/dev/fuse")
	need.Device(t, "/dev/loop-control")
	out = filepath.Join(t.TempDir(), "run")
	if onTmpfs(t, filepath.Dir(out)) {
		need.Lacking(t, "a temporary directory on a disk (TMPDIR)")
	}
	return out, []string{"run", "one-slow-disk", "--json", "--out", out, "--only", "send=pool", "--repeats", "2",
		"--set", "warm-up=500ms", "--set", "window=2s", "--set", "rate=5", "--set", "backlog-bytes=256MiB", "--set", "drain=2s"}
}

// delayedDisk waits for the slow disk of a run under way whose load has begun.
func delayedDisk(t *testing.T, p *child.Process, out string) record.DiskReady {
	t.Helper()
	var found record.DiskReady
	child.Eventually(t, "the slow disk is under load, or the run ends", func() bool {
		disks, err := slowdisk.List(slowdisk.DefaultStateDir)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range disks {
			if s := d.Status; s != nil && s.Delay && s.Model == "hdd" && s.Counts.Reads > 20 && strings.HasPrefix(s.Mount, out) {
				found = s.DiskReady
			}
		}
		return found.PID != 0 || p.Over()
	})
	if found.PID == 0 {
		t.Fatal("the run ended before a disk was under load")
	}
	return found
}

func wantNoDisksOf(t *testing.T, out string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, out) {
			t.Errorf("still mounted: %s", line)
		}
	}
	wantNoData(t, out)
}

func TestADiskThatDiesOrHangsFailsItsTrialAndTheRunGoesOn(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "hung": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // both wait for bounds of time
			out, args := smallDiskRun(t)
			p := child.Start(t, "", args...)
			disk := delayedDisk(t, p, out)
			child.Signal(t, disk.PID, signal)
			// Every wait for the disk runs into its bound first.
			if exit := p.WaitFor(t, 3*child.Patience); exit != exitFailed {
				t.Errorf("the run ended with %d, want %d", exit, exitFailed)
			}
			run, err := results.Open(out)
			if err != nil {
				t.Fatal(err)
			}
			// The one that failed, its second try, and the next block's; a busy machine may
			// have blocks measured again.
			if n := len(run.Trials); n < 3 || run.Trials[1].Attempt != 2 || run.Trials[n-1].Block != 2 {
				t.Fatalf("%d trials are stored: %+v", n, run.Trials)
			}
			if first := run.Trials[0]; first.Outcome != record.Failed || first.Error == "" {
				t.Errorf("the trial whose disk was %s: outcome %s, error %q", name, first.Outcome, first.Error)
			}
			for _, later := range run.Trials[1:] {
				if later.Outcome == record.Failed {
					t.Errorf("a trial after it failed too: %s", later.Error)
				}
			}
			wantNoDisksOf(t, out)
		})
	}
}

func TestInterruptTakesDisksDown(t *testing.T) {
	out, args := smallDiskRun(t)
	p := child.Start(t, "", args...)
	delayedDisk(t, p, out)
	child.Signal(t, p.Cmd.Process.Pid, syscall.SIGINT)
	if exit := p.Wait(t); exit != exitSignal {
		t.Errorf("an interrupted run ended with %d, want %d", exit, exitSignal)
	}
	if _, err := results.Open(out); err != nil {
		t.Errorf("the run cannot be read: %v", err)
	}
	wantNoDisksOf(t, out)
}

func TestAKilledRunLeavesNoDisk(t *testing.T) {
	out, args := smallDiskRun(t)
	p := child.Start(t, "", args...)
	disk := delayedDisk(t, p, out)
	child.Signal(t, p.Cmd.Process.Pid, syscall.SIGKILL)
	child.Eventually(t, "its disks are down", func() bool {
		disks, err := slowdisk.List(slowdisk.DefaultStateDir)
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(disks, func(d slowdisk.Entry) bool { return d.Name == disk.Name })
	})
	child.Eventually(t, "nothing is mounted", func() bool {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		return err == nil && !strings.Contains(string(mounts), out)
	})
}

func TestRunOnEmulatedDisksRecordsThem(t *testing.T) {
	out, args := smallDiskRun(t)
	stdout, stderr, exit := child.Run(t, append(args, "--repeats", "1")...)
	if exit != exitOK && exit != exitLimited { // a busy machine limits
		t.Fatalf("ended with %d: %s", exit, stderr)
	}
	var document results.Document
	if err := json.Unmarshal([]byte(stdout), &document); err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	trial := run.Trials[0]
	samples, err := run.DiskSamples(trial)
	if err != nil {
		t.Fatal(err)
	}
	if len(trial.Disks) != 2 || trial.Disks[1].Model != "hdd" || trial.Disks[1].Counts.Reads == 0 || len(samples) != 2 || len(samples[1]) < 20 {
		t.Errorf("disks %+v", trial.Disks)
	}
	var pages, cached int64
	for _, r := range trial.PagesBefore {
		pages, cached = pages+r.Pages, cached+r.CachedPages
	}
	if pages < 256<<20/4096 || cached > pages/100 {
		t.Errorf("before the load %d of the backlog's %d pages were cached", cached, pages)
	}
	if len(trial.PagesAfter) == 0 || len(trial.Measurement.Broker().LoopTimes) == 0 {
		t.Errorf("pages after %v, loop times %v", trial.PagesAfter, trial.Measurement.Broker().LoopTimes)
	}
	wantNoDisksOf(t, out)
}
