package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"c10klab/internal/record"
	"c10klab/results"
)

// BenchmarkReportOfTenThousandTrials prints seconds, processor seconds and the peak of
// memory in MB; a report should take at most 10 s and 500 MB.
func BenchmarkReportOfTenThousandTrials(b *testing.B) {
	const cells, blocks = 1250, 8
	dir := largeRun(b, cells, blocks)
	page := filepath.Join(b.TempDir(), "report.html")
	runtime.GC()
	for b.Loop() {
		begun, before := time.Now(), record.ThisProcess()
		if err := Write(page, []string{dir}); err != nil {
			b.Fatal(err)
		}
		used := record.Since(record.ThisProcess(), before)
		b.ReportMetric(time.Since(begun).Seconds(), "s/report")
		b.ReportMetric(float64(used.CPUNs)/1e9, "CPU-s/report")
		b.ReportMetric(float64(used.AllocatedBytes)/1e6, "MB-allocated/report")
	}
	b.ReportMetric(float64(record.ThisProcess().PeakRSSBytes)/1e6, "peak-RSS-MB")
}

// largeRun makes a run of many trials, all with the numbers of one committed trial and
// the histograms of its cell.
func largeRun(b *testing.B, cells, blocks int) string {
	b.Helper()
	origin := filepath.Join(reference, "cold-reads")
	source, err := results.Open(origin)
	if err != nil {
		b.Fatal(err)
	}
	merged, err := source.MergedHistograms(source.CellOutcomes()[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	var histograms bytes.Buffer
	start, end := source.Window()
	if err := merged.WriteLog(&histograms, start, end); err != nil {
		b.Fatal(err)
	}
	info := results.Info{Specs: []results.Spec{results.NewSpec("cold-reads", source.Info.Specs[0].Text, blocks)}}
	sends := []string{"inline", "pool"}
	for i := range cells {
		info.Cells = append(info.Cells, results.PlannedCell{Experiment: "cold-reads", ID: fmt.Sprintf("cold-reads.%d", i), Knobs: map[string]string{
			"model": "reactor", "consumers": "lagging", "send": sends[i%2], "handlers": fmt.Sprint(i / 2 % 5), "loops": fmt.Sprint(i / 10 % 5),
			"rate": fmt.Sprint(i / 50 % 5), "producers": fmt.Sprint(i / 250 % 5),
		}})
	}
	dir := filepath.Join(b.TempDir(), "run")
	run, err := results.Create(dir, info)
	if err != nil {
		b.Fatal(err)
	}
	defer run.Close()
	template := source.Trials[0]
	disks, err := source.DiskSamples(template)
	if err != nil {
		b.Fatal(err)
	}
	samples, err := json.Marshal(disks)
	if err != nil {
		b.Fatal(err)
	}
	series, err := json.Marshal(steadySeries(template.Measurement))
	if err != nil {
		b.Fatal(err)
	}
	template.Outcome, template.LogTail, template.Numbers = record.Valid, "", nil
	for i := range cells * blocks {
		t := template
		cell := info.Cells[i%cells]
		t.Block, t.Cell, t.Knobs, t.Started = 1+i/cells, cell.ID, cell.Knobs, time.Unix(int64(i), 0)
		text, err := json.Marshal(t)
		if err != nil {
			b.Fatal(err)
		}
		base := strings.TrimSuffix(run.LogPath(t), ".log")
		for suffix, content := range map[string][]byte{".json": text, ".hlog": histograms.Bytes(), ".disks": samples, ".series": series} {
			if err := os.WriteFile(base+suffix, content, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	return dir
}

// steadySeries is a series as a trial of these requests has it: twenty buckets in each
// step of 100 ms.
func steadySeries(m *record.Measurement) []record.TimeSeries {
	s := record.TimeSeries{Stage: "ResponseTime", API: "Produce", StartNs: m.Broker().After.MonotonicNs - m.WindowNs, StepNs: 1e8}
	for range m.WindowNs / s.StepNs {
		var step []int64
		for bucket := range int64(20) {
			step = append(step, 140+bucket, 30)
		}
		s.Steps = append(s.Steps, step)
	}
	return []record.TimeSeries{s}
}
