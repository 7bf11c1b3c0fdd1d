package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"c10klab/experiments/verdict"
	"c10klab/results"
)

// printFindings prints what became of the predictions of a run's experiments, and
// the noise floor where the run has one.
func printFindings(w io.Writer, run *results.Run) error {
	judged, err := verdict.JudgeRun(run)
	if err != nil {
		return err
	}
	for _, j := range judged {
		if err := printJudged(w, run, j); err != nil {
			return err
		}
	}
	return nil
}

func printJudged(w io.Writer, run *results.Run, j verdict.Judged) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows := 0
	for _, f := range j.Findings {
		if len(f.Comparisons) == 0 {
			continue // a quick variant lacks its cells
		}
		if rows++; rows == 1 {
			fmt.Fprintf(table, "\nPredictions of %s; of several comparisons the one nearest to failing\n\nclaim\tprediction\tcomparisons\tmedian [interval]\tverdict\n", j.Spec.ID)
		}
		nearest := f.Deciding()
		verdict := string(f.Verdict())
		if nearest.Reason != "" {
			verdict += " (" + nearest.Reason + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", f.Prediction.Claim, f.Prediction, len(f.Comparisons), f.Format(nearest.Estimate), verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	floors, err := verdict.NoiseFloors(run, j.Spec)
	if err != nil {
		return err
	}
	p := &printer{w: w}
	for _, f := range floors {
		p.line("noise floor (two equal cells): %s × %s", f.Metric, f.Ratio)
	}
	return p.err
}
