package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"c10klab/experiments/verdict"
	"c10klab/results"

	"github.com/spf13/cobra"
)

func newEffectsCommand() *cobra.Command {
	var metrics []string
	var limited, asJSON bool
	cmd := aboutRun(&cobra.Command{
		Use:   "effects RUN",
		Short: "Say what each level of each axis does, over the whole matrix",
		Long: `For every axis of a run and every metric: the ratio of each level to the axis's first level, within blocks, over all
pairs of cells that differ in that knob alone, with its interval. "reverses" marks an effect that is the opposite in
some pairs: then the levels of another axis decide, and the ratio over all hides it.`,
		Example: `  c10klab effects results/reference/write-100mbs
  c10klab effects results/runs/n15 --metric rate_mb_s`,
	}, func(w io.Writer, run *results.Run) error {
		chosen, err := parseMetrics(metrics, run)
		if err != nil {
			return err
		}
		effects := []results.Effect{}
		for _, spec := range run.Info.Specs {
			own, err := verdict.MainEffects(run, spec.ID, chosen, limited)
			if err != nil {
				return err
			}
			effects = append(effects, own...)
		}
		standing := func(c results.Cell) bool { return c.Stands() }
		if err := present(w, asJSON, effects, printEffects); err != nil || limited || len(effects) > 0 || slices.ContainsFunc(run.CellOutcomes(), standing) {
			return err
		}
		return nothingStands(run.Dir)
	})
	cmd.Flags().StringArrayVar(&metrics, "metric", nil, "a metric as in list metrics; repeatable (default: the client's)")
	completeFlag(cmd, "metric", completeMetrics)
	includeLimited(cmd, &limited)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printEffects(p *printer, effects []results.Effect) {
	if len(effects) == 0 {
		p.line("no axis has two levels that were measured")
		return
	}
	p.line("EXPERIMENT\tKNOB\tLEVEL ÷ BASELINE\tMETRIC\tRATIO\tBLOCKS\tPAIRS\t")
	for _, e := range effects {
		note := ""
		if e.Reversed {
			note = "reverses: " + extremes(e)
		}
		p.line("%s\t%s\t%s ÷ %s\t%s\t%s\t%d\t%d\t%s", e.Experiment, e.Knob, e.Level, e.Baseline, e.Metric, e.Ratio, e.Ratio.N, len(e.Pairs), note)
	}
}

// extremes names the pairs with the lowest and the highest ratio.
func extremes(e results.Effect) string {
	byRatio := func(a, b results.PairEffect) int { return cmp.Compare(a.Ratio.Median, b.Ratio.Median) }
	low, high := slices.MinFunc(e.Pairs, byRatio), slices.MaxFunc(e.Pairs, byRatio)
	return fmt.Sprintf("%s with %s, %s with %s", low.Ratio, low.Cells, high.Ratio, high.Cells)
}
