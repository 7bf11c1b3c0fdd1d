package main

import (
	"errors"
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

// exports write a run; those that leave out limited trials may be told not to.
var exports = map[string]func(w io.Writer, run *results.Run, limited bool) error{
	"csv":      func(w io.Writer, run *results.Run, _ bool) error { return evidence.ExportCSV(w, run) },
	"benchfmt": evidence.ExportBenchfmt,
	"hlog":     func(w io.Writer, run *results.Run, _ bool) error { return evidence.ExportLog(w, run) },
}

func newExportCommand() *cobra.Command {
	var format string
	var limited bool
	formats := slices.Sorted(maps.Keys(exports))
	cmd := aboutRun(&cobra.Command{
		Use:   "export RUN",
		Short: "Write a run in a format that other tools read",
		Long: `Write a run to stdout.
csv: a line for each number of each trial, with its outcome. benchfmt: a line for each trial whose numbers stand, for
benchstat; limited ones only with --include-limited.
hlog: the histograms of each cell's trials merged, for the tools of HdrHistogram.`,
		Example: `  c10klab export results/reference/cold-reads --format csv
  c10klab export results/runs/n15 --format benchfmt`,
		PreRunE: func(*cobra.Command, []string) error {
			if exports[format] == nil {
				return usageError(fmt.Errorf("format %q is none of %s%s", format, strings.Join(formats, ", "), knob.DidYouMean(format, formats)))
			}
			return nil
		},
	}, func(w io.Writer, run *results.Run) error {
		if err := exports[format](w, run, limited); !errors.Is(err, evidence.ErrNothingStands) {
			return err
		}
		return nothingStands(run.Dir)
	})
	includeLimited(cmd, &limited)
	cmd.Flags().StringVar(&format, "format", "csv", strings.Join(formats, ", "))
	return cmd
}
