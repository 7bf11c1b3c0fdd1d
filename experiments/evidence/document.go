package evidence

import (
	"cmp"
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

// page is a Markdown file of which parts are generated. What stands around the markers is
// written by hand and stays.
type page struct {
	of       string // what it tells of, for a check
	path     string
	current  string
	rendered string
}

func (p page) changed() bool { return p.current != p.rendered }

// UpdateDocuments rewrites the generated parts of the document, of the page beside each
// run in referenceDir and of the page of the benchmarks. An experiment without a page gets
// one. It returns the paths of what changed.
func UpdateDocuments(document, referenceDir string) (changed []string, err error) {
	pages, err := renderPages(document, referenceDir, results.Open)
	if err != nil {
		return nil, err
	}
	for _, p := range pages {
		if !p.changed() {
			continue
		}
		if err := results.WriteFile(p.path, []byte(p.rendered)); err != nil {
			return changed, err
		}
		changed = append(changed, p.path)
	}
	return changed, nil
}

// renderPages computes all pages. Links in the document are relative to its directory,
// those of a page to its own.
func renderPages(document, referenceDir string, open opener) ([]page, error) {
	specs, err := experiments.Specs()
	if err != nil {
		return nil, err
	}
	claims, err := experiments.Claims()
	if err != nil {
		return nil, err
	}
	evidence, err := readEvidence(specs, referenceDir, filepath.Dir(document), open)
	if err != nil {
		return nil, err
	}
	benchmarks, err := readMeasured(claims, referenceDir, filepath.Dir(document))
	if err != nil {
		return nil, err
	}
	main, err := renderPage(document, document, "# Experiments\n",
		part{contentsID, "Contents", func() (string, error) { return contents(claims, specs, evidence, benchmarks), nil }},
		part{structuralID, "Claims that tests decide", func() (string, error) { return structuralTable(claims), nil }},
		part{measuredID, "Claims that benchmarks decide", func() (string, error) { return benchmarks.table(claims), nil }})
	pages := []page{main}
	for _, e := range evidence {
		if err == nil {
			main, err = e.page(filepath.Join(referenceDir, e.spec.ID))
			pages = append(pages, main)
		}
	}
	if err == nil {
		main, err = knownAnswersPage(filepath.Join(filepath.Dir(referenceDir), benchmarksDir))
		pages = append(pages, main)
	}
	return pages, err
}

// part is a generated part of a page.
type part struct {
	id, heading string // the heading only where the page has no such part yet
	content     func() (string, error)
}

// renderPage puts parts into the page at path, which begins with the title where there is
// none yet.
func renderPage(of, path, title string, parts ...part) (page, error) {
	current, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return page{}, fmt.Errorf("read document: %w", err)
	}
	p := page{of: of, path: path, current: string(current), rendered: cmp.Or(string(current), title)}
	for _, part := range parts {
		content, err := part.content()
		if err == nil {
			p.rendered, err = replacePart(p.rendered, part.id, part.heading, content)
		}
		if err != nil {
			return page{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	return p, nil
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
