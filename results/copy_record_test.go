package results

import (
	"path/filepath"
	"testing"

	"c10klab/internal/osthread"
	"c10klab/internal/record"
)

func TestAdoptedRecordsKeepTheSumsOfThreadsAndNotEachOfThem(t *testing.T) {
	dir := t.TempDir()
	run, err := Create(filepath.Join(dir, "run"), Info{Cells: []PlannedCell{{Experiment: "x", ID: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	census := osthread.Census{Threads: []osthread.Entry{{Name: "net-0", TID: 7, State: "S"}}}
	for block, use := range []map[string]osthread.Use{census.Use(), nil} {
		trial := sampledTrial(block + 1)
		trial.Measurement.After = &record.ServerSnapshot{Census: census, ThreadUse: use, RecorderBytes: 3}
		if err := run.Commit(trial); err != nil {
			t.Fatal(err)
		}
	}
	adopted, err := run.Adopt(filepath.Join(dir, "reference"), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ listed, summed int }{{0, 1}, {1, 0}} {
		after := adopted.Trials[i].Measurement.After
		if len(after.Census.Threads) != want.listed || len(after.ThreadUse) != want.summed || after.RecorderBytes != 3 {
			t.Errorf("trial %d: %d threads listed, %d groups summed, %d bytes of recorders; want %+v and 3", i, len(after.Census.Threads), len(after.ThreadUse), after.RecorderBytes, want)
		}
	}
}
