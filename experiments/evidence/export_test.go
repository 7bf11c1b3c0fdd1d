package evidence

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/perf/benchfmt"

	"c10klab/experiments/internal/fixture"
	"c10klab/internal/record"
	"c10klab/results"
)

// exportableRun has eight blocks of four cells, one of them limited.
func exportableRun(t *testing.T) *results.Run {
	t.Helper()
	return simulated(t, filepath.Join(t.TempDir(), "run"), parsed(t, fixture.SmallSpec), 8, func(c results.PlannedCell, _ int) (record.Outcome, float64, float64) {
		if c.Knobs["model"] == "reactor" && c.Knobs["consumers"] == "tail" {
			return record.GeneratorLimited, 0.9, 5e6
		}
		return record.Valid, 0.99, 1e6
	})
}

func TestBenchstatReadsTheExport(t *testing.T) {
	var out bytes.Buffer
	if err := ExportBenchfmt(&out, exportableRun(t), false); err != nil {
		t.Fatal(err)
	}
	reader := benchfmt.NewReader(&out, "export")
	n := 0
	for reader.Scan() {
		result, isResult := reader.Result().(*benchfmt.Result)
		if !isResult {
			t.Fatalf("%v", reader.Result())
		}
		n++
		if !strings.HasPrefix(string(result.Name), "small/model=") || result.GetConfig("experiment") != "small" {
			t.Errorf("name %s, config %v", result.Name, result.Config)
		}
		if rate, known := result.Value("rate_mb_s"); !known || rate != 99 {
			t.Errorf("rate %g", rate)
		}
		if p99, known := result.Value("ResponseTime-Produce-p99-sec"); !known || p99 < 0.00099 || p99 > 0.00101 {
			t.Errorf("p99 %g s", p99)
		}
		if _, known := result.Value("ResponseTime-Produce-p999-sec"); known {
			t.Error("a percentile without support is exported")
		}
	}
	if err := reader.Err(); err != nil || n != 24 {
		t.Errorf("%d results, %v; want 24, without those of limited trials", n, err)
	}
}

func TestCSVHoldsEveryTrial(t *testing.T) {
	run := exportableRun(t)
	if err := run.Commit(record.Trial{Experiment: "small", Block: 9, Cell: run.Info.Cells[0].ID, Attempt: 1, Outcome: record.Failed, Error: "x"}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := ExportCSV(&out, run); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var p99, unsupported, failed int
	for _, row := range rows[1:] {
		switch metric, value := row[7], row[8]; {
		case row[4] == string(record.Failed):
			failed++
		case metric == "ResponseTime/Produce p99" && value != "":
			p99++
		case metric == "ResponseTime/Produce p999" && value == "":
			unsupported++
		}
	}
	if strings.Join(rows[0], ",") != "experiment,block,cell,attempt,outcome,model,consumers,metric,value,bound" || p99 != 32 || unsupported != 32 || failed != 1 {
		t.Errorf("head %v, %d p99, %d unsupported, %d failed", rows[0], p99, unsupported, failed)
	}
}

func TestStandardToolsReadTheMergedLog(t *testing.T) {
	var out bytes.Buffer
	if err := ExportLog(&out, exportableRun(t)); err != nil {
		t.Fatal(err)
	}
	reader := hdrhistogram.NewHistogramLogReader(&out)
	counts := map[string]int64{}
	for {
		h, err := reader.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		counts[h.Tag()] = h.TotalCount()
	}
	if n := counts["small.reactor.none/ResponseTime/Produce"]; len(counts) != 4 || n != 8000 {
		t.Errorf("%v", counts)
	}
}
