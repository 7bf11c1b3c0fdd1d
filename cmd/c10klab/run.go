package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"c10klab/experiments"
	"c10klab/experiments/evidence"
	"c10klab/experiments/runner"
	"c10klab/internal/report"
	"c10klab/results"

	"github.com/spf13/cobra"
)

// defaultExperiments are what `run` runs without arguments: the main job.
var defaultExperiments = []string{"write-100mbs", "cold-reads"}

type runOptions struct {
	full, dryRun, asJSON bool
	resume, yes          bool
	out, data, reference string
	repeats              int
	seed                 uint64
	set, only, files     []string
	axes                 []string
}

func newRunCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [EXPERIMENT|CLAIM ...]",
		Short: "Run experiments; print a table, draw plots",
		Long: `Run experiments by their names or by the claims they decide. Without arguments:
write-100mbs and then cold-reads, the quick variants. Each trial has fresh server and load processes and
a fresh data directory; cells are interleaved in random blocks. A trial that fails is stored with its reason and
tried once more; one that the generator or the machine limited repeats its block, as long as that is rare. An interrupted
run goes on with --resume. Cells with more connections or threads than the system's limits allow are refused before
the first trial.`,
		Example: `  c10klab run
  c10klab run N15 --full
  c10klab run write-100mbs --only model=reactor --set rate=50 --dry-run
  c10klab run N15 --full --out results/runs/n15 --resume
  c10klab run --file my-experiment.toml
  c10klab run --axis on-full=block,pause --set model=reactor-pool --full`,
		ValidArgsFunction: completeExperiments,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := refuseBelowOne(cmd, "repeats", "seed"); err != nil {
				return err
			}
			return runExperiments(cmd.Context(), o, names)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.full, "full", false, "the full variant: enough blocks for a verdict")
	flags.StringVar(&o.out, "out", "", "run directory, absent or empty (default results/runs/TIME)")
	flags.IntVar(&o.repeats, "repeats", 0, "blocks, instead of the spec's; each runs every cell once; a run with another number than the spec's [full] repeats is not adopted")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of order and arrivals, instead of the spec's")
	flags.StringArrayVar(&o.set, "set", nil, "KNOB=VALUE for every cell; repeatable")
	flags.StringArrayVar(&o.axes, "axis", nil, "KNOB=LEVEL,LEVEL: an experiment of your own without a file, which compares these, over --set; repeatable")
	completeFlag(cmd, "axis", completeSettings)
	flags.StringArrayVar(&o.only, "only", nil, "KNOB=VALUE: only matching cells; repeatable, values of one knob are alternatives")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print cells, order, predictions with what the blocks can resolve, and minutes; run nothing")
	flags.StringVar(&o.data, "data", "", "parent of the trials' data directories, on the disk to measure (default: the run directory)")
	completeFlag(cmd, "set", completeSettings)
	completeFlag(cmd, "only", completeSettings)
	flags.BoolVar(&o.asJSON, "json", false, "print one JSON document instead of tables")
	flags.BoolVar(&o.resume, "resume", false, "continue the run in --out, if one is there: its missing trials")
	flags.StringArrayVar(&o.files, "file", nil, "an experiment of your own, a TOML file as in experiments/specs; repeatable")
	flags.BoolVar(&o.yes, "yes", false, "however many hours it takes")
	return cmd
}

// refuseBelowOne refuses flags that were given and are below 1, which would
// otherwise mean that they were not given.
func refuseBelowOne(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		value := cmd.Flags().Lookup(name).Value.String()
		if cmd.Flags().Changed(name) && (value == "0" || strings.HasPrefix(value, "-")) {
			return usageError(fmt.Errorf("--%s %s: the least is 1", name, value))
		}
	}
	return nil
}

func runExperiments(ctx context.Context, o runOptions, names []string) error {
	run, err := o.run(ctx, names)
	if run == nil {
		return err
	}
	return cmp.Or(err, printRun(run, o.asJSON))
}

