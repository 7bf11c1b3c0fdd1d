package results

import (
	"os"
	"path/filepath"
	"testing"

	"c10klab/internal/record"
)

// FuzzPackedTrial: a line of packed evidence is read or refused, whatever is in it, and what is read
// can be asked for its name and outcome.
func FuzzPackedTrial(f *testing.F) {
	f.Add([]byte(`{"cell":"small.reactor","block":1,"attempt":1,"outcome":"valid","measurement":{"window_ns":1,"histograms":null},"spans":{"ResponseTime/Produce":{}},"numbers":{"rate_mb_s":1,"x":null}}`))
	f.Add([]byte(`{"cell":"small.reactor","block":1,"outcome":"failed","error":"x"}`))
	f.Add([]byte(`{"cell":"c","block":1,"outcome":"valid","measurement":{"window_ns":1,"over_time":[{"interval_ns":1}]}}`))
	f.Add([]byte(`{"spans":{"x":null}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var trial record.Trial
		if _, err := readPacked(line, &trial); err != nil {
			return
		}
		if trial.Name() == "" || trial.Cell == "" || trial.Block < 1 || trial.Outcome == "" {
			t.Errorf("%s was read as %+v", line, trial)
		}
	})
}

// FuzzRunFile: a run directory whose run.json is arbitrary is read or refused with an error that names
// a file in it.
func FuzzRunFile(f *testing.F) {
	f.Add([]byte(`{"schema":1,"specs":[],"cells":[]}`))
	f.Add([]byte(`{"schema":99}`))
	f.Add([]byte(`{"schema":3,"packed":1}`))
	f.Add([]byte(`{`))
	dir := f.TempDir()
	if err := os.Mkdir(TrialsDir(dir), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, runFile), content, 0o600); err != nil {
			t.Fatal(err)
		}
		run, err := Open(dir)
		if (run == nil) != (err != nil) {
			t.Fatalf("run %v with error %v", run, err)
		}
		if err == nil {
			run.CellOutcomes()
		}
	})
}
