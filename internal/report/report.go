// Package report makes one HTML page of stored runs. The page needs no network:
// styles, scripts and figures are inside it.
package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"path/filepath"
	"runtime/debug"
	"strings"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/plots"
	"c10klab/results"
)

//go:embed page
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"style": func() (template.CSS, error) {
		text, err := files.ReadFile("page/page.css")
		return template.CSS(text), err
	},
	"script": func() (template.JS, error) {
		text, err := files.ReadFile("page/page.js")
		return template.JS(text), err
	},
}).ParseFS(files, "page/*.html"))

// document is what the page shows.
type document struct {
	Title string
	Live  bool // the page asks the server that sent it for news
	Runs  []*runView
}

// runView is one run.
type runView struct {
	Anchor      string
	Dir         string
	Started     string
	Progress    string // empty when all planned trials are there
	Summary     []sentence
	Experiments []experimentView
	Setup       []fact
	Validity    validity
	Reproduce   []fact
}

// experimentView is one experiment of a run.
type experimentView struct {
	*experiments.Spec
	Anchor   string
	Verdicts results.Table
	Controls results.Table
	Figures  []figureView
	Tables   []results.Table
}

type figureView struct {
	Anchor, Title string
	SVG           template.HTML
}

// HTML renders the page of the runs in the directories. live makes it ask the
// server that it came from whether a run has grown.
func HTML(dirs []string, live bool) ([]byte, error) {
	d := document{Title: "c10klab", Live: live}
	for _, dir := range dirs {
		run, err := results.OpenChecked(dir)
		if err != nil {
			return nil, err
		}
		read, err := Read(run)
		if err == nil {
			err = d.add(read)
		}
		if err != nil {
			return nil, fmt.Errorf("report on %s: %w", dir, err)
		}
	}
	return d.html()
}

// add puts a run at the page's end.
func (d *document) add(r *Run) error {
	view, err := r.view(fmt.Sprintf("run%d", len(d.Runs)+1))
	d.Title, d.Runs = d.Title+" · "+filepath.Base(r.Dir), append(d.Runs, view)
	return err
}

func (d *document) html() ([]byte, error) {
	var b bytes.Buffer
	if err := page.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("render the report: %w", err)
	}
	return b.Bytes(), nil
}

// Run is a stored run with all that a page or a terminal says of it, read once.
type Run struct {
	*results.Run
	cells    []results.Cell
	judged   []verdict.Judged
	effects  []results.Effect
	contests []contest
}

// Read reads a run's histograms and judges its experiments.
func Read(run *results.Run) (*Run, error) {
	cells, err := plots.Cells(run) // first: judging then reads no histogram again
	if err != nil {
		return nil, err
	}
	judged, err := verdict.JudgeRun(run)
	if err != nil {
		return nil, err
	}
	effects, err := effectsOf(run)
	if err != nil {
		return nil, err
	}
	contests, err := contestsOf(run, cells)
	return &Run{run, cells, judged, effects, contests}, err
}

// Draw writes the run's figures into its directory and returns their paths.
func (r *Run) Draw() ([]string, error) {
	return plots.Draw(r.Run, r.cells, ratiosOf(r.judged, r.effects), results.PlotsDir(r.Dir))
}

// WritePage puts the page of the run alone at path, whole or not at all.
func (r *Run) WritePage(path string) error {
	d := document{Title: "c10klab"}
	if err := d.add(r); err != nil {
		return err
	}
	content, err := d.html()
	if err != nil {
		return err
	}
	return writePage(path, content)
}

func (r *Run) view(anchor string) (*runView, error) {
	figures, err := plots.Figures(r.Run, r.cells, ratiosOf(r.judged, r.effects))
	if err != nil {
		return nil, err
	}
	v := &runView{
		Anchor: anchor, Dir: r.Dir, Started: r.Info.Started.UTC().Format("2006-01-02 15:04 MST"), Progress: progress(r.Run),
		Summary: r.summary(), Setup: setup(r.Run), Validity: newValidity(r.Run), Reproduce: reproduce(r.Run),
	}
	v.Validity.Counts = strings.Join(append([]string{v.Validity.Counts}, r.limitedNotes()...), " ")
	if v.Validity.Instrumentation, err = results.InstrumentationNote(); err != nil {
		return nil, err
	}
	for _, j := range r.judged {
		own := results.OfExperiment(r.cells, j.Spec.ID)
		e := experimentView{
			Spec: j.Spec, Anchor: anchor + "-" + j.Spec.ID,
			Verdicts: verdict.Table(j.Findings), Controls: verdict.ControlTable(j.Controls), Tables: append(results.DetailedTables(own), effectTables(r.effects, j.Spec.ID)...),
		}
		for _, f := range figures {
			if f.Experiment == j.Spec.ID {
				e.Figures = append(e.Figures, figureView{e.Anchor + "-" + f.Kind, f.Title, inline(f)})
			}
		}
		v.Experiments = append(v.Experiments, e)
	}
	return v, nil
}

// progress says how much of a run is there, as long as something is missing.
func progress(run *results.Run) string {
	planned := 0
	for _, spec := range run.Info.Specs {
		for _, cell := range run.Info.Cells {
			if cell.Experiment == spec.ID {
				planned += spec.Repeats
			}
		}
	}
	if len(run.Trials) >= planned {
		return ""
	}
	return fmt.Sprintf("%d of %d planned trials are there: the run is under way, or was interrupted", len(run.Trials), planned)
}

// smallHeapPercent has the collector run early: a report on thousands of trials holds
// them all, and the garbage of decoding would double that.
const smallHeapPercent = 60

// Write renders the page and puts it at path, whole or not at all.
func Write(path string, dirs []string) error {
	defer debug.SetGCPercent(debug.SetGCPercent(smallHeapPercent))
	content, err := HTML(dirs, false)
	if err != nil {
		return err
	}
	return writePage(path, content)
}

func writePage(path string, content []byte) error {
	if err := results.WriteFile(path, content); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// inline makes a figure a part of an HTML document. The page's sheet gives neutral colours its own, so that
// figures follow light and dark; without the sheet, as behind a policy that allows none, the figure has
// its colours all the same.
func inline(f plots.Figure) template.HTML {
	svg := f.SVG
	if start := bytes.Index(svg, []byte("<svg")); start > 0 {
		svg = svg[start:]
	}
	// The text is this program's own, and package plots escapes the names in it.
	return template.HTML(svg)
}
