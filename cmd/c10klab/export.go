package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"c10klab/experiments/evidence"
	"c10klab/internal/knob"
	"c10klab/results"

	"github.com/spf13/cobra"
)

var exports = map[string]func(io.Writer, *results.Run) error{
	"csv":      evidence.ExportCSV,
	"benchfmt": evidence.ExportBenchfmt,
	"hlog":     evidence.ExportLog,
}

func newExportCommand() *cobra.Command {
	var format string
	formats := slices.Sorted(maps.Keys(exports))
	cmd := aboutRun(&cobra.Command{
		Use:   "export RUN",
		Short: "Write a run in a format that other tools read",
		Long: `Write a run to stdout.
csv: a line for each number of each trial. benchfmt: a line for each trial whose numbers stand, for benchstat.
hlog: the histograms of each cell's trials merged, for the tools of HdrHistogram.`,
		Example: `  c10klab export results/reference/cold-reads --format csv
  c10klab export results/runs/n15 --format benchfmt`,
		PreRunE: func(*cobra.Command, []string) error {
			if exports[format] == nil {
				return usageError(fmt.Errorf("format %q is none of %s%s", format, strings.Join(formats, ", "), knob.DidYouMean(format, formats)))
			}
			return nil
		},
	}, func(w io.Writer, run *results.Run) error { return exports[format](w, run) })
	cmd.Flags().StringVar(&format, "format", "csv", strings.Join(formats, ", "))
	return cmd
}
