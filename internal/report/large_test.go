package report

import (
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

	"golang.org/x/sys/unix"
)

// BenchmarkReportOfTenThousandTrials prints seconds and the peak of memory in MB; a
// report should take at most 10 s and 500 MB.
func BenchmarkReportOfTenThousandTrials(b *testing.B) {
	const cells, blocks = 1250, 8
	dir := largeRun(b, cells, blocks)
	runtime.GC()
	for b.Loop() {
		begun := time.Now()
		content, err := HTML([]string{dir}, false)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(begun).Seconds(), "s/report")
		b.ReportMetric(float64(len(content))/1e6, "MB/page")
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(usage.Maxrss)/1e3, "MB/peak")
}

// largeRun makes a run of many trials, all with the numbers of one committed trial.
func largeRun(b *testing.B, cells, blocks int) string {
	b.Helper()
	origin := filepath.Join(reference, "cold-reads")
	source, err := results.Open(origin)
	if err != nil {
		b.Fatal(err)
	}
	histograms, err := os.ReadFile(filepath.Join(results.TrialsDir(origin), "01-cold-reads.pool.hlog"))
	if err != nil {
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
	template.Outcome, template.LogTail = record.Valid, ""
	for i := range cells * blocks {
		t := template
		cell := info.Cells[i%cells]
		t.Block, t.Cell, t.Knobs, t.Started = 1+i/cells, cell.ID, cell.Knobs, time.Unix(int64(i), 0)
		text, err := json.Marshal(t)
		if err != nil {
			b.Fatal(err)
		}
		base := strings.TrimSuffix(run.LogPath(t), ".log")
		for suffix, content := range map[string][]byte{".json": text, ".hlog": histograms} {
			if err := os.WriteFile(base+suffix, content, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	return dir
}
