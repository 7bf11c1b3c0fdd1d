package evidence

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// measuredID marks the table of claims that benchmarks decide.
const measuredID = "measured"

// measuredEvidence are the findings of the stored benchmarks, by claim.
type measuredEvidence struct {
	dir      string // of the records, relative to the document
	findings map[string][]verdict.Finding
}

// readMeasured judges the records in the directory beside the reference runs.
func readMeasured(claims []experiments.Claim, referenceDir, docDir string) (measuredEvidence, error) {
	dir := filepath.Join(filepath.Dir(referenceDir), benchmarksDir)
	link, err := filepath.Rel(docDir, dir)
	if err != nil {
		return measuredEvidence{}, fmt.Errorf("link to %s: %w", dir, err)
	}
	m := measuredEvidence{link, map[string][]verdict.Finding{}}
	for _, claim := range claims {
		if m.findings[claim.ID], err = measuredFindings(claim, dir); err != nil {
			return measuredEvidence{}, err
		}
	}
	return m, nil
}

// page links the record of the claim's benchmark.
func (m measuredEvidence) page(claim experiments.Claim) string {
	if len(claim.Measured) == 0 {
		return none
	}
	return fmt.Sprintf("[known answers](%s)", filepath.ToSlash(filepath.Join(m.dir, pageFile)))
}

// table lists what the benchmarks say, prediction by prediction.
func (m measuredEvidence) table(claims []experiments.Claim) string {
	t := results.Table{Columns: results.TextColumns("claim", "predicted", "why that threshold", "measured [interval]", "rounds", "verdict", "command")}
	t.Columns[4].Number = true
	for _, claim := range claims {
		for _, f := range m.findings[claim.ID] {
			c := f.Comparisons[0]
			i := slices.IndexFunc(claim.Measured, func(p experiments.Measured) bool { return p.What == c.Cells })
			predicted := fmt.Sprintf("%s %s %.6g", c.Cells, f.Prediction.Relation, f.Prediction.Threshold)
			t.Add("", claim.ID, predicted, claim.Measured[i].Why, formatMeasured(c.Estimate), c.Estimate.N, c.Words(), claim.Measured[i].Command())
		}
	}
	return "These claims are about one part alone, which a benchmark measures: every value is the median of its rounds, with the exact interval of the median.\n\n" + t.Markdown()
}

// formatMeasured prints an estimate to three places.
func formatMeasured(e results.Estimate) string {
	if e.N == 0 {
		return none
	}
	if !e.Bounded() {
		return fmt.Sprintf("%.3g", e.Median)
	}
	return fmt.Sprintf("%.3g [%.3g, %.3g]", e.Median, e.Lo, e.Hi)
}

// structuralID marks the table of claims that tests decide.
const structuralID = "structural"

// structuralTable lists the claims that tests decide, with a command that runs them.
func structuralTable(claims []experiments.Claim) string {
	t := results.Table{Columns: results.TextColumns("claim", "question", "commands")}
	for _, claim := range claims {
		if len(claim.Tests) > 0 {
			t.Add("", claim.ID, claim.Question, strings.Join(claim.Commands(), "<br>"))
		}
	}
	return "These claims are about structure and have no ratio: they conform as long as their tests pass, in every run of the tests.\n\n" + t.Markdown()
}

// validityPage says of each claim what is not claimed and what may make its verdict wrong.
func validityPage(path string, claims []experiments.Claim) (page, error) {
	threats, err := experiments.Threats()
	if err != nil {
		return page{}, err
	}
	return renderPage("threats to validity", path, "# Threats to validity\n",
		part{"threats", "Threats", func() (string, error) { return threatTable(threats), nil }},
		part{"by-claim", "By claim", func() (string, error) { return notClaimedTable(claims, threats), nil }})
}

func threatTable(threats []experiments.Threat) string {
	t := results.Table{Columns: results.TextColumns("threat", "what it does", "what would show it", "tried")}
	for _, x := range threats {
		t.Add("", x.Name, x.Effect, x.ShownBy, x.Tried)
	}
	return t.Markdown()
}

// notClaimedTable names of each claim only the threats that not all have.
func notClaimedTable(claims []experiments.Claim, threats []experiments.Threat) string {
	t := results.Table{Columns: results.TextColumns("claim", "not claimed", "threatened, beyond what threatens all, by")}
	var all []string
	for _, x := range threats {
		if x.Threatens("") {
			all = append(all, x.Name)
		}
	}
	for _, c := range claims {
		var own []string
		for _, x := range threats {
			if x.Threatens(c.ID) && !slices.Contains(all, x.Name) {
				own = append(own, x.Name)
			}
		}
		t.Add("", c.ID, c.NotClaimed, cmp.Or(strings.Join(own, ", "), none))
	}
	return "All claims that runs decide are threatened by: " + strings.Join(all, ", ") + ".\n\n" + t.Markdown()
}
