package results

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"c10klab/internal/record"
)

func TestAdoptedRecordsKeepTheSumsOfThreadsAndNotEachOfThem(t *testing.T) {
	dir := t.TempDir()
	run, err := Create(filepath.Join(dir, "run"), Info{Cells: []PlannedCell{{Experiment: "x", ID: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	for block, snapshot := range []string{
		`{"census": {"threads": [{"name": "net-0", "tid": 7}]}, "thread_use": {"net": {"threads": 1}}, "recorder_bytes": 3}`,
		`{"census": {"threads": [{"name": "net-0", "tid": 7}]}, "recorder_bytes": 3}`, // of a version without sums
	} {
		trial := sampledTrial(block + 1)
		if err := json.Unmarshal([]byte(snapshot), &trial.Measurement.Broker().After); err != nil {
			t.Fatal(err)
		}
		trial.Measurement.Join = &record.Join{Joined: 1, Slowest: []record.JoinedRequest{{ID: 5}}}
		if err := run.Commit(trial); err != nil {
			t.Fatal(err)
		}
	}
	adopted, err := run.Adopt(filepath.Join(dir, "reference"), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ listed, summed int }{{0, 1}, {1, 0}} {
		after := adopted.Trials[i].Measurement.Broker().After
		if len(after.Census.Threads) != want.listed || len(after.ThreadUse) != want.summed || after.RecorderBytes != 3 {
			t.Errorf("trial %d: %d threads listed, %d groups summed, %d bytes of recorders; want %+v and 3", i, len(after.Census.Threads), len(after.ThreadUse), after.RecorderBytes, want)
		}
		if join := adopted.Trials[i].Measurement.Join; join.Joined != 1 || join.Slowest != nil {
			t.Errorf("trial %d: %d joined requests, %d of them whole; want 1 and none", i, join.Joined, len(join.Slowest))
		}
	}
}
