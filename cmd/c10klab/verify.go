package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"c10klab/experiments"
	"c10klab/experiments/evidence"
	"c10klab/results"

	"github.com/spf13/cobra"
)

const (
	documentFile = "EXPERIMENTS.md"
	referenceDir = "results/reference"
)

func newVerifyCommand() *cobra.Command {
	cfg := evidence.VerifyConfig{Source: "."}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the stored evidence, and compute every verdict and table of the documents anew",
		Long: `Check every run under the reference directory: its files against their hashes, its spec against the committed one,
that the prediction was committed before the run, that the tree was clean; then compute all verdicts and tables anew and
compare them with EXPERIMENTS.md, the pages beside the evidence and the known answers. Without git history the checks that need it are skipped by name.
Of each run it tells the commits since, and what has changed since of the server's, the generator's and the disk's code.
A run that is what it says, but may not decide claims, is "not admissible"; its claims stay open.`,
		Example: "  c10klab verify",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks, err := evidence.Verify(cfg)
			if err != nil {
				return err
			}
			failed := 0
			for _, c := range checks {
				if c.Status == evidence.CheckFails {
					failed++
				}
			}
			err = present(cmd.OutOrStdout(), asJSON, checks, func(p *printer, checks []evidence.EvidenceCheck) {
				for _, c := range checks {
					p.line("%s\t%s\t%s\t%s", c.Status, c.Of, c.Check, c.Detail)
				}
			})
			if err == nil && failed > 0 {
				err = fmt.Errorf("%d of %d checks fail", failed, len(checks))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&cfg.Document, "document", documentFile, "the document to check")
	cmd.Flags().StringVar(&cfg.Reference, "reference", referenceDir, "run directories of the evidence")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newAdoptCommand() *cobra.Command {
	var reference, note string
	var replace, only bool
	cmd := aboutRun(&cobra.Command{
		Use:   "adopt RUN",
		Short: "Make a run the stored evidence of its experiment",
		Long: `Pack a complete run of one experiment into the reference directory: records and values of all trials, the histograms that
predictions, tables and figures use, what figures show, hashes, and the figures (docs/evidence.md has the form). Then ` + "`c10klab document`" + ` brings it into EXPERIMENTS.md and writes its page, of which what is written by hand stays. Every run that was made for evidence is entered into the ledger, whatever it says.`,
		Example: "  c10klab adopt results/runs/n15 --replace",
	}, func(w io.Writer, run *results.Run) error {
		if only {
			return evidence.EnterOccasion(run, reference, note)
		}
		adopted, reasons, err := evidence.Adopt(run, reference, replace, note)
		if errors.Is(err, results.ErrExists) {
			return usageError(fmt.Errorf("%w (--replace replaces it)", err))
		} else if err != nil {
			return err
		}
		if _, err := drawFigures(adopted); err != nil {
			return err
		}
		p := &printer{w: w}
		p.line("%s", adopted.Dir)
		for _, reason := range reasons {
			p.line("not admissible, its claims stay open: %s", reason)
		}
		return p.err
	})
	cmd.Flags().StringVar(&reference, "reference", referenceDir, "where evidence is kept")
	cmd.Flags().BoolVar(&replace, "replace", false, "replace the run that is stored there")
	cmd.Flags().BoolVar(&only, "ledger-only", false, "enter the run into the ledger and keep the stored one: a run for evidence that was abandoned or is superseded")
	cmd.MarkFlagsMutuallyExclusive("replace", "ledger-only")
	cmd.Flags().StringVar(&note, "note", "", "what readers of the ledger must know of the run")
	return cmd
}

func newDocumentCommand() *cobra.Command {
	var document, reference string
	cmd := &cobra.Command{
		Use:   "document",
		Short: "Write the tables of EXPERIMENTS.md and of the pages beside the evidence anew",
		Long: `Write the generated parts of the documents anew: the table of all claims in EXPERIMENTS.md, the page beside each
reference run, and the page of the benchmarks' known answers. What stands between the markers is replaced; what is written
by hand around them stays. An experiment with evidence and no page yet gets one.`,
		Example: `  c10klab document
  c10klab document --file /tmp/draft.md --reference results/reference`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if document == "" {
				return usageError(errors.New("--file names no document"))
			}
			specs, err := experiments.Specs()
			if err != nil {
				return err
			}
			entered, err := evidence.EnterWordings(specs, reference, time.Now().UTC().Truncate(time.Second))
			if err != nil {
				return err
			}
			for _, w := range entered {
				fmt.Fprintf(cmd.OutOrStdout(), "entered into the ledger: %s: %s\n", w.Spec, w.Prediction)
			}
			changed, err := evidence.UpdateDocuments(document, reference)
			for _, path := range changed {
				fmt.Fprintln(cmd.OutOrStdout(), path, "changed")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&document, "file", documentFile, "the document")
	cmd.Flags().StringVar(&reference, "reference", referenceDir, "run directories of the evidence")
	return cmd
}
