package report

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/results"
)

// wantNarrow fails on lines that are wider than a brief may be.
func wantNarrow(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > Width {
			t.Errorf("%s: a line of %d columns: %s", what, n, line)
		}
	}
}

func briefOf(t *testing.T, run *results.Run) string {
	t.Helper()
	read, err := Read(run)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := read.Brief(&b); err != nil {
		t.Fatal(err)
	}
	wantNarrow(t, run.Dir, strings.ReplaceAll(b.String(), run.Dir, "DIR"))
	for _, name := range TableNames {
		var text, markdown strings.Builder
		if err := read.Tables(&text, []string{name}, false); err != nil {
			t.Fatal(err)
		}
		if err := read.Tables(&markdown, []string{name}, true); err != nil {
			t.Fatal(err)
		}
		wantNarrow(t, run.Dir+", table "+name, text.String())
		if (text.Len() > 0) != strings.Contains(markdown.String(), "| ---") {
			t.Errorf("%s, table %s in Markdown: %s", run.Dir, name, markdown.String())
		}
	}
	return b.String()
}

func TestBriefsOfStoredRunsTellAllInAHundredColumns(t *testing.T) {
	for name, wanted := range map[string][]string{
		"write-100mbs": {"- N15, rate held: baseline. ", "loop-per-thread has the shortest p99", "EndToEnd p99", "(of 12)"},
		"cold-reads":   {"  reproduced  N10: cold isolated", "  0.010 [0.006, 0.017]  ResponseTime p99: pool ÷ inline <= 0.2"},
		"full-queue": {"N2: pause cures", "ResponseQueue/Produce p99: pause 4 ÷\n", "  block 500 <= 1.5\n", "  saturated: the server could not keep up", "acknowledged below offered requests: at worst 8.09 %, limit 5.00; shed.4",
			"→ this is a result"},
		"hot-reads":    {"fetched MB/s", "16 trials a cell"},
		"availability": {"requests/s  available %  outcome", "- 6 of 8 cells saturated. "},
	} {
		run, err := results.Open(filepath.Join(reference, name))
		if err != nil {
			t.Fatal(err)
		}
		text := briefOf(t, run)
		for _, part := range wanted {
			if !strings.Contains(text, part) {
				t.Errorf("the brief of %s lacks %q:\n%s", name, part, text)
			}
		}
	}
}

// manyCells is a run of experiments whose cells differ in some knobs with long names.
func manyCells(t *testing.T, experiments, cells, knobs int, trial func(cell int, m *record.Measurement)) *results.Run {
	t.Helper()
	var planned []results.PlannedCell
	var specs []results.Spec
	for e := range experiments {
		id := fmt.Sprintf("experiment-%d", e)
		specs = append(specs, results.NewSpec(id, strings.Replace(specText, `id = "x"`, fmt.Sprintf("id = %q", id), 1), 1))
		for i := range cells {
			c := results.PlannedCell{Experiment: id, ID: fmt.Sprintf("%s.cell-%d", id, i), Knobs: map[string]string{"model": "reactor", "consumers": "none"}}
			for k := range knobs {
				c.Knobs[fmt.Sprintf("a-knob-with-a-long-name-%d", k)] = fmt.Sprintf("a-level-with-a-long-name-%d-that-ends-alike", (i>>k)%2+i/(1<<knobs))
			}
			planned = append(planned, c)
		}
	}
	dir := filepath.Join(t.TempDir(), "run")
	run, err := results.Create(dir, results.Info{Cells: planned, Specs: specs})
	if err != nil {
		t.Fatal(err)
	}
	for i, cell := range planned {
		h := hdr.NewHistogram()
		h.RecordN(int64(1e6+i), 100_000)
		m := &record.Measurement{WindowNs: 1e9, AckedMBps: 99.9, OfferedMBps: 100, Outcome: record.Valid, Histograms: hdr.Bundle{{Stage: "ResponseTime", API: "Produce"}: h}}
		trial(i%cells, m)
		if err := run.Commit(record.Trial{Experiment: cell.Experiment, Block: 1, Cell: cell.ID, Knobs: cell.Knobs, Outcome: m.Outcome, Measurement: m}); err != nil {
			t.Fatal(err)
		}
	}
	run.Close()
	opened, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func TestABriefFitsHoweverManyKnobsAndCells(t *testing.T) {
	for _, c := range []struct{ experiments, cells, knobs int }{{1, 1, 0}, {1, 8, 3}, {2, 16, 4}, {1, 64, 6}, {1, 100, 12}, {30, 3, 1}} {
		text := briefOf(t, manyCells(t, c.experiments, c.cells, c.knobs, func(int, *record.Measurement) {}))
		rows := strings.Count(text, "  valid\n")
		want := min(c.cells*c.experiments, mostRows)
		if rows != want {
			t.Errorf("%+v: %d rows, want %d:\n%s", c, rows, want, text)
		}
		more := fmt.Sprintf("… %d more: c10klab show ", c.cells*c.experiments-want)
		if left := c.cells*c.experiments > want; left != strings.Contains(text, more) {
			t.Errorf("%+v: the brief says %q: %v:\n%s", c, more, !left, text)
		}
	}
}

func TestNarrowedNamesStayApart(t *testing.T) {
	const width = 20
	table := results.Table{Columns: []results.Column{{Name: "knob"}, {Name: "value", Number: true}}}
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprintf("a-level-%02d-of-many-that-ends-alike", i))
		table.Add("", want[i], i)
	}
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(table.Text("  ", width)), "\n")[1:] {
		if utf8.RuneCountInString(line) > width {
			t.Errorf("%q is too wide", line)
		}
		fields := strings.Fields(line)
		if len(fields) == 2 {
			names = append(names, "")
		}
		names[len(names)-1] += fields[0]
	}
	if !slices.Equal(names, want) {
		t.Errorf("the table shows %q, want %q", names, want)
	}
}

