package evidence

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/internal/record"
	"c10klab/results"
)

// manyTrials is the size of run that evaluation is made for.
var manyTrials = flag.Int("trials", 10_000, "trials of BenchmarkManyTrials")

// BenchmarkManyTrials evaluates a stored run of 10 000 trials, copies of a committed
// one's: what verify, compare and the tables of a report do. Besides the
// time it prints the peak memory.
func BenchmarkManyTrials(b *testing.B) {
	spec := committedSpec(b, "write-100mbs")
	reference := b.TempDir()
	dir := filepath.Join(reference, spec.ID)
	multiply(b, "../../results/reference/write-100mbs", dir, *manyTrials)
	b.Run("open", func(b *testing.B) {
		before := record.ThisProcess()
		for b.Loop() {
			openStored(b, dir)
		}
		reportUse(b, before)
	})
	b.Run("compare", func(b *testing.B) {
		before := record.ThisProcess()
		for b.Loop() {
			run := openStored(b, dir)
			metrics, err := results.DefaultMetrics(run)
			if err == nil {
				_, err = verdict.Compare(verdict.CompareConfig{A: verdict.Side{Run: run, Where: map[string]string{"model": "reactor"}},
					B: verdict.Side{Run: run, Where: map[string]string{"model": "loop-per-thread"}}, Metrics: metrics})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		reportUse(b, before)
	})
	b.Run("compare-runs", func(b *testing.B) {
		halves := []string{filepath.Join(b.TempDir(), "a"), filepath.Join(b.TempDir(), "b")}
		for _, half := range halves {
			multiply(b, "../../results/reference/write-100mbs", half, *manyTrials/2)
		}
		before := record.ThisProcess()
		for b.Loop() {
			left, right := openStored(b, halves[0]), openStored(b, halves[1])
			metrics, err := results.DefaultMetrics(left)
			if err == nil {
				_, err = verdict.Compare(verdict.CompareConfig{A: verdict.Side{Run: left}, B: verdict.Side{Run: right}, Metrics: metrics})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		reportUse(b, before)
	})
	b.Run("effects", func(b *testing.B) {
		before := record.ThisProcess()
		for b.Loop() {
			run := openStored(b, dir)
			metrics, err := results.DefaultMetrics(run)
			if err == nil {
				_, err = verdict.MainEffects(run, spec.ID, metrics, false)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		reportUse(b, before)
	})
	b.Run("verify", func(b *testing.B) {
		document := filepath.Join(reference, "EXPERIMENTS.md")
		if _, err := UpdateDocuments(document, reference); err != nil {
			b.Fatal(err)
		}
		before := record.ThisProcess()
		for b.Loop() {
			checks, err := Verify(VerifyConfig{Document: document, Reference: reference, Source: "../.."})
			if err != nil {
				b.Fatal(err)
			}
			failed := slices.ContainsFunc(checks, func(c EvidenceCheck) bool {
				return c.Status == CheckFails && c.Check != "size of all runs" && c.Of != document && c.Of != "EXPERIMENTS.md"
			})
			if failed {
				b.Fatalf("%+v", checks)
			}
		}
		reportUse(b, before)
	})
}

func committedSpec(tb testing.TB, id string) *experiments.Spec {
	tb.Helper()
	specs, err := experiments.Specs()
	if err == nil {
		specs, err = experiments.Select(specs, []string{id})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return specs[0]
}

func openStored(tb testing.TB, dir string) *results.Run {
	tb.Helper()
	run, err := results.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return run
}

// multiply makes a run of n trials from a stored one, block after block.
func multiply(tb testing.TB, from, to string, n int) {
	tb.Helper()
	source := openStored(tb, from)
	run, err := results.Create(to, source.Info)
	if err != nil {
		tb.Fatal(err)
	}
	defer run.Close()
	cells := len(source.Info.Cells)
	for i := range n {
		t := source.Trials[i%len(source.Trials)]
		log, err := os.ReadFile(trialFile(from, t, ".hlog"))
		if err != nil {
			tb.Fatal(err)
		}
		t.Block, t.Started = 1+i/cells, t.Started.Add(time.Duration(i)*time.Second)
		text, err := json.Marshal(t)
		if err != nil {
			tb.Fatal(err)
		}
		for suffix, data := range map[string][]byte{".hlog": log, ".json": text} {
			if err := os.WriteFile(trialFile(to, t, suffix), data, 0o644); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := run.Seal(); err != nil {
		tb.Fatal(err)
	}
}

func trialFile(dir string, t record.Trial, suffix string) string {
	return filepath.Join(dir, "trials", fmt.Sprintf("%02d-%s%s", t.Block, t.Cell, suffix))
}

// reportUse adds the processor time and allocations of each loop since an earlier
// reading, and the process's peak resident memory so far.
func reportUse(b *testing.B, before record.Process) {
	b.Helper()
	now := record.ThisProcess()
	used := record.Since(now, before)
	b.ReportMetric(float64(used.CPUNs)/1e9/float64(b.N), "CPU-s/op")
	b.ReportMetric(float64(used.AllocatedBytes)/1e6/float64(b.N), "MB-allocated/op")
	b.ReportMetric(float64(now.PeakRSSBytes)/1e6, "peak-RSS-MB")
	runtime.GC()
}