// run carries out what is not refused. Of a dry run it prints the plan, and there is no
// run then.
func (o runOptions) run(ctx context.Context, names []string) (*results.Run, error) {
	config, err := o.config(names)
	if err != nil {
		return nil, usageError(err)
	}
	plan, err := runner.NewPlan(config)
	if err == nil {
		err = cmp.Or(eachCell(plan, checkModel), eachCell(plan, checkRoom))
	}
	if err != nil {
		return nil, usageError(err)
	}
	if !o.dryRun {
		return runner.Run(ctx, config)
	}
	if err := evidence.Resolve(plan, cmp.Or(o.reference, referenceDir)); err != nil {
		return nil, err
	}
	if o.asJSON {
		return nil, json.NewEncoder(os.Stdout).Encode(plan.Document())
	}
	return nil, plan.Print(os.Stdout)
}

func (o runOptions) config(names []string) (runner.Config, error) {
	if o.resume && o.out == "" {
		return runner.Config{}, errors.New("--resume needs --out, the directory of the run to continue")
	}
	specs, err := o.specs(names)
	if err != nil {
		return runner.Config{}, err
	}
	set, err := settings("--set", o.set)
	if err != nil {
		return runner.Config{}, err
	}
	return runner.Config{
		PlanConfig: experiments.PlanConfig{
			Specs: specs, Full: o.full, Repeats: o.repeats, Seed: o.seed, Set: set, Only: o.only, Yes: o.yes, Tables: knobTables,
		},
		Out:    cmp.Or(o.out, newRunDir()),
		Resume: o.resume, DataDir: o.data,
		CommandLine: append([]string{"c10klab"}, os.Args[1:]...), Progress: fitting{os.Stderr},
	}, nil
}

func newRunDir() string {
	return filepath.Join("results", "runs", time.Now().Format("20060102-150405"))
}

// specs are the experiments named and those of files; none when a stored run is
// resumed, which knows its own.
func (o runOptions) specs(names []string) ([]*experiments.Spec, error) {
	if len(o.axes) > 0 {
		if len(names)+len(o.files) > 0 {
			return nil, errors.New("--axis makes an experiment of its own, and goes with no other")
		}
		text, err := ownSpec("axis", o.axes, o.set, false)
		if err != nil {
			return nil, err
		}
		spec, err := experiments.Parse("--axis", text)
		return []*experiments.Spec{spec}, err
	}
	if len(names)+len(o.files) == 0 {
		if o.resume {
			if _, err := results.Open(o.out); !errors.Is(err, results.ErrNoRun) {
				return nil, err
			}
		}
		names = defaultExperiments
	}
	all, err := experiments.Specs()
	if err != nil {
		return nil, err
	}
	specs, err := experiments.Select(all, names)
	if err != nil {
		return nil, err
	}
	for _, file := range o.files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read experiment: %w", err)
		}
		spec, err := experiments.Parse(file, string(text))
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// pageFile is the page of a run in its own directory.
const pageFile = "report.html"

// printRun draws a run, makes its page, prints what came of it, and gives the exit status.
func printRun(run *results.Run, asJSON bool) error {
	if len(run.Trials) == 0 {
		return nil
	}
	read, err := report.Read(run)
	if err != nil {
		return err
	}
	if _, err := read.Draw(); err != nil {
		return err
	}
	page := filepath.Join(run.Dir, pageFile)
	if err := read.WritePage(page); err != nil {
		return err
	}
	if asJSON {
		err = printDocument(os.Stdout, run)
	} else if err = read.Brief(coloured(os.Stdout)); err == nil {
		_, err = fmt.Printf("\nmore    c10klab show %s --tables all\nreport  %s\n", results.ShellQuote(run.Dir), page)
	}
	return cmp.Or(err, runShortfall(run))
}

func printDocument(w io.Writer, run *results.Run) error {
	cells, err := run.Cells(nil, nil)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(results.NewDocument(run.Dir, cells))
}

func runShortfall(run *results.Run) error {
	return shortfall(results.ExitCode(append(run.CellOutcomes(), run.Twins()...)), report.Shortfall(run))
}

// shortfall is an exit status with its reason; nil for status 0.
func shortfall(status int, reason string) error {
	if status == exitOK {
		return nil
	}
	return &exitError{status, errors.New(reason)}
}
