package results

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
)

// everything keeps no merged histograms, because all of the trials'.
var everything = Kept{Cells: func(hdr.Key) bool { return false }, Numbers: measure.AllNumbers}

// mixedRun has a cell, its twin and another, whose trials had all kinds of ends; only
// they and their second attempts have what evidence may drop.
func mixedRun(t *testing.T) *Run {
	t.Helper()
	cell, other := planned("reactor", "none"), planned("reactor", "tail")
	twin := cell
	twin.ID, twin.TwinOf = cell.ID+".twin", cell.ID
	r := newRun(t, cell, other, twin)
	for block := 1; block <= 3; block++ {
		for i, c := range []PlannedCell{cell, other, twin} {
			m := measurement(record.Valid, 2000*block+i, int64(block)*1e6)
			m.Histograms[measure.LoopLag.Key(measure.AllLoops)] = histogram(10, 1e5)
			m.Histograms[measure.Lateness.Key(measure.Produce)] = histogram(2000*block, 1e4)
			m.OverTime = []record.TimeSeries{{Stage: "ResponseTime", API: "Produce", StepNs: 100,
				Steps: [][]int64{{int64(record.SeriesBucket(2e6)), int64(20 * block)}, nil, nil, {3, 1}}}}
			if block == 2 && i == 1 {
				m.Outcome = record.GeneratorLimited
			}
			commit(t, r, c, block, m)
		}
	}
	commit(t, r, other, 4, nil)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

func adopted(t *testing.T, r *Run, kept Kept) *Run {
	t.Helper()
	packed, err := r.Adopt(filepath.Join(t.TempDir(), "reference"), kept, false)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// Whoever reads a run gets the same from its packed form, whichever histograms are kept of
// trials and which of cells.
func TestPackedRunsSayWhatRawOnesDo(t *testing.T) {
	raw := mixedRun(t)
	predicted := func(key hdr.Key) bool { return key == measure.ResponseTime.Key(measure.Produce) }
	for name, kept := range map[string]Kept{
		"all of trials": everything,
		"all of cells":  {Trials: func(hdr.Key) bool { return false }, Numbers: measure.AllNumbers},
		"some of each": {Trials: predicted, Cells: func(key hdr.Key) bool { return !predicted(key) },
			Numbers: measure.AllNumbers},
	} {
		packed := adopted(t, raw, kept)
		if err := packed.CheckValues(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want, err := raw.Cells(nil, predicted)
		if err != nil {
			t.Fatal(err)
		}
		got, err := packed.Cells(nil, predicted)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) || len(got) != 2 {
			t.Fatalf("%s: %d cells, want %d", name, len(got), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(got[i].Spans, want[i].Spans) || !reflect.DeepEqual(got[i].Curves, want[i].Curves) || !reflect.DeepEqual(got[i].Problems, want[i].Problems) {
				t.Errorf("%s: cell %s differs", name, want[i].ID)
			}
			for j, trial := range want[i].Measured {
				if !reflect.DeepEqual(got[i].Measured[j].Spans, trial.Spans) {
					t.Errorf("%s: trial %s differs", name, trial.Trial.Name())
				}
			}
		}
		shown := 0
		for i, trial := range raw.Trials {
			for number, value := range measure.AllNumbers(&trial) {
				if trial.Measured() && !reflect.DeepEqual(packed.Trials[i].Numbers[number], value) {
					t.Errorf("%s: %s of %s differs", name, number, trial.Name())
				}
			}
			series, err := packed.Series(packed.Trials[i])
			if err != nil {
				t.Error(err)
			}
			shown += len(series)
		}
		if shown != 2 {
			t.Errorf("%s: series of %d trials, want those of the 2 that figures show", name, shown)
		}
	}
}

func TestEqualEvidenceIsEqualBytes(t *testing.T) {
	raw := mixedRun(t)
	first, second := adopted(t, raw, everything), adopted(t, raw, everything)
	for _, file := range append([]string{manifestFile}, packedFiles...) {
		a, err := os.ReadFile(filepath.Join(first.Dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(second.Dir, file)); err != nil || string(a) != string(b) {
			t.Errorf("%s differs, %v", file, err)
		}
	}
}

// rewritten replaces a text in a compressed file and lists the file's new hash, as
// somebody would who edits evidence with care.
func rewritten(t *testing.T, r *Run, file, old, new string) {
	t.Helper()
	text, err := r.packed.read(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %s", file, old)
	}
	f, err := os.Create(filepath.Join(r.Dir, file))
	if err != nil {
		t.Fatal(err)
	}
	w := gzip.NewWriter(f)
	_, err = w.Write([]byte(strings.Replace(string(text), old, new, 1)))
	if err := errors.Join(err, w.Close(), f.Close(), r.Seal()); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedEvidenceIsNamed(t *testing.T) {
	truncate := func(file string, size int64) func(*testing.T, *Run) {
		return func(t *testing.T, r *Run) {
			if err := os.Truncate(filepath.Join(r.Dir, file), size); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(file, text string) func(*testing.T, *Run) {
		return func(t *testing.T, r *Run) {
			if err := os.WriteFile(filepath.Join(r.Dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	damages := map[string]struct {
		do    func(*testing.T, *Run)
		want  error
		parts []string
	}{
		"another form": {write(runFile, `{"schema":3,"packed":9}`), ErrNewerSchema, []string{runFile, "packed form 9"}},
		"newer schema": {write(runFile, `{"schema":9,"packed":1}`), ErrNewerSchema, []string{runFile, "schema 9"}},
		"no schema":    {write(runFile, `{}`), ErrGarbled, []string{runFile, "schema 0"}},
		"no manifest": {func(t *testing.T, r *Run) {
			if err := os.Remove(filepath.Join(r.Dir, manifestFile)); err != nil {
				t.Fatal(err)
			}
		}, ErrMissing, []string{manifestFile}},
		"another file": {write("more.jsonl.gz", ""), ErrUnlisted, []string{"more.jsonl.gz"}},
		"a line that is no trial": {func(t *testing.T, r *Run) { rewritten(t, r, packedTrials, `"block":1`, `"block":0`) },
			ErrGarbled, []string{packedTrials, "line 1", "block 0"}},
	}
	for _, file := range packedFiles {
		damages["truncated "+file] = struct {
			do    func(*testing.T, *Run)
			want  error
			parts []string
		}{truncate(file, 30), ErrChanged, []string{file, "its SHA-256 is ", ", the manifest's "}}
		damages["missing "+file] = struct {
			do    func(*testing.T, *Run)
			want  error
			parts []string
		}{func(t *testing.T, r *Run) {
			if err := os.Remove(filepath.Join(r.Dir, file)); err != nil {
				t.Fatal(err)
			}
		}, ErrMissing, []string{file}}
	}
	damages["truncated "+runFile] = struct {
		do    func(*testing.T, *Run)
		want  error
		parts []string
	}{truncate(runFile, 30), ErrGarbled, []string{runFile}} // before anything is known of a manifest
	damages["missing "+runFile] = struct {
		do    func(*testing.T, *Run)
		want  error
		parts []string
	}{damages["missing "+runFile].do, ErrNoRun, []string{runFile}}
	raw := mixedRun(t)
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			packed := adopted(t, raw, everything)
			d.do(t, packed)
			_, err := Open(packed.Dir)
			if !errors.Is(err, d.want) {
				t.Fatalf("%v, want %v", err, d.want)
			}
			for _, part := range d.parts {
				if !strings.Contains(Advised(err), part) {
					t.Errorf("does not say %q: %s", part, Advised(err))
				}
			}
		})
	}
}

// Hashes that were made to fit do not make values fit the histograms.
func TestEditedValuesAreFoundByTheirHistogram(t *testing.T) {
	packed := adopted(t, mixedRun(t), everything)
	rewritten(t, packed, packedTrials, `"p99_ns":`, `"p99_ns":1`)
	opened, err := Open(packed.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.CheckValues(); !errors.Is(err, ErrGarbled) || !strings.Contains(err.Error(), packedTrials) {
		t.Errorf("error %v, want %v of %s", err, ErrGarbled, packedTrials)
	}
}

func TestEvidenceIsNeitherResumedNorPackedAgain(t *testing.T) {
	packed := adopted(t, mixedRun(t), everything)
	if _, err := Resume(packed.Dir, Resumption{}); !errors.Is(err, ErrPacked) {
		t.Errorf("resuming: %v, want %v", err, ErrPacked)
	}
	if _, err := packed.Adopt(filepath.Join(t.TempDir(), "again"), everything, false); !errors.Is(err, ErrPacked) {
		t.Errorf("adopting: %v, want %v", err, ErrPacked)
	}
}

func TestARunOfAnOlderSchemaIsNamedWhereItLacksSomething(t *testing.T) {
	r := sealedRun(t)
	r.Info.Schema = 1
	if err := errors.Join(r.Close(), writeJSON(filepath.Join(r.Dir, runFile), r.Info, " "), os.Remove(filepath.Join(r.Dir, manifestFile))); err != nil {
		t.Fatal(err)
	}
	opened, err := OpenChecked(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	err = opened.CheckManifest()
	for _, part := range []string{runFile, "older version", "schema 1", "has to be measured anew"} {
		if !strings.Contains(Advised(err), part) {
			t.Errorf("does not say %q: %s", part, Advised(err))
		}
	}
}

// What raw runs have only for figures stays out of the trials that none shows; numbers
// that were computed from it stay.
func TestNumbersOutliveWhatTheyWereComputedFrom(t *testing.T) {
	r := newRun(t, planned("reactor", "none"))
	for block := 1; block <= 2; block++ {
		m := measurement(record.Valid, 100, 1e6)
		m.Servers = []record.ServerUse{{Name: record.Broker, After: &record.ServerSnapshot{MonotonicNs: 9e9, Store: &record.StoreActivity{Appends: 5000,
			Events:         []record.StoreEvent{{Kind: record.EventRoll, AtNs: 5e9, TookNs: 1e6}},
			SlowestAppends: []record.SlowAppend{{AtNs: 5e9}, {AtNs: 5e9}, {AtNs: 5e9}, {AtNs: 7e9}, {AtNs: 8e9}}}}}}
		m.MeanTimeNs = []float64{1, 2}
		commit(t, r, planned("reactor", "none"), block, m)
	}
	packed := adopted(t, r, everything)
	spikes := measure.NumberNamed("spikes_at_roll")
	for i := range packed.Trials {
		want, known := spikes.Of(&r.Trials[i])
		got, stored := spikes.Of(&packed.Trials[i])
		store := packed.Trials[i].Measurement.Broker().After.Store
		if got != want || !known || !stored || want < 0.5 {
			t.Errorf("block %d: %g (known: %v), want %g (known: %v)", i+1, got, stored, want, known)
		}
		if len(store.SlowestAppends) > 0 || packed.Trials[i].Measurement.MeanTimeNs != nil || (len(store.Events) > 0) != (i == 0) {
			t.Errorf("block %d keeps %d appends, %d events", i+1, len(store.SlowestAppends), len(store.Events))
		}
	}
	// What is declared later is computed from what the record has.
	later := packed.Trials[0]
	later.Numbers = maps.Clone(later.Numbers)
	delete(later.Numbers, "rate_mb_s")
	if got, known := measure.Rate.Of(&later); got != 99 || !known {
		t.Errorf("a number that is not stored is %g (known: %v), want 99", got, known)
	}
}
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
	adopted, err := run.Adopt(filepath.Join(dir, "reference"), everything, false)
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
