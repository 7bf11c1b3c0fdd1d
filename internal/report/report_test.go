package report

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"c10klab/internal/record"
	"c10klab/results"
)

const reference = "../../results/reference"

func pageOf(t *testing.T, dirs ...string) string {
	t.Helper()
	content, err := HTML(dirs, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAPageHoldsEverythingAndAsksForNothing(t *testing.T) {
	text := pageOf(t, filepath.Join(reference, "cold-reads"))
	for _, wanted := range []string{
		"<b>Not claimed.</b> N1: the size of the factor elsewhere",
		"N1, against a send pool: reproduced", "has the shortest p99 response time", "How to reproduce", "git checkout ", "<svg", "data-sort=", "Linux 6",
		"p99 of one trial", "trials: ",
	} {
		if !strings.Contains(text, wanted) {
			t.Errorf("the page lacks %q", wanted)
		}
	}
	if before := pageOf(t, filepath.Join(reference, "cold-sendfile")); !strings.Contains(before, "by the rules of its day: reproduced") {
		t.Error("the page of a run that kept no series lacks the verdict of its day")
	}
	namespaces := regexp.MustCompile(`xmlns(:xlink)?="[^"]*"`)
	rest := namespaces.ReplaceAllString(text, "")
	for _, foreign := range []string{"http://", "https://", "<link", "<iframe", "@import", "url(", "fetch('http", " src="} {
		if at := strings.Index(rest, foreign); at >= 0 {
			t.Errorf("the page refers to %q: …%s…", foreign, rest[at:min(len(rest), at+80)])
		}
	}
	if !strings.Contains(text, `default-src 'none'`) || strings.Contains(text, "connect-src") {
		t.Error("the page does not forbid requests")
	}
}

func TestNamesFromARunAreEscaped(t *testing.T) {
	const evil = `<img onerror="alert(1)">`
	cells := []results.PlannedCell{{Experiment: "x", ID: evil, Knobs: map[string]string{"model": evil, "consumers": evil}}}
	dir := filepath.Join(t.TempDir(), "run")
	run, err := results.Create(dir, results.Info{Cells: cells, Host: results.Host{Kernel: evil}, CommandLine: []string{"c10klab", evil},
		Specs: []results.Spec{results.NewSpec("x", specText, 3)}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	m := &record.Measurement{WindowNs: 1e9, FetchedMBps: 1, Outcome: record.Valid, Problems: []string{evil}}
	if err := run.Commit(record.Trial{Experiment: "x", Block: 1, Cell: evil, Outcome: record.Valid, Measurement: m}); err != nil {
		t.Fatal(err)
	}
	if text := pageOf(t, dir); strings.Contains(text, evil) || !strings.Contains(text, "&lt;img onerror") || !strings.Contains(text, "<svg") {
		t.Error("text of a run is in the page as markup")
	}
}

func TestAnEmptyRunHasAPageThatSaysSo(t *testing.T) {
	cells := []results.PlannedCell{{Experiment: "x", ID: "x.reactor", Knobs: map[string]string{"model": "reactor"}}}
	specs := []results.Spec{results.NewSpec("x", specText, 3)}
	dir := filepath.Join(t.TempDir(), "run")
	run, err := results.Create(dir, results.Info{Cells: cells, Specs: specs})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	text := pageOf(t, dir)
	for _, wanted := range []string{"0 of 3 planned trials", "N15, rate held: open"} {
		if !strings.Contains(text, wanted) {
			t.Errorf("the page lacks %q", wanted)
		}
	}
}

const specText = `id = "x"
title = "T"
question = "Q?"
claims = ["N15"]
[axes]
model = ["reactor"]
[quick]
repeats = 3
[full]
repeats = 8
[[predictions]]
claim = "N15"
part = "rate held"
metric = "rate_held"
each = true
relation = ">="
threshold = 0.95
`

func TestAReportIsWrittenWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	if err := os.WriteFile(path, []byte("earlier"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []string{filepath.Join(dir, "no run")}); err == nil || !strings.Contains(err.Error(), "no run") {
		t.Errorf("a report on nothing: error %v", err)
	}
	if content, _ := os.ReadFile(path); string(content) != "earlier" {
		t.Error("a report that could not be made replaced the earlier one")
	}
	if err := Write(filepath.Join(dir, "missing", "report.html"), []string{filepath.Join(reference, "stalled-disk")}); err == nil {
		t.Error("a report in a directory that does not exist")
	}
	if err := Write(path, []string{filepath.Join(reference, "stalled-disk")}); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(path); !bytes.HasSuffix(bytes.TrimSpace(content), []byte("</html>")) {
		t.Error("the report has no end")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something is left beside the report: %v", entries)
	}
}

func TestServedPagesFollowAGrowingRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run, err := results.Create(dir, results.Info{Cells: []results.PlannedCell{{Experiment: "x", ID: "x.reactor", Knobs: map[string]string{"model": "reactor"}}},
		Specs: []results.Spec{results.NewSpec("x", specText, 3)}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	handler := Handler([]string{dir})
	get := func(path string) string {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if answer.Code != 200 {
			t.Fatalf("GET %s: %d %s", path, answer.Code, answer.Body)
		}
		return answer.Body.String()
	}
	before := get("/version")
	if text := get("/"); !strings.Contains(text, "0 of 3 planned") || !strings.Contains(text, "connect-src 'self'") {
		t.Error("the served page does not show the run, or may not ask for news")
	}
	if err := run.Commit(record.Trial{Experiment: "x", Block: 1, Cell: "x.reactor", Outcome: "failed", Error: "no port"}); err != nil {
		t.Fatal(err)
	}
	if get("/version") == before {
		t.Error("the version does not change with a trial")
	}
	if text := get("/"); !strings.Contains(text, "1 of 3 planned") || !strings.Contains(text, "no port") {
		t.Error("the served page does not show the new trial")
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest("GET", "/etc/passwd", nil))
	if answer.Code != 404 {
		t.Errorf("a path of no page is answered with %d", answer.Code)
	}
}

func TestAPageShowsWhatClientsOfEchoWaited(t *testing.T) {
	text := pageOf(t, filepath.Join(reference, "connections-open"))
	if !regexp.MustCompile(`ResponseTime (s|ms|µs) p99`).MatchString(text) {
		t.Error("the page has no latency of clients in its table")
	}
	for _, wanted := range []string{"the shortest p99 response time of Echo", "response time of Echo, p99 and p99.9", "KiB a connection server"} {
		if !strings.Contains(text, wanted) {
			t.Errorf("the page lacks %q", wanted)
		}
	}
}
