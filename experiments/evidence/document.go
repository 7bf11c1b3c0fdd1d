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
	says     string // of parts of claims, in a few words
	path     string
	current  string
	rendered string
}

func (p page) changed() bool { return p.current != p.rendered }

// UpdateDocuments rewrites the generated parts of the document, of the page beside each
// run in referenceDir and of the page of the benchmarks. An experiment without a page gets
// one. It returns the paths of what changed.
func UpdateDocuments(document, referenceDir string) (changed []string, err error) {
	_, pages, err := renderPages(document, referenceDir, results.Open)
	if err != nil {
		return nil, err
	}
	for _, p := range pages {
		if !p.changed() {
			continue
		}
		if err = os.MkdirAll(filepath.Dir(p.path), 0o755); err == nil {
			err = results.WriteFile(p.path, []byte(p.rendered))
		}
		if err != nil {
			return changed, err
		}
		changed = append(changed, p.path)
	}
	return changed, nil
}

// renderPages computes all pages, and returns the evidence that they tell of. Links in the document are relative to its directory,
// those of a page to its own.
func renderPages(document, referenceDir string, open opener) (all []evidence, pages []page, err error) {
	specs, err := experiments.Specs()
	if err != nil {
		return nil, nil, err
	}
	claims, err := experiments.Claims()
	if err != nil {
		return nil, nil, err
	}
	ledgers, err := readLedgers(referenceDir)
	if err != nil {
		return nil, nil, err
	}
	all, err = readEvidence(specs, referenceDir, filepath.Dir(document), ledgers, open)
	if err != nil {
		return all, nil, err
	}
	history := openHistory(filepath.Dir(document))
	for i := range all {
		all[i].made = " " + history.mark(all[i].run)
	}
	benchmarks, err := readMeasured(claims, referenceDir, filepath.Dir(document))
	if err != nil {
		return all, nil, err
	}
	main, err := renderPage(document, document, "# Experiments\n",
		part{contentsID, "Contents", func() (string, error) { return contents(claims, specs, all, benchmarks, ledgers), nil }},
		part{structuralID, "Claims that tests decide", func() (string, error) { return structuralTable(claims), nil }},
		part{measuredID, "Claims that benchmarks decide", func() (string, error) { return benchmarks.table(claims), nil }})
	if err != nil {
		return all, nil, err
	}
	if history.missing != "" && sameButAge(main.current, main.rendered) {
		main.rendered = main.current // its marks can be neither checked nor made
	}
	pages = []page{main}
	for _, e := range all {
		p, err := e.page(filepath.Join(referenceDir, e.spec.ID), ledgers)
		if err != nil {
			return all, nil, err
		}
		pages = append(pages, p)
	}
	answers, err := knownAnswersPage(filepath.Join(filepath.Dir(referenceDir), benchmarksDir))
	if err != nil {
		return all, nil, err
	}
	validity, err := validityPage(filepath.Join(filepath.Dir(document), "docs", "validity.md"), claims)
	return all, append(pages, answers, validity), err
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

// contents is the table of all claims, with a row for each part.
func contents(claims []experiments.Claim, specs []*experiments.Spec, all []evidence, benchmarks measuredEvidence, ledgers ledgers) string {
	var b strings.Builder
	b.WriteString("| claim | part | measured [interval] | predicted | blocks | runs | verdict | page |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, claim := range claims {
		rows := make([]contentsRow, len(claim.Parts))
		decided := 0
		for i, p := range claim.Parts {
			rows[i] = rowOf(claim, p, specs, all, benchmarks, ledgers)
			if rows[i].decided() {
				decided++
			}
		}
		id := "**" + claim.ID + "**"
		if len(rows) == 1 {
			rows[0].part = claim.Question
		} else {
			h := headline(claim, rows)
			fmt.Fprintf(&b, "| %s | *%s* | %s | %s | %s | | *%d of %d parts decided* | |\n", id, claim.Question, h.effect, h.predicted, h.blocks, decided, len(rows))
			id = ""
		}
		for _, r := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", id, r.part, r.measured, r.predicted, r.blocks, r.runs, r.verdict, r.page)
		}
	}
	b.WriteString("\nMeasured is the comparison nearest to failing, of as many as the brackets say, and beside a claim of several parts the first of its first effect; × is a ratio of two variants, and equal cells are by what a cell differs from itself. Blocks: how many, and the coverage of the interval; " + verdict.BlocksAreFixed + ". Runs: all that were made for evidence under the prediction as it stands, from the ledger; *mixed*: they do not all say the same. Beside a page: the day of its run, and which code has changed since (`c10klab verify` counts the commits).\n")
	return b.String()
}

// contentsRow is what the contents say of a part.
type contentsRow struct {
	part, measured, predicted, blocks, runs, verdict, page string
	word                                                   results.Verdict
	effect                                                 string // the first comparison, whatever came nearest to failing
}

// headline is the row of the first part that was measured and is an effect; of a claim
// without one, the first that was measured.
func headline(claim experiments.Claim, rows []contentsRow) (found contentsRow) {
	for i, p := range claim.Parts {
		if rows[i].effect != "" && p.Kind != experiments.ControlPart {
			return rows[i]
		}
		if found.effect == "" {
			found = rows[i]
		}
	}
	if found.effect == "" {
		return contentsRow{}
	}
	return found
}

