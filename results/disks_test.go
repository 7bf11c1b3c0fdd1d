package results

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"c10klab/internal/record"
)

// sampledTrial has a disk with samples before, in and after its window, and one without.
func sampledTrial(block int) record.Trial {
	disk := record.DiskStatus{DiskReady: record.DiskReady{Name: "d"}, Samples: []record.DiskSample{
		{AtNs: 50, Util: 1, Reads: 100}, {AtNs: 150, Util: 0.5, ReadAwaitMs: 8, Reads: 3, ReadMBps: 1},
		{AtNs: 200, Util: 0.25, InFlight: 2, WriteAwaitMs: 4, WriteMBps: 1}, {AtNs: 201, Util: 1},
	}}
	return record.Trial{Block: block, Cell: "a", Outcome: record.Valid, Disks: []record.DiskStatus{disk, {}},
		Measurement: &record.Measurement{WindowNs: 100, Servers: []record.ServerUse{{Name: record.Broker, After: &record.ServerSnapshot{MonotonicNs: 200}}}}}
}

var sampledWindows = []record.DiskWindow{{Reads: 3, Util: record.Mean{Sum: 0.75, N: 2}, InFlight: record.Mean{Sum: 2, N: 2}, ReadAwaitMs: record.Mean{Sum: 8, N: 1}, WriteAwaitMs: record.Mean{Sum: 4, N: 1}}, {}}

func TestDiskSamplesAreStoredApartFromTheTrial(t *testing.T) {
	run, err := Create(filepath.Join(t.TempDir(), "run"), Info{})
	if err != nil {
		t.Fatal(err)
	}
	trial := sampledTrial(1)
	if err := run.Commit(trial); err != nil {
		t.Fatal(err)
	}
	if len(trial.Disks[0].Samples) == 0 {
		t.Error("committing changed the caller's trial")
	}
	checkSampled(t, run.Dir)
}

func TestDiskSamplesOfSchema2AreReadFromTheTrial(t *testing.T) {
	run, err := Create(filepath.Join(t.TempDir(), "run"), Info{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(sampledTrial(1))
	if err == nil {
		err = os.WriteFile(run.trialPath(sampledTrial(1), ".json"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	checkSampled(t, run.Dir)
}

func checkSampled(t *testing.T, dir string) {
	t.Helper()
	opened, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := opened.Trials[0]
	if got.Disks[0].Samples != nil || !reflect.DeepEqual(got.DiskWindows, sampledWindows) {
		t.Errorf("windows %+v, %d samples in the trial; want %+v and none", got.DiskWindows, len(got.Disks[0].Samples), sampledWindows)
	}
	samples, err := opened.DiskSamples(got)
	if err != nil || len(samples) != 2 || len(samples[0]) != 4 || samples[0][1].Reads != 3 || len(samples[1]) != 0 {
		t.Errorf("samples %+v, %v", samples, err)
	}
}

func TestDamagedDiskSamplesAreRefusedByName(t *testing.T) {
	run, err := Create(filepath.Join(t.TempDir(), "run"), Info{})
	if err != nil {
		t.Fatal(err)
	}
	trial := sampledTrial(1)
	if err := os.WriteFile(run.trialPath(trial, disksSuffix), []byte(`[[{`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run.DiskSamples(trial); !errors.Is(err, ErrGarbled) {
		t.Errorf("error %v, want ErrGarbled", err)
	}
}

func TestAdoptedRunsOfOlderVersionsKeepTheDiskSamplesThatFiguresShow(t *testing.T) {
	dir := t.TempDir()
	run, err := Create(filepath.Join(dir, "run"), Info{Cells: []PlannedCell{{Experiment: "x", ID: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	for block := 1; block <= 2; block++ {
		if err := run.Commit(sampledTrial(block)); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(sampledTrial(block))
		if err == nil {
			err = os.WriteFile(run.trialPath(sampledTrial(block), ".json"), text, 0o644)
		}
		if err == nil {
			err = os.Remove(run.trialPath(sampledTrial(block), disksSuffix))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	adopted, err := run.Adopt(filepath.Join(dir, "reference"), everything, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range adopted.Trials {
		samples, err := adopted.DiskSamples(trial)
		if err != nil || (len(samples) > 0) != (trial.Block == 1) || !reflect.DeepEqual(trial.DiskWindows, sampledWindows) {
			t.Errorf("block %d: samples %v, %v, windows %+v", trial.Block, samples, err, trial.DiskWindows)
		}
	}
	if err := adopted.CheckManifest(); err != nil {
		t.Error(err)
	}
}

func TestAdoptedRecordsDoNotTellWhereTheRunLay(t *testing.T) {
	dir := t.TempDir()
	run, err := Create(filepath.Join(dir, "run"), Info{Cells: []PlannedCell{{Experiment: "x", ID: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	trial := sampledTrial(1)
	trial.Disks[0].Mount = filepath.Join(dir, "run", "data", "disk-0")
	if err := run.Commit(trial); err != nil {
		t.Fatal(err)
	}
	adopted, err := run.Adopt(filepath.Join(dir, "reference"), everything, false)
	if err != nil {
		t.Fatal(err)
	}
	if mount := adopted.Trials[0].Disks[0].Mount; mount != "run/data/disk-0" {
		t.Errorf("the adopted record has the disk at %q", mount)
	}
}
