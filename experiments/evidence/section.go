package evidence

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

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
func (e evidence) page(dir string, ledgers ledgers) (page, error) {
	title := fmt.Sprintf("# %s: %s\n", strings.Join(e.spec.Claims, ", "), e.spec.Title)
	p, err := renderPage(e.spec.ID, filepath.Join(dir, pageFile), title,
		part{findingsID, "What was found", func() (string, error) { return e.whatWasFound(ledgers) }}, part{tablesID, "What was measured", e.whatWasMeasured})
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

var (
	//go:embed section.tmpl
	sectionText string

	section = template.Must(template.New("").Funcs(template.FuncMap{
		"trimSpace":   strings.TrimSpace,
		"commandLine": results.CommandLine,
		"plot":        func(file string) string { return filepath.ToSlash(filepath.Join(results.PlotsDir("."), file)) },
	}).Parse(sectionText))
)

func (e evidence) whatWasFound(ledgers ledgers) (string, error) {
	floors, err := verdict.NoiseFloors(e.run, e.spec)
	if err != nil {
		return "", err
	}
	var table bytes.Buffer
	e.writeFindings(&table)
	var b strings.Builder
	err = section.ExecuteTemplate(&b, "found", map[string]any{
		"Spec": e.spec, "Table": table.String(), "Findings": e.findings, "Floors": floors, "Controls": e.controlsText(), "Others": ledgers.othersTable(e.run), "Wordings": ledgers.changes(e.spec.ID), "Figures": plots.InDir(e.run.Dir, e.spec.ID),
	})
	return b.String(), err
}

func (e evidence) whatWasMeasured() (string, error) {
	var table bytes.Buffer
	if err := results.WriteMarkdown(&table, e.cells); err != nil {
		return "", err
	}
	var b strings.Builder
	err := section.ExecuteTemplate(&b, "measured", map[string]any{"Table": table.String(), "Info": e.run.Info})
	return b.String(), err
}

// controlsText is the table of controls, and why there is none.
func (e evidence) controlsText() (text string) {
	if e.spec.NoControl != "" {
		text = "No positive control: " + e.spec.NoControl + "\n\n"
	}
	switch {
	case len(e.controls) > 0:
		t := verdict.ControlTable(e.controls)
		t.Title = "Controls and whether they came out as they must."
		text += t.Markdown()
	case text == "":
		text = "No controls: made before they were required."
	}
	return text
}

// writeFindings is one table of all predictions, a row for each comparison.
func (e evidence) writeFindings(b *bytes.Buffer) {
	if len(e.findings) == 0 {
		return
	}
	t := verdict.Table(e.findings)
	t.Title = "Predictions and what became of them."
	b.WriteString(t.Markdown())
	coverage := map[int]float64{}
	for _, f := range e.findings {
		for _, c := range f.Comparisons {
			if c.Estimate.Bounded() {
				coverage[c.Estimate.N] = c.Estimate.Coverage
			}
		}
	}
	var sure []string
	for _, n := range slices.Sorted(maps.Keys(coverage)) {
		sure = append(sure, fmt.Sprintf("%.1f %% with %d blocks", 100*coverage[n], n))
	}
	if len(sure) == 0 {
		return
	}
	fmt.Fprintf(b, "\nThe median is over blocks; its interval is exact, by order statistics, with a coverage of %s. Blocks: %s.\n\n", strings.Join(sure, ", "), verdict.BlocksAreFixed)
}