func (r contentsRow) decided() bool {
	return slices.Contains([]results.Verdict{results.Reproduced, results.Refuted, verdict.Answered, verdict.Conforms, verdict.Baseline}, r.word)
}

// rowOf takes the findings of all reference runs and benchmarks together that concern a part. One
// that none concerns is open, unless tests decide it or it cannot be decided here.
func rowOf(claim experiments.Claim, part experiments.Part, specs []*experiments.Spec, all []evidence, benchmarks measuredEvidence, ledgers ledgers) contentsRow {
	findings := slices.Clone(benchmarks.findings[claim.ID])
	for _, e := range all {
		findings = append(findings, e.findings...)
	}
	word, deciding, concerned := verdict.OfPart(claim.ID, part, findings)
	row := contentsRow{part: part.Name, measured: none, predicted: none, blocks: none, runs: none, page: none, word: word}
	missing := predictionsWithoutFinding(claim.ID, part.Name, specs, findings)
	switch {
	case !concerned && part.Kind == experiments.Structure && len(claim.Tests) > 0:
		row.word, row.page = verdict.Conforms, "[tests](#claims-that-tests-decide)"
	case !concerned && len(missing) > 0:
		row.page = fmt.Sprintf("[not run](%s)", filepath.ToSlash(missing[0].File))
	}
	row.verdict = string(row.word)
	if part.Needs != "" {
		row.verdict += ": " + part.Needs
	}
	if !concerned {
		return row
	}
	c := deciding.Deciding()
	row.measured, row.page = measuredText(deciding, c), benchmarks.page(claim)
	row.predicted = deciding.Prediction.Condition()
	for _, e := range all {
		if len(verdict.Concerning(claim.ID, part.Name, e.findings)) > 0 {
			row.page = fmt.Sprintf("[%s](%s)%s", e.spec.ID, filepath.ToSlash(filepath.Join(e.dir, pageFile)), e.made)
		}
	}
	n := 0
	for _, f := range verdict.Concerning(claim.ID, part.Name, findings) {
		n += len(f.Comparisons)
	}
	if n > 1 {
		row.measured += fmt.Sprintf(" (of %d)", n)
	}
	if c.AA.N > 0 {
		row.measured += "; equal cells " + c.AA.String()
	}
	if first := verdict.Concerning(claim.ID, part.Name, findings)[0]; c.Estimate.N > 0 {
		row.effect = measuredText(first, first.Comparisons[0])
	}
	if c.Estimate.N > 0 {
		row.blocks = fmt.Sprint(c.Estimate.N)
	}
	if c.Estimate.Bounded() {
		row.blocks += fmt.Sprintf(" (%.1f %%)", 100*c.Estimate.Coverage)
	}
	switch {
	case c.Inadmissible: // a benchmark's record says why, of a run verify does
		row.verdict = fmt.Sprintf("open (%s)", cmp.Or(c.Reason, "the run is not admissible"))
	case c.Estimate.N == 0 && c.Reason != "":
		row.measured, row.verdict = none, row.verdict+" ("+c.Reason+")"
	case (word == results.Inconclusive || part.Kind == experiments.Retired) && c.Reason != "":
		row.verdict += " (" + c.Reason + ")"
	}
	occasions := ledgers.concerning(claim.ID, part.Name, specs)
	row.runs = occasionsText(occasions)
	switch {
	case agree(occasions) || c.Inadmissible || word == verdict.Answered:
	case c.Then != "": // it decides nothing, whatever others of its kind say
		row.verdict += "; others by the rules of theirs do not agree"
	default:
		row.word, row.verdict = verdict.Mixed, string(verdict.Mixed)
	}
	if len(missing) > 0 && word != results.Refuted {
		row.word, row.verdict = results.Undecided, fmt.Sprintf("open (%s is not run)", missing[0].ID)
	}
	return row
}

// predictionsWithoutFinding are the specs that predict something of a part that no stored run
// was asked.
func predictionsWithoutFinding(claim, part string, specs []*experiments.Spec, findings []verdict.Finding) []*experiments.Spec {
	var missing []*experiments.Spec
	for _, s := range specs {
		if slices.ContainsFunc(s.Predictions, func(p experiments.Prediction) bool {
			return p.Claim == claim && p.Part == part && !slices.ContainsFunc(findings, func(f verdict.Finding) bool { return f.Prediction.Same(p) })
		}) {
			missing = append(missing, s)
		}
	}
	return missing
}

// measuredText names the metric and its value.
func measuredText(f verdict.Finding, c verdict.Comparison) string {
	switch metric := f.Prediction.Metric.String(); {
	case metric == "": // of a benchmark, which says what it measured
		return c.Cells + ": " + formatMeasured(c.Estimate)
	case f.Prediction.Each:
		return metric + " " + f.Format(c.Estimate)
	case f.Prediction.Along != "":
		return fmt.Sprintf("%s, rank correlation with %s %s", metric, f.Prediction.Along, f.Format(c.Estimate))
	case f.Prediction.Difference:
		return metric + ", difference " + f.Format(c.Estimate)
	default:
		return metric + " × " + f.Format(c.Estimate)
	}
}
