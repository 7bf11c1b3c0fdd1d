package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/internal/knob"
	"c10klab/internal/report"
	"c10klab/results"

	"github.com/spf13/cobra"
)

func newShowCommand() *cobra.Command {
	var tables []string
	var asJSON, asMarkdown bool
	cmd := aboutRun(&cobra.Command{
		Use:   "show RUN",
		Short: "Print what came of a run, and its tables",
		Long: `Print what came of a run as the run itself did at its end: in words, one table, the predictions, and the problems by
kind. With --tables print tables instead: client (what clients saw), connections (what they take), servers (what each of
several takes), stages (where requests spent their time in the broker and in other servers), numbers (all of list metrics
that are no percentiles), predictions (each comparison), problems (each cell's), or all. Tables take 100 columns; one that
is wider goes on beneath with its rows' names.`,
		Example: `  c10klab show results/reference/write-100mbs
  c10klab show results/reference/cold-reads --tables stages,predictions
  c10klab show results/reference/cold-reads --tables client --markdown`,
		PreRunE: func(*cobra.Command, []string) error {
			for _, name := range tables {
				if !slices.Contains(report.TableNames, name) {
					return usageError(fmt.Errorf("--tables %s is none of %s%s", name, strings.Join(report.TableNames, ", "), knob.DidYouMean(name, report.TableNames)))
				}
			}
			return nil
		},
	}, func(w io.Writer, run *results.Run) error {
		if asJSON {
			return printDocument(w, run)
		}
		read, err := report.Read(run)
		if err != nil {
			return err
		}
		if len(tables) == 0 && !asMarkdown {
			return read.Brief(coloured(w))
		}
		return read.Tables(coloured(w), tables, asMarkdown)
	})
	cmd.Flags().StringSliceVar(&tables, "tables", nil, strings.Join(report.TableNames, ", ")+"; several with commas")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the cells with all their percentiles as JSON, as run --json does")
	cmd.Flags().BoolVar(&asMarkdown, "markdown", false, "print tables as Markdown")
	cmd.MarkFlagsMutuallyExclusive("json", "markdown")
	cmd.MarkFlagsMutuallyExclusive("json", "tables")
	completeFlag(cmd, "tables", cobra.FixedCompletions(report.TableNames, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// openRun opens a run directory as results.OpenChecked does. Where none is, the error
// names the nearest one beside it.
func openRun(dir string) (*results.Run, error) {
	run, err := results.OpenChecked(dir)
	if !errors.Is(err, results.ErrNoRun) {
		return run, err
	}
	var beside []string
	files, _ := results.FilesIn(filepath.Dir(filepath.Clean(dir)), "*/run.json")
	for _, file := range files {
		beside = append(beside, filepath.Base(filepath.Dir(file)))
	}
	if nearest := knob.DidYouMean(filepath.Base(dir), beside); nearest != "" {
		return nil, fmt.Errorf("%w%s", err, nearest)
	}
	return nil, err
}
