package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"c10klab/internal/record"
	"c10klab/loadgen"
	"c10klab/results"
)

// loadExperiment is the experiment that a run of the load command is of: one cell, one trial.
const loadExperiment = "load"

// loadSpec is its spec; it compares nothing by itself.
const loadSpec = `id = "load"
title = %q
question = "What does a server do under this load?"

[axes]
mode = [%q]

[quick]
repeats = 1
`

// refuseOldRun says why a directory cannot become a run's; "": none is wanted.
func refuseOldRun(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case dir == "" || errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--out: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("--out %s: %w", dir, results.ErrNotEmpty)
	}
	return nil
}

// storeLoad writes what the load command measured, or why it measured nothing, as a run that show,
// report, compare and export read.
func storeLoad(dir string, config loadgen.Config, t record.Trial) (err error) {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	hash, err := results.HashFile(binary)
	if err != nil {
		return fmt.Errorf("hash the program: %w", err)
	}
	mode := config.Text["mode"]
	t.Experiment, t.Cell, t.Block, t.Attempt = loadExperiment, loadExperiment+"."+mode, 1, 1
	t.Knobs = map[string]string{}
	if t.Measurement != nil && t.Measurement.Broker().After != nil {
		maps.Copy(t.Knobs, t.Measurement.Broker().After.Knobs)
	}
	maps.Copy(t.Knobs, config.Text)
	t.ElapsedNs, t.LoadAfter = time.Since(t.Started).Nanoseconds(), results.ReadLoad()
	run, err := results.Create(dir, results.Info{
		CommandLine: append([]string{"c10klab"}, os.Args[1:]...), Seed: config.Schedule.Seed, Started: t.Started,
		Source: results.ReadSource("."), BinarySHA256: hash, DataDir: dir, Host: results.ReadHost(dir),
		Specs: []results.Spec{results.NewSpec(loadExperiment, fmt.Sprintf(loadSpec, "Load on "+config.Target, mode), 1)},
		Cells: []results.PlannedCell{{Experiment: loadExperiment, ID: t.Cell, Knobs: t.Knobs}},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	for _, step := range []func() error{func() error { return run.Commit(t) }, run.WriteSummary, run.Seal} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// measure runs the generator, and stores what came of it where a directory is given.
func (f *loadFlags) measure(run func() (*record.Measurement, error), config loadgen.Config) (*record.Measurement, error) {
	t := record.Trial{Started: time.Now(), LoadBefore: results.ReadLoad()}
	m, err := run()
	if f.out == "" {
		return m, err
	}
	if t.Measurement = m; err == nil {
		t.Outcome = m.Outcome
	} else {
		t.Outcome, t.Error = record.Failed, err.Error()
	}
	if t.Outcome == record.Failed && err == nil {
		t.Error = strings.Join(m.Problems, "; ")
	}
	return m, errors.Join(err, storeLoad(f.out, config, t))
}

// liveLine shows how far a load is: on a terminal one line that is written anew, else a line
// each tenth second.
func liveLine(terminal bool) func(loadgen.Progress) {
	var last loadgen.Progress
	return func(p loadgen.Progress) {
		seconds := int(p.Elapsed.Seconds())
		text := fmt.Sprintf("%s, %d of %.0f s: %.0f requests/s answered, %d outstanding", p.Phase, seconds, p.Of.Seconds(),
			float64(p.Answers-last.Answers)/(p.Elapsed-last.Elapsed).Seconds(), p.Outstanding)
		switch {
		case terminal && p.Over:
			fmt.Fprint(os.Stderr, "\r\x1b[K")
		case terminal:
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s", text)
		case seconds%10 != 0 || seconds == 0 || p.Over:
			return
		default:
			fmt.Fprintln(os.Stderr, text)
		}
		last = p
	}
}
