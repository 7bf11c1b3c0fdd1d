package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newPlotCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plot RUN",
		Short: "Draw the figures of a run directory again",
		Long: `Draw the figures of a run directory again, as PNG and SVG in its folder plots: tails with intervals, ratios between
cells, where the mean request's time goes, percentile curves, and one trial of each cell over time. Only what the run
has recorded is drawn. The run may be unfinished.`,
		Example: `  c10klab plot results/reference/write-100mbs
  c10klab plot results/runs/20260102-030405`,
		ValidArgsFunction: completeRuns,
		Args:              oneArgument("a run directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := openRun(args[0])
			if err != nil {
				return err
			}
			files, err := drawFigures(run)
			if err != nil {
				return err
			}
			return printFiles(cmd.OutOrStdout(), files, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the files as a JSON array")
	return cmd
}

func printFiles(w io.Writer, files []string, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(w).Encode(append([]string{}, files...)); err != nil {
			return fmt.Errorf("print the files: %w", err)
		}
		return nil
	}
	p := &printer{w: w}
	for _, f := range files {
		p.line("%s", f)
	}
	return p.err
}
