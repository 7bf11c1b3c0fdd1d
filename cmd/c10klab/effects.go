package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"c10klab/experiments/verdict"
	"c10klab/results"

	"github.com/spf13/cobra"
)

func newEffectsCommand() *cobra.Command {
	var metrics []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "effects RUN",
		Short: "Say what each level of each axis does, over the whole matrix",
		Long: `For every axis of a run and every metric: the ratio of each level to the axis's first level, within blocks, over all
pairs of cells that differ in that knob alone, with its interval. "reverses" marks an effect that is the opposite in
some pairs: then the levels of another axis decide, and the ratio over all hides it.`,
		Example: `  c10klab effects results/reference/write-100mbs
  c10klab effects results/runs/n15 --metric rate_mb_s`,
		Args:              oneArgument("a run directory"),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := openRun(args[0])
			if err != nil {
				return err
			}
			chosen, err := parseMetrics(metrics, run)
			if err != nil {
				return err
			}
			effects := []results.Effect{}
			for _, spec := range run.Info.Specs {
				own, err := verdict.MainEffects(run, spec.ID, chosen)
				if err != nil {
					return err
				}
				effects = append(effects, own...)
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(effects)
			}
			return printEffects(cmd.OutOrStdout(), effects)
		},
	}
	cmd.Flags().StringArrayVar(&metrics, "metric", nil, "a metric as in list metrics; repeatable (default: the client's)")
	completeFlag(cmd, "metric", completeMetrics)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printEffects(w io.Writer, effects []results.Effect) error {
	if len(effects) == 0 {
		_, err := fmt.Fprintln(w, "no axis has two levels that were measured")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EXPERIMENT\tKNOB\tLEVEL ÷ BASELINE\tMETRIC\tRATIO\tBLOCKS\tPAIRS\t")
	for _, e := range effects {
		note := ""
		if e.Reversed {
			note = "reverses: " + extremes(e)
		}
		fmt.Fprintf(table, "%s\t%s\t%s ÷ %s\t%s\t%s\t%d\t%d\t%s\n", e.Experiment, e.Knob, e.Level, e.Baseline, e.Metric, e.Ratio, e.Ratio.N, len(e.Pairs), note)
	}
	return table.Flush()
}

// extremes names the pairs with the lowest and the highest ratio.
func extremes(e results.Effect) string {
	low, high := e.Pairs[0], e.Pairs[0]
	for _, p := range e.Pairs {
		if p.Ratio.Median < low.Ratio.Median {
			low = p
		}
		if p.Ratio.Median > high.Ratio.Median {
			high = p
		}
	}
	return fmt.Sprintf("%s with %s, %s with %s", low.Ratio, low.Cells, high.Ratio, high.Cells)
}
