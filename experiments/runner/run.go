// Package runner carries out a plan: it starts the serve and load commands of one binary
// as fresh processes for each trial, on disks of their own where a cell asks for it,
// and stores what was measured. It links neither side.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"c10klab/experiments"
	"c10klab/internal/osthread"
	"c10klab/results"
)

// Config says what to run and where.
type Config struct {
	experiments.PlanConfig

	// Resume continues the run in Out, if one is there: as it was planned if Specs
	// is empty, else only if the plan is the same.
	Resume  bool
	Out     string // the run directory, absent or empty
	DataDir string // parent of the trials' data directories, and no disk is emulated; empty: Out

	// Binary has the commands serve, load, prepare and disk; empty: this program.
	Binary string
	// Machine starts the processes; nil: this machine does.
	Machine     Machine
	CommandLine []string
	Progress    io.Writer // one line per trial
}

// NewPlan is what Run will do. To resume without specs, it is the stored run's plan.
func NewPlan(cfg Config) (*experiments.Plan, error) {
	if cfg.Resume && len(cfg.Specs) == 0 {
		return storedPlan(cfg.Out, cfg.Tables)
	}
	return experiments.NewPlan(cfg.PlanConfig)
}

// Run carries out the plan of cfg. It returns the run also when it was
// interrupted by ctx, together with an error; what was committed stays readable.
// A failed trial is no error here: it is in the run, and results.ExitCode tells.
// Run keeps the calling goroutine on its thread, and returns when every process
// it started has ended.
func Run(ctx context.Context, cfg Config) (*results.Run, error) {
	plan, err := NewPlan(cfg)
	if err != nil {
		return nil, err
	}
	for _, e := range plan.Experiments {
		if err := e.Spec.Missing(); err != nil {
			return nil, err
		}
	}
	r, err := newRunner(cfg, plan)
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = r.runAll(ctx, plan)
	complete := err == nil
	for _, next := range []func() error{r.discardBases, r.run.WriteSummary, r.sealIf(complete), r.run.Close} {
		if nextErr := next(); err == nil {
			err = nextErr
		}
	}
	return r.run, err
}

// sealIf writes the manifest of a complete run; one that was interrupted will
// still grow.
func (r *runner) sealIf(complete bool) func() error {
	if complete {
		return r.run.Seal
	}
	return func() error { return nil }
}

// runner is the state of a run under way.
type runner struct {
	cfg      Config
	run      *results.Run
	cpus     []int
	progress *progress
	bases    bases
	mounted  int // emulated disks so far
	// mostRepeats is how many limited trials may be repeated.
	mostRepeats int
	realDisk    string // why disks are not emulated; empty: they are
}

func newRunner(cfg Config, plan *experiments.Plan) (*runner, error) {
	if cfg.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		cfg.Binary = self
	}
	if cfg.Machine == nil {
		cfg.Machine = thisMachine{cfg.Binary}
	}
	realDisk := "--data names one"
	if cfg.DataDir == "" {
		cfg.DataDir, realDisk = cfg.Out, emulationMissing()
	}
	binaryHash, err := results.HashFile(cfg.Binary)
	if err != nil {
		return nil, fmt.Errorf("hash the program: %w", err)
	}
	cpus, err := osthread.ProcessCPUs()
	if err != nil {
		return nil, err
	}
	if err := prepareDataParent(cfg.DataDir); err != nil {
		return nil, err
	}
	if realDisk == "" && plan.UsesDisks() {
		// What is still mounted in the data of a killed run must go before the data does.
		if err := cfg.Machine.Run(context.Background(), Process{Name: "disk down", Args: []string{"disk", "down", "--dead"}, Log: os.Stderr}, os.Stderr); err != nil {
			return nil, err
		}
	}
	// By default data is inside of run directories, of which others lie beside Out.
	for _, pattern := range []string{cfg.DataDir, filepath.Join(filepath.Dir(cfg.Out), "*")} {
		if err := removeLeftovers(pattern); err != nil {
			return nil, err
		}
	}
	info := results.Info{
		Full: cfg.Full, CommandLine: cfg.CommandLine, Seed: plan.Seed, Started: time.Now(),
		Source: results.ReadSource("."), BinarySHA256: binaryHash, DataDir: cfg.DataDir, Host: results.ReadHost(cfg.DataDir),
	}
	for _, e := range plan.Experiments {
		info.Specs = append(info.Specs, results.NewSpec(e.Spec.ID, e.Spec.Text, e.Repeats))
		info.Cells = append(info.Cells, e.Cells...)
	}
	run, err := openRun(cfg, info)
	if err != nil {
		return nil, err
	}
	r := &runner{cfg: cfg, run: run, cpus: cpus, realDisk: realDisk, mostRepeats: mostRepeats(plan.Trials())}
	before, err := r.countStored(plan)
	if err != nil {
		return nil, errors.Join(err, run.Close())
	}
	r.progress = newProgress(cfg.Progress, plan, before)
	return r, nil
}

// runAll runs experiment after experiment, and within one block after block, so
// that slow changes of the machine meet all cells alike.
func (r *runner) runAll(ctx context.Context, plan *experiments.Plan) error {
	for _, e := range plan.Experiments {
		for block := 1; block <= e.Repeats; block++ {
			for _, cell := range e.Order(plan.Seed, block) {
				err := r.runCell(ctx, e.Cells[cell], block)
				if ctx.Err() != nil {
					return fmt.Errorf("interrupted after %d of %d trials: %w", r.progress.stored(), plan.Trials(), context.Cause(ctx))
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
