package evidence

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/plots"
	"c10klab/results"
)

// pageFile is the name of an experiment's page, beside its run.
const pageFile = "README.md"

// The generated parts of an experiment's page; what it says stands between them.
const (
	findingsID = "findings"
	tablesID   = "tables"
)

// page is the experiment's page in the directory of its run: what was asked and what
// became of it; what it says, by hand; and the tables, how and where it was measured.
func (e evidence) page(dir string) (page, error) {
	title := fmt.Sprintf("# %s: %s\n", strings.Join(e.spec.Claims, ", "), e.spec.Title)
	p, err := renderPage(e.spec.ID, filepath.Join(dir, pageFile), title,
		part{findingsID, "What was found", e.whatWasFound}, part{tablesID, "What was measured", e.whatWasMeasured})
	p.says = e.verdicts()
	return p, err
}

// verdicts tells what the run alone says of each part that it concerns.
func (e evidence) verdicts() string {
	var all []string
	for _, id := range e.spec.Claims {
		claim, _ := experiments.FindClaim(id)
		for _, p := range claim.Parts {
			if word, deciding, concerned := verdict.OfPart(id, p, e.findings); concerned {
				all = append(all, fmt.Sprintf("%s: %s", deciding.Prediction.Decides(), word))
			}
		}
	}
	return strings.Join(all, "; ")
}

func (e evidence) whatWasFound() (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**Question.** %s\n\n", e.spec.Question)
	if e.spec.Method != "" {
		fmt.Fprintf(&b, "**Method.** %s\n\n", strings.TrimSpace(e.spec.Method))
	}
	e.writeFindings(&b)
	if err := e.writeNoise(&b); err != nil {
		return "", err
	}
	for _, figure := range plots.InDir(e.run.Dir, e.spec.ID) {
		fmt.Fprintf(&b, "![%s](%s)\n\n", figure.File, filepath.ToSlash(filepath.Join(results.PlotsDir("."), figure.File)))
	}
	return b.String(), nil
}

func (e evidence) whatWasMeasured() (string, error) {
	var b bytes.Buffer
	if err := results.WriteMarkdown(&b, e.cells); err != nil {
		return "", err
	}
	e.writeSetup(&b)
	return b.String(), nil
}

// writeFindings is one table of all predictions, a row for each comparison.
func (e evidence) writeFindings(b *bytes.Buffer) {
	if len(e.findings) == 0 {
		return
	}
	b.WriteString("**Predictions and what became of them.**\n\n| claim | prediction | cells | median [interval] | blocks | verdict |\n| --- | --- | --- | ---: | ---: | --- |\n")
	for _, f := range e.findings {
		for _, c := range f.Comparisons {
			word := string(c.Verdict)
			if c.Reason != "" {
				word += " (" + c.Reason + ")"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %d | %s |\n", f.Prediction.Decides(), f.Prediction, c.Cells, f.Format(c.Estimate), c.Estimate.N, word)
		}
	}
	fmt.Fprintf(b, "\nThe median is over blocks; its interval is exact, by order statistics, with at least %.0f %% coverage (%d blocks: smallest to largest, %.1f %%).\n\n",
		100*results.LeastCoverage, results.MinBlocks, 100*results.OrderCoverage(results.MinBlocks, 1))
	e.writeRefutations(b)
}

// writeRefutations says what would refute each prediction, where its author did.
func (e evidence) writeRefutations(b *bytes.Buffer) {
	written := false
	for _, f := range e.findings {
		if f.Prediction.RefutedBy != "" {
			fmt.Fprintf(b, "- %s would be refuted by %s.\n", f.Prediction, f.Prediction.RefutedBy)
			written = true
		}
	}
	if written {
		b.WriteString("\n")
	}
}

// writeNoise tells what two equal cells differ by in the metrics of the predictions,
// where the run has such cells.
func (e evidence) writeNoise(b *bytes.Buffer) error {
	floors, err := verdict.NoiseFloors(e.run, e.spec)
	if err != nil || len(floors) == 0 {
		return err
	}
	b.WriteString("**Noise floor.** Ratio of two equal cells (A/A): ")
	for i, f := range floors {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(b, "%s %s", f.Metric, f.Ratio)
	}
	b.WriteString(".\n\n")
	return nil
}

func (e evidence) writeSetup(b *bytes.Buffer) {
	info, host := e.run.Info, e.run.Info.Host
	fmt.Fprintf(b, "\n**Measured** %s by `%s`, seed %d, revision `%s` (tree %s).\n\n",
		info.Started.UTC().Format("2006-01-02 15:04 MST"), results.CommandLine(info), info.Seed, info.Source.Revision, info.Source.Tree())
	fmt.Fprintf(b, "**Machine.** %s, %s; load average before: %s.\n", host.Hardware(), host.System(), host.LoadBefore)
}
