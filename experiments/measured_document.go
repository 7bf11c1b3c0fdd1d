package experiments

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/results"
)

// measuredID marks the table of claims that benchmarks decide.
const measuredID = "measured"

// measuredEvidence are the findings of the stored benchmarks, by claim.
type measuredEvidence struct {
	dir      string // of the records, relative to the document
	findings map[string][]Finding
}

// readMeasured judges the records in the directory beside the reference runs.
func readMeasured(referenceDir, docDir string) (measuredEvidence, error) {
	dir := filepath.Join(filepath.Dir(referenceDir), benchmarksDir)
	link, err := filepath.Rel(docDir, dir)
	if err != nil {
		return measuredEvidence{}, fmt.Errorf("link to %s: %w", dir, err)
	}
	m := measuredEvidence{link, map[string][]Finding{}}
	for _, claim := range measuredClaims {
		if m.findings[claim.id], err = claim.findings(dir); err != nil {
			return measuredEvidence{}, err
		}
	}
	return m, nil
}

// result is a claim's row where its benchmark decides it; false: none does.
func (m measuredEvidence) result(claim string) (verdict, ratio, record string, concerned bool) {
	found, deciding, concerned := ClaimVerdict(m.findings[claim], claim)
	if !concerned {
		return "", "", "", false
	}
	c := deciding.Deciding()
	verdict = string(found)
	if found == results.Inconclusive && c.Reason != "" {
		verdict += " (" + c.Reason + ")"
	}
	i := slices.IndexFunc(measuredClaims, func(m measuredClaim) bool { return m.id == claim })
	return verdict, formatMeasured(c.Estimate), m.link(measuredClaims[i]), true
}

func (m measuredEvidence) link(claim measuredClaim) string {
	return fmt.Sprintf("[%s](%s)", claim.record, filepath.ToSlash(filepath.Join(m.dir, claim.record)))
}

// table lists what the benchmarks say, prediction by prediction.
func (m measuredEvidence) table(claims []Claim) string {
	var b strings.Builder
	b.WriteString("These claims are about one part alone, which a benchmark measures: every value is the median of its rounds, with the exact interval of the median.\n\n" +
		"| claim | question | predicted | measured [interval] | rounds | verdict | command |\n| --- | --- | --- | --- | ---: | --- | --- |\n")
	for _, claim := range claims {
		i := slices.IndexFunc(measuredClaims, func(m measuredClaim) bool { return m.id == claim.ID })
		if i < 0 {
			continue
		}
		for _, f := range m.findings[claim.ID] {
			c := f.Comparisons[0]
			fmt.Fprintf(&b, "| %s | %s | %s %s %.6g | %s | %d | %s | %s |\n", claim.ID, claim.Question,
				c.Cells, f.Prediction.Relation, f.Prediction.Threshold, formatMeasured(c.Estimate), c.Estimate.N, c.Verdict, measuredClaims[i].command())
		}
	}
	return b.String()
}

// command measures anew; the record goes where C10KLAB_RECORD says.
func (m measuredClaim) command() string {
	return fmt.Sprintf("`go test -run '^$' -benchtime 1x -bench '^%s$' ./internal/speed`", m.benchmark)
}

// formatMeasured prints an estimate to three places.
func formatMeasured(e results.Estimate) string {
	if !e.Bounded() {
		return fmt.Sprintf("%.3g", e.Median)
	}
	return fmt.Sprintf("%.3g [%.3g, %.3g]", e.Median, e.Lo, e.Hi)
}
