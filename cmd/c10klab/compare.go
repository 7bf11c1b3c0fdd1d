package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"c10klab/experiments/verdict"
	"c10klab/internal/measure"
	"c10klab/results"

	"github.com/spf13/cobra"
)

type compareOptions struct {
	axis    string
	metrics []string
	limited bool
	asJSON  bool
}

func newCompareCommand() *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Say what two runs, or two variants of one run, differ in",
		Long: `Compare two runs cell by cell. A and B are run directories, each followed by @KNOB=VALUE,... to choose cells.
Two variants of one run are compared within its blocks, two runs as independent trials.
First comes what the setups differ in: whatever is not the axis that you compare may be the cause as well.
The exit status is 0 whether or not there is a difference.`,
		Example: `  c10klab compare results/runs/before results/runs/after
  c10klab compare results/reference/cold-reads@send=inline results/reference/cold-reads@send=pool
  c10klab compare results/runs/before results/runs/after --axis program --metric rate_mb_s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(fmt.Errorf("%s needs two runs, got %d", cmd.CommandPath(), len(args)))
			}
			return nil
		},
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			comparison, err := o.compare(args[0], args[1])
			if err != nil {
				return err
			}
			if err := present(cmd.OutOrStdout(), o.asJSON, comparison, printComparison); err != nil || len(comparison.Rows) > 0 {
				return err
			}
			return nothingStands(args...)
		},
	}
	cmd.Flags().StringVar(&o.axis, "axis", "", "what the two shall differ in: a knob, or one of "+strings.Join(verdict.SetupNames, ", "))
	cmd.Flags().StringArrayVar(&o.metrics, "metric", nil, "a metric as in list metrics, such as \"ResponseTime/Produce p99\"; repeatable (default: the client's)")
	completeFlag(cmd, "metric", completeMetrics)
	includeLimited(cmd, &o.limited)
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func (o compareOptions) compare(a, b string) (*verdict.RunComparison, error) {
	cfg := verdict.CompareConfig{Axis: o.axis, Limited: o.limited}
	var err error
	if cfg.A, err = openSide(a, nil); err != nil {
		return nil, err
	}
	if cfg.B, err = openSide(b, cfg.A.Run); err != nil {
		return nil, err
	}
	if cfg.Metrics, err = parseMetrics(o.metrics, cfg.A.Run); err != nil {
		return nil, err
	}
	comparison, err := verdict.Compare(cfg)
	if errors.Is(err, verdict.ErrUnknownAxis) {
		err = usageError(err)
	}
	return comparison, err
}

// openSide reads "DIR" or "DIR@KNOB=VALUE,...". A run that is open already is not
// read again.
func openSide(text string, open *results.Run) (verdict.Side, error) {
	dir, selection, _ := strings.Cut(text, "@")
	side := verdict.Side{Run: open, Where: map[string]string{}}
	latest := ""
	for item := range strings.SplitSeq(selection, ",") {
		if item == "" {
			continue
		}
		name, value, found := strings.Cut(item, "=")
		if !found && latest != "" { // a list goes on, as in disks=none,hdd
			side.Where[latest] += "," + item
			continue
		}
		latest = name
		if _, err := allKnobs.Lookup(name); err != nil || !found {
			return side, usageError(fmt.Errorf("%q of %q is not KNOB=VALUE: %w", item, text, err))
		}
		if _, twice := side.Where[name]; twice {
			return side, usageError(fmt.Errorf("%q names knob %s twice", text, name))
		}
		side.Where[name] = value
	}
	if open != nil && open.Dir == dir {
		return side, nil
	}
	var err error
	side.Run, err = openRun(dir)
	return side, err
}

func parseMetrics(names []string, run *results.Run) ([]measure.Metric, error) {
	if len(names) == 0 {
		return results.DefaultMetrics(run)
	}
	metrics := make([]measure.Metric, len(names))
	for i, name := range names {
		var err error
		if metrics[i], err = measure.ParseMetric(name); err != nil {
			return nil, usageError(err)
		}
	}
	return metrics, nil
}

func printComparison(p *printer, c *verdict.RunComparison) {
	for _, d := range c.Axis {
		p.line("compared: %s", d)
	}
	for _, d := range c.Confounders {
		p.line("WARNING: the setups differ in %s, which may be the cause as well", d)
	}
	if len(c.Axis)+len(c.Confounders) == 0 {
		p.line("the setups are the same")
	}
	for side, cells := range map[string][]string{"A": c.OnlyA, "B": c.OnlyB} {
		if len(cells) > 0 {
			p.line("only in %s: %s", side, strings.Join(cells, ", "))
		}
	}
	p.line("\nCELLS\tMETRIC\tA\tB\tA ÷ B\tN\tP\tFINDING")
	for _, row := range c.Rows {
		metric, err := measure.ParseMetric(row.Metric)
		p.err = cmp.Or(p.err, err)
		p.line("%s\t%s\t%s\t%s\t%s\t%d, %d\t%s\t%s", row.Cells, row.Metric, shown(metric, row.A), shown(metric, row.B),
			row.Difference.Ratio, row.A.N, row.B.N, probability(row.Difference.P), findingOf(row))
	}
}

// probability prints one that is no more exact than its trials are many.
func probability(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// includeLimited binds the flag by which trials count that generator or machine limited.
func includeLimited(cmd *cobra.Command, limited *bool) {
	cmd.Flags().BoolVar(limited, "include-limited", false, "count trials too that generator or machine limited, whose numbers may be theirs and not the server's")
}

// nothingStands says why runs have no number to show.
func nothingStands(sides ...string) error {
	return &exitError{exitLimited, errors.New("no trial of " + strings.Join(sides, " and ") +
		" counts: each was limited by generator or machine, or failed (c10klab show tells which); --include-limited counts limited ones too")}
}

func shown(metric measure.Metric, e results.Estimate) string {
	if e.N == 0 {
		return "n/a"
	}
	return results.Format(metric, e.Median)
}

// findingOf says in words what a row says in numbers.
func findingOf(row verdict.ComparedCells) string {
	switch ratio := row.Difference.Ratio; {
	case ratio.N == 0:
		return "not measured on both sides"
	case !ratio.Bounded():
		return "too few trials to tell"
	case row.Different && ratio.Median > 1:
		return "A is higher"
	case row.Different:
		return "A is lower"
	case row.Difference.Different():
		return fmt.Sprintf("no more than the noise between equal cells, %s", *row.NoiseFloor)
	}
	return "no detectable difference"
}
