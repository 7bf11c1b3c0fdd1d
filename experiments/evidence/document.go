package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// none stands in a table where there is nothing to show.
const none = "–"

// contentsID marks the table of all claims.
const contentsID = "contents"

func beginMarker(id string) string { return "<!-- begin generated: " + id + " -->" }
func endMarker(id string) string   { return "<!-- end generated: " + id + " -->" }

// UpdateDoc rewrites the generated parts of a Markdown document from the runs in
// referenceDir and keeps what is written by hand around them. An experiment with
// evidence and no part yet gets a section at the end; a document that does not
// exist is made. It reports whether the document changed.
func UpdateDoc(docPath, referenceDir string) (changed bool, err error) {
	current, err := os.ReadFile(docPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read document: %w", err)
	}
	updated, err := RenderDoc(current, referenceDir, filepath.Dir(docPath))
	if err != nil {
		return false, fmt.Errorf("%s: %w", docPath, err)
	}
	if bytes.Equal(current, updated) {
		return false, nil
	}
	return true, results.WriteFile(docPath, updated)
}

// RenderDoc returns the document that UpdateDoc would write. Links are relative
// to docDir.
func RenderDoc(current []byte, referenceDir, docDir string) ([]byte, error) {
	return renderDoc(current, referenceDir, docDir, results.Open)
}

func renderDoc(current []byte, referenceDir, docDir string, open opener) ([]byte, error) {
	specs, err := experiments.Specs()
	if err != nil {
		return nil, err
	}
	claims, err := experiments.Claims()
	if err != nil {
		return nil, err
	}
	evidence, err := readEvidence(specs, referenceDir, docDir, open)
	if err != nil {
		return nil, err
	}
	benchmarks, err := readMeasured(claims, referenceDir, docDir)
	if err != nil {
		return nil, err
	}
	text := string(current)
	if text == "" {
		text = "# Experiments\n"
	}
	if text, err = replacePart(text, contentsID, "Contents", contents(claims, specs, evidence, benchmarks)); err != nil {
		return nil, err
	}
	if text, err = replacePart(text, structuralID, "Claims that tests decide", structuralTable(claims)); err != nil {
		return nil, err
	}
	if text, err = replacePart(text, measuredID, "Claims that benchmarks decide", benchmarks.table(claims)); err != nil {
		return nil, err
	}
	for _, e := range evidence {
		part, err := e.section()
		if err != nil {
			return nil, err
		}
		heading := fmt.Sprintf("%s: %s", strings.Join(e.spec.Claims, ", "), e.spec.Title)
		if text, err = replacePart(text, e.spec.ID, heading, part); err != nil {
			return nil, err
		}
	}
	return []byte(text), nil
}

// replacePart puts content between the markers of id, or appends a section with
// markers when there are none.
func replacePart(text, id, heading, content string) (string, error) {
	begin, end := beginMarker(id), endMarker(id)
	part := begin + "\n\n" + strings.TrimSpace(content) + "\n\n" + end
	before, rest, begun := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	switch {
	case begun && ended:
		return before + part + after, nil
	case begun || strings.Contains(text, end):
		return "", fmt.Errorf("generated part %s: one of its two markers is missing or they are in the wrong order", id)
	}
	return strings.TrimRight(text, "\n") + "\n\n## " + heading + "\n\n" + part + "\n", nil
}

// contents is the table of all claims.
func contents(claims []experiments.Claim, specs []*experiments.Spec, all []evidence, benchmarks measuredEvidence) string {
	var b strings.Builder
	b.WriteString("| claim | question | verdict | ratio [interval] | figure | spec |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, claim := range claims {
		verdict, ratio, figure, decided := benchmarks.result(claim)
		if !decided {
			verdict, ratio, figure = claimResult(claim, all)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", claim.ID, claim.Question, verdict, ratio, figure, specLinks(claim.ID, specs))
	}
	return b.String()
}

// claimResult takes the findings of all reference runs together that concern a
// claim, and returns the deciding one's ratio and figure. A claim that no run concerns
// is open, unless tests decide it.
func claimResult(claim experiments.Claim, all []evidence) (text, ratio, figure string) {
	var findings []verdict.Finding
	for _, e := range all {
		findings = append(findings, e.findings...)
	}
	found, deciding, concerned := verdict.ClaimVerdict(findings, claim.ID)
	if !concerned {
		return structuralResult(claim)
	}
	c := deciding.Deciding()
	switch text = string(found); {
	case c.Inadmissible:
		text = "open (the run is not admissible)"
	case found == results.Inconclusive && c.Reason != "":
		text += " (" + c.Reason + ")"
	}
	for _, e := range all {
		if _, own, here := verdict.ClaimVerdict(e.findings, claim.ID); here && slices.EqualFunc(own.Comparisons, deciding.Comparisons, verdict.Comparison.Equal) {
			return text, deciding.Format(c.Estimate), e.figure()
		}
	}
	return text, deciding.Format(c.Estimate), none
}

func specLinks(claim string, specs []*experiments.Spec) string {
	var links []string
	for _, s := range specs {
		if slices.Contains(s.Claims, claim) {
			links = append(links, fmt.Sprintf("[%s](%s)", s.ID, filepath.ToSlash(s.File)))
		}
	}
	if len(links) == 0 {
		return none
	}
	return strings.Join(links, ", ")
}
