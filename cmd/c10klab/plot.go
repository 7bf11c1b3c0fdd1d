package main

import (
	"fmt"

	"c10klab/experiments"
	"c10klab/results"

	"github.com/spf13/cobra"
)

func newPlotCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "plot RUN",
		Short:   "Draw the figures of a run directory again",
		Example: `  c10klab plot results/reference/write-100mbs`,
		Args:    oneArgument("a run directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := results.Open(args[0])
			if err != nil {
				return err
			}
			files, err := drawFigures(run)
			for _, f := range files {
				fmt.Fprintln(cmd.OutOrStdout(), f)
			}
			return err
		},
	}
}

func newDocumentCommand() *cobra.Command {
	var document, reference string
	cmd := &cobra.Command{
		Use:   "document",
		Short: "Write the tables of EXPERIMENTS.md anew from the stored evidence",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changed, err := experiments.UpdateDoc(document, reference)
			if err == nil && changed {
				fmt.Fprintln(cmd.OutOrStdout(), document, "changed")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&document, "file", "EXPERIMENTS.md", "the document")
	cmd.Flags().StringVar(&reference, "reference", "results/reference", "run directories of the evidence")
	return cmd
}

func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError(fmt.Errorf("%s needs one argument: %s", cmd.CommandPath(), what))
		}
		return nil
	}
}