func TestProblemsAreGroupedByKindWithWhatToDo(t *testing.T) {
	run := manyCells(t, 1, 12, 2, func(cell int, m *record.Measurement) {
		m.Problems = []string{fmt.Sprintf("%d requests were answered with an error", 100+cell)}
		if cell < 3 {
			m.Outcome = record.EnvironmentLimited
			m.Checks = []record.Check{{Name: "CPU time of foreign processes", Value: float64(30 + cell), Limit: 20, Unit: "%", Else: record.EnvironmentLimited}}
		}
	})
	text := briefOf(t, run)
	for _, part := range []string{"  environment-limited: the machine interfered",
		"  - CPU time of foreign processes: at worst 32.0 %, limit 20.0; cell-0, cell-1, cell-2", "    → stop what else runs on this machine",
		"  - 100 requests were answered with an error; ", "and 6 more", "in parentheses: limited by"} {
		if !strings.Contains(text, part) && !strings.Contains(strings.Join(strings.Fields(text), " "), part) {
			t.Errorf("the brief lacks %q:\n%s", part, text)
		}
	}
	if n := strings.Count(text, "requests were answered with an error"); n != 1 {
		t.Errorf("one kind of problem is said %d times:\n%s", n, text)
	}
	reason := Shortfall(run)
	for _, part := range []string{"3 of 12 cells limited", "experiment-0.cell-2", "CPU time of foreign processes 32.0 %, limit 20.0; stop what else runs"} {
		if !strings.Contains(reason, part) {
			t.Errorf("the shortfall lacks %q: %s", part, reason)
		}
	}
}

func TestAFailedRunSaysWhichCellsWhyAndWhereToLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cell := results.PlannedCell{Experiment: "x", ID: "x.reactor", Knobs: map[string]string{"model": "reactor"}}
	run, err := results.Create(dir, results.Info{Cells: []results.PlannedCell{cell}, Specs: []results.Spec{results.NewSpec("x", specText, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if err := run.Commit(record.Trial{Experiment: "x", Block: 1, Cell: cell.ID, Outcome: record.Failed, Error: "server ended:\nport 9092 in use"}); err != nil {
		t.Fatal(err)
	}
	if reason := Shortfall(run); !strings.HasPrefix(reason, "1 of 1 cell failed in a trial (x.reactor): server ended: port 9092 in use; ") || !strings.Contains(reason, dir+"/trials") {
		t.Errorf("the shortfall is %q", reason)
	}
	if text := briefOf(t, run); !strings.Contains(text, "failed: no measurement came of these") || !strings.Contains(text, "port 9092 in use") {
		t.Errorf("the brief is\n%s", text)
	}
}

// The rules' names are the generator's; the documents have its table.
func TestRemediesAreOfRulesThatThereAre(t *testing.T) {
	table, err := os.ReadFile("../../docs/loadgen.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range remedies {
		if !strings.Contains(string(table), "| "+r.rule) {
			t.Errorf("no rule in docs/loadgen.md begins with %q", r.rule)
		}
	}
	for _, outcome := range []record.Outcome{record.Failed, record.GeneratorLimited, record.EnvironmentLimited, record.Saturated} {
		if (trouble{leads: outcome}).remedy("DIR") == "" {
			t.Errorf("nothing is said about what to do when %s", outcome)
		}
	}
}
