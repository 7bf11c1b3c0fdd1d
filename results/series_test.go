package results

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"c10klab/internal/record"
)

func TestSeriesAreStoredApartFromTheTrial(t *testing.T) {
	run, err := Create(filepath.Join(t.TempDir(), "run"), Info{})
	if err != nil {
		t.Fatal(err)
	}
	want := []record.TimeSeries{{Stage: "ResponseTime", API: "Produce", StartNs: 5, StepNs: 100, Steps: [][]int64{{3, 1}, nil, {4, 2, 9, 1}}}}
	with := record.Trial{Block: 1, Cell: "with", Outcome: record.Valid, Measurement: &record.Measurement{WindowNs: 1, OverTime: want}}
	without := record.Trial{Block: 1, Cell: "without", Outcome: record.Valid, Measurement: &record.Measurement{WindowNs: 1}}
	for _, trial := range []record.Trial{with, without} {
		if err := run.Commit(trial); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := Open(run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range opened.Trials {
		if len(trial.Measurement.OverTime) > 0 {
			t.Errorf("%s: the trial's own file holds series", trial.Cell)
		}
	}
	if got, err := opened.Series(with); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("series %v, %v; want %v", got, err, want)
	}
	if got, err := opened.Series(without); err != nil || got != nil {
		t.Errorf("series of a trial without any: %v, %v", got, err)
	}
}

func TestDamagedSeriesAreRefusedByName(t *testing.T) {
	run, err := Create(filepath.Join(t.TempDir(), "run"), Info{})
	if err != nil {
		t.Fatal(err)
	}
	trial := record.Trial{Block: 1, Cell: "x"}
	for name, text := range map[string]string{
		"no JSON":                `[{`,
		"no step":                `[{"step_ns": 0}]`,
		"bucket without a count": `[{"step_ns": 1, "steps": [[1]]}]`,
		"unknown bucket":         `[{"step_ns": 1, "steps": [[4000, 1]]}]`,
		"negative count":         `[{"step_ns": 1, "steps": [[1, -1]]}]`,
	} {
		path := run.trialPath(trial, seriesSuffix)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := run.Series(trial); !errors.Is(err, ErrGarbled) {
			t.Errorf("%s: error %v, want ErrGarbled", name, err)
		}
	}
}

func TestAdoptedRunsKeepTheSeriesThatFiguresShow(t *testing.T) {
	dir := t.TempDir()
	run, err := Create(filepath.Join(dir, "run"), Info{Cells: []PlannedCell{{Experiment: "x", ID: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	series := []record.TimeSeries{{Stage: "ResponseTime", API: "Produce", StepNs: 100, Steps: [][]int64{{3, 1}}}}
	for block := 1; block <= 3; block++ {
		trial := record.Trial{Block: block, Cell: "a", Outcome: record.Valid, Measurement: &record.Measurement{WindowNs: 1, OverTime: series}}
		if block == 1 {
			trial.Outcome = record.GeneratorLimited // the cell's numbers are from the others
		}
		if err := run.Commit(trial); err != nil {
			t.Fatal(err)
		}
	}
	adopted, err := run.Adopt(filepath.Join(dir, "reference"), everything, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range adopted.Trials {
		kept, err := adopted.Series(trial)
		if err != nil || (len(kept) > 0) != (trial.Block == 2) {
			t.Errorf("block %d: %d series, %v", trial.Block, len(kept), err)
		}
	}
	if err := adopted.CheckManifest(); err != nil {
		t.Error(err)
	}
}
