package report

import (
	"path/filepath"
	"strings"
	"testing"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

// twoServers is a run of two trials with a broker and a follower, each with a disk.
func twoServers(t *testing.T) *results.Run {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	knobs := map[string]string{"model": "reactor", "consumers": "none", "servers": "broker,follower-1", "follower-1:model": "loop-per-thread"}
	cell := results.PlannedCell{Experiment: "x", ID: "x.reactor", Knobs: knobs}
	run, err := results.Create(dir, results.Info{Cells: []results.PlannedCell{cell}, Specs: []results.Spec{results.NewSpec("x", specText, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	histogram := func(ns int64) *hdr.Histogram {
		h := hdr.NewHistogram()
		h.RecordN(ns, 100_000)
		return h
	}
	server := func(name string, cpuNs, switches, peakMiB int64) record.ServerUse {
		return record.ServerUse{Name: name, StageSource: record.StagesAdmin, Window: &record.ServerWindow{Ns: 1e9, Requests: 1000},
			Process: &record.Process{CPUNs: cpuNs, VoluntarySwitches: switches, PeakRSSBytes: peakMiB << 20}}
	}
	for block := 1; block <= 2; block++ {
		fetch := measure.Total.Key(measure.Fetch)
		fetch.Server = "follower-1"
		local := measure.LocalTime.Key(measure.Fetch)
		local.Server = "follower-1"
		m := &record.Measurement{WindowNs: 1e9, AckedMBps: 99.9, OfferedMBps: 100, Outcome: record.Valid,
			Servers: []record.ServerUse{server(record.Broker, 5e8, 2000, 64), server("follower-1", 2.5e8, 700, 32)},
			Histograms: hdr.Bundle{measure.ResponseTime.Key(measure.Produce): histogram(1e6), measure.Total.Key(measure.Produce): histogram(5e5),
				measure.LocalTime.Key(measure.Produce): histogram(4e5), fetch: histogram(777e3), local: histogram(666e3)}}
		err := run.Commit(record.Trial{Experiment: "x", Block: block, Cell: cell.ID, Knobs: knobs, Outcome: m.Outcome, Measurement: m,
			Servers: []record.TrialServer{{Name: record.Broker}, {Name: "follower-1"}}, Disks: []record.DiskStatus{{}, {Server: "follower-1"}},
			DiskWindows: []record.DiskWindow{{Util: record.Mean{Sum: 0.25, N: 1}}, {Util: record.Mean{Sum: 0.75, N: 1}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	run.Close()
	if run, err = results.Open(dir); err != nil {
		t.Fatal(err)
	}
	return run
}

func TestEachServerOfATrialIsShownUnderItsName(t *testing.T) {
	run := twoServers(t)
	read, err := Read(run)
	if err != nil {
		t.Fatal(err)
	}
	tables := func(names ...string) string {
		var b strings.Builder
		if err := read.Tables(&b, names, false); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	flat := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	broker, follower := "broker 0.500 500 2000 64.0 0.250", "follower-1 (model=loop-per-thread) 0.250 250 700 32.0 0.750"
	for what, c := range map[string]struct {
		text   string
		wanted []string
	}{
		"the brief":         {briefOf(t, run), []string{broker, follower, "777"}},
		"the servers":       {tables("servers"), []string{broker, follower, "777"}},
		"the stages":        {tables("stages"), []string{"Broker, Produce:", "400 500 500 500", "Server follower-1, Fetch:", "666 777 777 777"}},
		"the numbers":       {tables("numbers"), []string{"broker 99.9 0.999", "follower-1 (model=loop-per-thread) n/a n/a"}},
		"the page's tables": {pageOf(t, run.Dir), []string{"<h3>Servers: what each took", "<td>follower-1 (model=loop-per-thread)</td>", "<h3>Server follower-1, Fetch:"}},
	} {
		for _, wanted := range c.wanted {
			if !strings.Contains(flat(c.text), wanted) {
				t.Errorf("%s lack %q:\n%.3000s", what, wanted, c.text)
			}
		}
	}
	if *screenshots != "" {
		screenshot(t, []byte(pageOf(t, run.Dir)), "servers", []string{"--window-size=1300,2400"})
	}
	alone, err := results.Open(filepath.Join(reference, "cold-reads"))
	if err != nil {
		t.Fatal(err)
	}
	if text := briefOf(t, alone); strings.Contains(text, "Servers:") || strings.Contains(pageOf(t, alone.Dir), "Servers:") {
		t.Errorf("a broker alone has a table of servers:\n%s", text)
	}
}
