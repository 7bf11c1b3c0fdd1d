package plots

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/results"
)

// sweepConnections are the levels of simulatedSweep.
var sweepConnections = []int{100, 300, 1000, 3000, 10_000}

// simulatedSweep is a run of every model over 100 to 10 000 connections. Of one model the
// last cell is saturated, of another the generator limited one, of a third one was never
// measured.
func simulatedSweep(t *testing.T) *results.Run {
	t.Helper()
	const blocks = 6
	var cells []results.PlannedCell
	for _, model := range models {
		for _, n := range sweepConnections {
			connections := strconv.Itoa(n)
			cells = append(cells, results.PlannedCell{Experiment: "sweep", ID: model + "." + connections,
				Knobs: map[string]string{"model": model, "connections": connections}})
		}
	}
	dir := filepath.Join(t.TempDir(), "run")
	run, err := results.Create(dir, results.Info{Cells: cells})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for block := 1; block <= blocks; block++ {
		for i, cell := range cells {
			if cell.ID == "loop-per-thread.3000" {
				continue
			}
			m := simulatedLevel(rng, i/len(sweepConnections), sweepConnections[i%len(sweepConnections)])
			switch cell.ID {
			case "thread-per-connection.10000":
				m.Outcome = record.Saturated
			case "reactor-pool.1000":
				m.Outcome = record.GeneratorLimited
			}
			if err := run.Commit(record.Trial{Experiment: cell.Experiment, Block: block, Cell: cell.ID, Knobs: cell.Knobs,
				Outcome: m.Outcome, Measurement: m, Started: time.Unix(int64(block), 0)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	run.Close()
	opened, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// simulatedLevel is one trial of a model, by number, with so many connections.
func simulatedLevel(rng *rand.Rand, model, connections int) *record.Measurement {
	const windowNs, drawn, each = 10e9, 500, 40
	grows := math.Pow(float64(connections)/100, 0.1+0.1*float64(model))
	scale := grows * (0.9 + 0.2*rng.Float64())
	h := hdr.NewHistogram()
	for range drawn {
		h.RecordN(int64(5e4*scale*math.Exp(0.55*rng.NormFloat64())), each)
	}
	requests := 60_000 / scale
	return &record.Measurement{
		Outcome: record.Valid, WindowNs: windowNs, RequestsPerSec: requests,
		Histograms:  hdr.Bundle{{Stage: "ResponseTime", API: "Echo"}: h},
		Connections: &record.Connections{Open: connections, ServerBytes: 1024 * float64(2+3*model) * (0.95 + 0.1*rng.Float64())},
		Servers:     []record.ServerUse{{Name: record.Broker, Process: &record.Process{VoluntarySwitches: int64(requests * windowNs / 1e9 * (0.2 + 0.3*float64(model)))}}},
	}
}

func TestSweepsAreAsCommitted(t *testing.T) {
	s := sourceOf(t, simulatedSweep(t))
	axis, _, found := s.sweepAxis()
	if !found || axis != "connections" {
		t.Fatalf("the run is swept along %q, found: %v", axis, found)
	}
	panels := map[string]map[string][]string{} // by title and label
	for _, row := range s.sweptRows(axis) {
		for _, m := range row {
			for _, line := range s.sweepLines(m, axis, s.sweepLabels(axis)) {
				if panels[m.title] == nil {
					panels[m.title] = map[string][]string{}
				}
				for _, p := range line.points {
					text := fmt.Sprintf("%g: %s (n = %d) %s, stands: %t, bound: %t, apart: %t", p.x, p.estimate, p.estimate.N, p.outcome, p.stands, p.bounds, p.apart)
					panels[m.title][line.label] = append(panels[m.title][line.label], text)
				}
			}
		}
	}
	wantGolden(t, "sweep", panels)
}

func TestSweepIsDrawn(t *testing.T) {
	run := simulatedSweep(t)
	dir := t.TempDir()
	if *figures != "" {
		dir = *figures
	}
	files, err := drawAll(run, nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	drawn := 0
	for _, file := range files {
		if filepath.Base(file) == "sweep-sweep.png" || filepath.Base(file) == "sweep-sweep.svg" {
			drawn++
			if err := decodable(file); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if drawn != 2 {
		t.Errorf("drawn %v, want the sweep as PNG and SVG", files)
	}
}
