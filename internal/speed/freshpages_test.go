package speed

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

// asTheHostLeaves and backed are levels of knob backed-memory; the second is more than any
// trial here takes.
const (
	asTheHostLeaves = "0"
	backed          = "3GiB"
)

// pagesRecord is what fresh pages did to trials under one level of backed-memory.
type pagesRecord struct {
	Spec, Backed string
	Idle         bool                            // the run began after a minute without any load
	Values       map[string]map[string][]float64 // by metric and cell, in the order of blocks
	SDLogRatio   map[string]float64              `json:",omitempty"` // by metric, of the first cell against the second within blocks
}

// BenchmarkFreshPages measures the noise of memory that the host takes back, and its cure.
// First a trial of write-100mbs after a minute without load against those that follow at once.
// Then the scatter of ratios within blocks, of two models or send strategies, in runs
// that alternate between memory as the host leaves it and backed memory. About 30 minutes;
// with -short a smoke test of two.
func BenchmarkFreshPages(b *testing.B) {
	binary := buildC10klab(b)
	idle, blocks, times := time.Minute, 4, []string{"--set", "warm-up=2s", "--set", "window=10s"}
	if testing.Short() {
		idle, blocks, times = 2*time.Second, 2, []string{"--set", "warm-up=500ms", "--set", "window=1s"}
	}
	var all []pagesRecord
	for _, level := range []string{asTheHostLeaves, backed} {
		time.Sleep(idle)
		p := pagesRecord{Spec: "write-100mbs", Backed: level, Idle: true}
		p.add(b, binary, blocks, append(times, "--only", "model=loop-per-thread", "--only", "consumers=none"), "LocalTime/Produce p50", "LocalTime/Produce p99")
		all = append(all, p)
	}
	for _, c := range []struct {
		spec    string
		only    []string
		metrics []string
	}{
		{"write-100mbs", []string{"--only", "model=loop-per-thread", "--only", "model=loop-per-thread-pool", "--only", "consumers=none"},
			[]string{"LocalTime/Produce p50", "ResponseTime/Produce p99"}},
		{"hot-reads", []string{"--only", "send=inline", "--only", "send=pool", "--only", "fetch-max-bytes=64KiB"}, []string{"fetched_mb_s"}},
		{"tail-reads", []string{"--only", "send=inline", "--only", "send=pool", "--only", "consumers=tail"},
			[]string{"EndToEnd/Fetch p99", "ResponseTime/Produce p99"}},
	} {
		levels := map[string]*pagesRecord{}
		for _, level := range []string{asTheHostLeaves, backed, backed, asTheHostLeaves} {
			if levels[level] == nil {
				levels[level] = &pagesRecord{Spec: c.spec, Backed: level}
			}
			levels[level].add(b, binary, blocks, slices.Concat(times, c.only), c.metrics...)
		}
		for _, level := range []string{asTheHostLeaves, backed} {
			levels[level].compare(c.metrics)
			all = append(all, *levels[level])
		}
	}
	for _, p := range all {
		p.print(b)
	}
	keep(b, "fresh-pages", all)
}

// add runs some blocks, and enters the metrics of each trial with what its fresh pages cost.
func (p *pagesRecord) add(b *testing.B, binary string, blocks int, args []string, metrics ...string) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "run")
	cmd := exec.Command(binary, append([]string{"run", p.Spec, "--out", dir, "--repeats", strconv.Itoa(blocks), "--set", "backed-memory=" + p.Backed}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !(errors.As(err, &ended) && ended.ExitCode() == 3) {
		b.Fatalf("run %s: %v", p.Spec, err)
	}
	run, err := results.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	if p.Values == nil {
		p.Values = map[string]map[string][]float64{}
	}
	for _, name := range append(metrics, "fresh_page_before_ns", "fresh_page_after_ns") {
		metric, err := measure.ParseMetric(name)
		if err != nil {
			b.Fatal(err)
		}
		if p.Values[name] == nil {
			p.Values[name] = map[string][]float64{}
		}
		for _, cell := range run.Info.Cells {
			values := make([]float64, blocks)
			for block := range values {
				values[block] = lastValue(b, run, metric, run.Attempts(cell.ID, block+1))
			}
			p.Values[name][cell.ID] = append(p.Values[name][cell.ID], values...)
		}
	}
}

// lastValue is the metric's in the last attempt, whatever its outcome: what is asked here is
// how much trials scatter.
func lastValue(b *testing.B, run *results.Run, metric measure.Metric, attempts []record.Trial) float64 {
	b.Helper()
	t := attempts[len(attempts)-1]
	key, isDuration := metric.Key()
	if !isDuration {
		return metric.Of(&t).Value
	}
	digests, err := run.TrialDigests(t, nil)
	if err != nil {
		b.Fatal(err)
	}
	return metric.OfDigest(digests[key]).Value
}

// compare enters the standard deviation of the log ratio of the two cells within blocks.
func (p *pagesRecord) compare(metrics []string) {
	p.SDLogRatio = map[string]float64{}
	for _, name := range metrics {
		cells := slices.Sorted(maps.Keys(p.Values[name]))
		x, y := p.Values[name][cells[0]], p.Values[name][cells[1]]
		logs := make([]float64, len(x))
		var mean, squares float64
		for i := range x {
			logs[i] = math.Log(x[i] / y[i])
			mean += logs[i] / float64(len(logs))
		}
		for _, v := range logs {
			squares += (v - mean) * (v - mean)
		}
		p.SDLogRatio[name] = math.Sqrt(squares / float64(len(logs)-1))
	}
}

func (p *pagesRecord) print(b *testing.B) {
	title := fmt.Sprintf("%s, backed-memory=%s", p.Spec, p.Backed)
	if p.Idle {
		title += ", the first trial after a minute without load"
	}
	fmt.Printf("\n%s\n", title)
	for _, name := range slices.Sorted(maps.Keys(p.Values)) {
		for _, cell := range slices.Sorted(maps.Keys(p.Values[name])) {
			fmt.Printf("  %-24s %-44s %.4g\n", name, cell, p.Values[name][cell])
		}
		if sd, compared := p.SDLogRatio[name]; compared {
			fmt.Printf("  %-24s sd of the log ratio %.3f\n", name, sd)
			b.ReportMetric(sd, strings.ReplaceAll(name, " ", "-")+"/"+p.Spec+"/backed-"+p.Backed+"/sd-log-ratio")
		}
	}
}
