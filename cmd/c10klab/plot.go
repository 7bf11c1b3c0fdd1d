package main

import (
	"io"

	"c10klab/results"

	"github.com/spf13/cobra"
)

func newPlotCommand() *cobra.Command {
	var asJSON bool
	cmd := aboutRun(&cobra.Command{
		Use:   "plot RUN",
		Short: "Draw the figures of a run directory again",
		Long: `Draw the figures of a run directory again, as PNG and SVG in its folder plots: tails with intervals, ratios between
cells, where the mean request's time goes, percentile curves, and one trial of each cell over time. Only what the run
has recorded is drawn. The run may be unfinished.`,
		Example: `  c10klab plot results/reference/write-100mbs
  c10klab plot results/runs/20260102-030405`,
	}, func(w io.Writer, run *results.Run) error {
		files, err := drawFigures(run)
		if err != nil {
			return err
		}
		return present(w, asJSON, append([]string{}, files...), func(p *printer, files []string) {
			for _, f := range files {
				p.line("%s", f)
			}
		})
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the files as a JSON array")
	return cmd
}
