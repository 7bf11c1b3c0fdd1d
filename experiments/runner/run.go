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
	"slices"
	"time"

	"c10klab/experiments"
	"c10klab/internal/osthread"
	"c10klab/results"
)

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
	steps := []func() error{r.discardBases, func() error { return r.backing.hold(0) }, r.run.WriteSummary}
	if err == nil { // one that was interrupted will still grow
		steps = append(steps, r.run.Seal)
	}
	for _, step := range append(steps, r.run.Close) {
		if stepErr := step(); err == nil {
			err = stepErr
		}
	}
	return r.run, err
}

type runner struct {
	cfg      Config
	realDisk string // why disks are not emulated; empty: they are
	cpus     []int
	run      *results.Run
	progress *progress
	mounted  int // emulated disks so far
	backing  backing
	basesDir dataDir           // of all that trials start from; empty: none made yet
	bases    map[string]string // by what they depend on, the directory
}

// newRunner finds out what the run is made with and on, makes room for its data, opens the
// run and counts what it holds already.
func newRunner(cfg Config, plan *experiments.Plan) (r *runner, err error) {
	r = &runner{cfg: cfg, realDisk: "--data names one", bases: map[string]string{}}
	if cfg.Binary == "" {
		if r.cfg.Binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
	}
	if cfg.Machine == nil {
		r.cfg.Machine = thisMachine{r.cfg.Binary}
	}
	if cfg.DataDir == "" {
		r.cfg.DataDir, r.realDisk = cfg.Out, emulationMissing()
	}
	if r.cpus, err = osthread.ProcessCPUs(); err != nil {
		return nil, err
	}
	binaryHash, err := results.HashFile(r.cfg.Binary)
	if err != nil {
		return nil, fmt.Errorf("hash the program: %w", err)
	}
	if err := r.makeRoom(plan); err != nil {
		return nil, err
	}
	if r.run, err = openRun(r.cfg, r.info(plan, binaryHash)); err != nil {
		return nil, err
	}
	before, err := r.countStored(plan)
	if err != nil {
		return nil, errors.Join(err, r.run.Close())
	}
	r.progress = newProgress(cfg.Progress, plan, before)
	return r, nil
}

// makeRoom makes the directory that trials keep their data in, and removes what killed
// runs left.
func (r *runner) makeRoom(plan *experiments.Plan) error {
	if err := prepareDataParent(r.cfg.DataDir); err != nil {
		return err
	}
	if r.realDisk == "" && plan.UsesDisks() {
		// What is still mounted in the data of a killed run must go before the data does.
		down := Process{Name: "disk down", Args: []string{"disk", "down", "--dead"}, Log: os.Stderr}
		if err := r.cfg.Machine.Run(context.Background(), down, os.Stderr); err != nil {
			return err
		}
	}
	// By default data is inside of run directories, of which others lie beside Out.
	return oneLine(removeLeftovers(r.cfg.DataDir, ""), removeLeftovers(filepath.Dir(r.cfg.Out), "*/"))
}

// info is what the run says of itself.
func (r *runner) info(plan *experiments.Plan, binaryHash string) results.Info {
	info := results.Info{
		Full: r.cfg.Full, CommandLine: r.cfg.CommandLine, Seed: plan.Seed, Started: time.Now(),
		Source: results.ReadSource("."), BinarySHA256: binaryHash, DataDir: r.cfg.DataDir, Host: results.ReadHost(r.cfg.DataDir),
	}
	for _, e := range plan.Experiments {
		info.Specs = append(info.Specs, results.NewSpec(e.Spec.ID, e.Spec.Text, e.Repeats))
		info.Cells = append(info.Cells, e.Cells...)
	}
	return info
}

// runAll runs experiment after experiment, and within one block after block, so
// that slow changes of the machine meet all cells alike.
func (r *runner) runAll(ctx context.Context, plan *experiments.Plan) error {
	for _, e := range plan.Experiments {
		for block := 1; block <= e.Repeats; block++ {
			err := r.runBlock(ctx, e, e.Order(plan.Seed, block), block)
			if ctx.Err() != nil {
				return fmt.Errorf("interrupted after %d of %d trials, to go on: c10klab run --resume --out %s: %w", r.progress.stored(), r.progress.total, r.cfg.Out, context.Cause(ctx))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// runBlock measures the cells in an order, and all of them again where generator or
// environment limited any: to repeat the limited alone would choose trials by what limits
// some cells more often than others.
func (r *runner) runBlock(ctx context.Context, e experiments.Planned, order []int, block int) error {
	for _, repetition := range []bool{false, true} {
		if repetition && !r.repeats(e, block) {
			break
		}
		if repetition {
			r.progress.total += len(order)
		}
		for _, cell := range order {
			if err := r.runCell(ctx, e.Cells[cell], e.ArmsOf(e.Cells[cell]), block, repetition); err != nil || ctx.Err() != nil {
				return err
			}
		}
	}
	return nil
}

// repeats reports whether a block whose cells were measured is due once more.
func (r *runner) repeats(e experiments.Planned, block int) bool {
	i := slices.Index(r.run.LimitedBlocks(e.Spec.ID), block)
	return i >= 0 && i < results.MostRepeated(e.Repeats)
}
