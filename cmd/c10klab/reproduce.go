package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"c10klab/experiments"
	"c10klab/experiments/evidence"

	"github.com/spf13/cobra"
)

type reproduceOptions struct{ runOptions }

func newReproduceCommand() *cobra.Command {
	var o reproduceOptions
	cmd := &cobra.Command{
		Use:   "reproduce CLAIM",
		Short: "Run the experiments of a claim here, and print this machine's verdict of each part beside the reference's",
		Long: `Run every experiment that decides a claim, in the variant and with the blocks of the stored evidence (the full
variant where there is none), and print what this machine says beside what the evidence says.
The exit status tells about trials, as that of run does, and not about verdicts.`,
		Example: `  c10klab reproduce N3
  c10klab reproduce N15 --dry-run
  c10klab reproduce N3 --out results/runs/n3 --resume`,
		Args:              oneArgument("a claim, as in EXPERIMENTS.md"),
		ValidArgsFunction: completeExperiments,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseBelowOne(cmd, "repeats"); err != nil {
				return err
			}
			if cmd.Flags().Changed("reference") { // the default is absent outside of a clone, and any one's evidence may be
				if _, err := os.Stat(o.reference); err != nil {
					return usageError(fmt.Errorf("--reference: %w", err))
				}
			}
			return o.reproduce(cmd.Context(), cmd.OutOrStdout(), args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.out, "out", "", "parent of the run directories, one an experiment (default results/runs/TIME)")
	flags.StringVar(&o.data, "data", "", "parent of the trials' data directories, on the disk to measure (default: the run directory)")
	flags.StringVar(&o.reference, "reference", referenceDir, "run directories of the evidence")
	flags.IntVar(&o.repeats, "repeats", 0, "blocks, instead of the evidence's; fewer than 8 give no verdict")
	flags.StringArrayVar(&o.set, "set", nil, "KNOB=VALUE for every cell; repeatable")
	flags.BoolVar(&o.resume, "resume", false, "continue the runs in --out")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print cells, order and minutes; run nothing")
	flags.BoolVar(&o.yes, "yes", false, "however many hours it takes")
	flags.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func (o reproduceOptions) reproduce(ctx context.Context, w io.Writer, claim string) error {
	all, err := experiments.Specs()
	if err != nil {
		return err
	}
	specs, err := experiments.Select(all, []string{claim})
	if err != nil {
		return usageError(err)
	}
	parent := cmp.Or(o.out, newRunDir())
	reproductions := []evidence.Reproduction{}
	var worst error
	for _, spec := range specs {
		own, err := o.reproduceSpec(ctx, spec, claim, filepath.Join(parent, spec.ID))
		if own == nil && err != nil {
			return err
		}
		reproductions, worst = append(reproductions, own...), cmp.Or(worst, err)
	}
	if o.dryRun {
		return nil
	}
	return cmp.Or(worst, present(w, o.asJSON, reproductions, printReproductions))
}

// reproduceSpec runs one experiment as its evidence was made. An error together
// with a reproduction tells of trials.
func (o reproduceOptions) reproduceSpec(ctx context.Context, spec *experiments.Spec, claim, out string) ([]evidence.Reproduction, error) {
	reference, err := evidence.OpenReference(o.reference, spec)
	if err != nil {
		return nil, err
	}
	o.full, o.out = true, out
	if reference != nil {
		full, repeats := evidence.MadeAs(reference, spec)
		o.full, o.repeats = full, cmp.Or(o.repeats, repeats)
	}
	run, err := o.run(ctx, []string{spec.ID})
	if run == nil || err != nil {
		return nil, err
	}
	claims := []string{claim}
	if !slices.Contains(spec.Claims, claim) {
		claims = spec.Claims
	}
	own, err := evidence.Reproduce(spec, claims, run, reference)
	if err != nil {
		return nil, err
	}
	return own, runShortfall(run)
}

func printReproductions(p *printer, all []evidence.Reproduction) {
	for _, r := range all {
		p.line("%s: %s, by %s: here %s, reference %s", r.Claim, r.Part, r.Experiment, r.Here, r.Reference)
		p.line("PREDICTION\tCELLS\tHERE\tVERDICT\tREFERENCE\tVERDICT")
		for _, row := range r.Rows {
			p.line("%s\t%s\t%s\t%s\t%s\t%s", row.Prediction, row.Cells,
				row.Here.Text, withReason(row.Here), row.Reference.Text, withReason(row.Reference))
		}
	}
}

func withReason(m evidence.Measured) string {
	if m.Reason == "" {
		return string(m.Verdict)
	}
	return fmt.Sprintf("%s (%s)", m.Verdict, m.Reason)
}
