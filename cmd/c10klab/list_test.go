package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"c10klab/experiments"
	"c10klab/internal/admin"
	"c10klab/internal/child"
	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/models"
)

// decode reads exactly one JSON document that has no unknown key.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if d.More() {
		t.Fatalf("more than one document in %q", text)
	}
}

// listed returns a list's rows.
func listed(t *testing.T, list string) []map[string]string {
	t.Helper()
	stdout, stderr, exit := child.Run(t, "list", list, "--json")
	if exit != exitOK || stderr != "" {
		t.Fatalf("list %s ended with %d: %s", list, exit, stderr)
	}
	var rows []map[string]string
	decode(t, stdout, &rows)
	return rows
}

func TestListsAreComplete(t *testing.T) {
	specs, err := experiments.Specs()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"models": models.Names(), "sends": models.SendNames()}
	for _, s := range specs {
		want["experiments"] = append(want["experiments"], s.ID)
	}
	claims, err := experiments.Claims()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		for _, p := range c.Parts {
			want["claims"] = append(want["claims"], c.ID+": "+p.Name)
		}
	}
	for _, k := range allKnobs.Knobs() {
		want["knobs"] = append(want["knobs"], k.Name)
	}
	for _, s := range measure.Spans((*measure.Span).Recorded) {
		want["metrics"] = append(want["metrics"], s.Name)
	}
	for _, n := range measure.Numbers(0) {
		want["metrics"] = append(want["metrics"], n.Name)
	}
	for _, m := range admin.Families {
		want["metrics"] = append(want["metrics"], m.Name)
	}
	for list := range listings {
		var names []string
		for _, row := range listed(t, list) {
			names = append(names, row["name"])
			for column, text := range row {
				if text == "" && !(list == "knobs" && (column == "default" || column == "unit")) {
					t.Errorf("list %s: %s has no %s", list, row["name"], column)
				}
			}
		}
		if !slices.Equal(names, want[list]) {
			t.Errorf("list %s shows %v, want %v", list, names, want[list])
		}
		if list == "knobs" || list == "metrics" {
			continue // for people they are in groups
		}
		stdout, _, exit := child.Run(t, "list", list)
		if exit != exitOK || strings.Count(stdout, "\n") != len(names)+1 {
			t.Errorf("list %s for people ended with %d: %s", list, exit, stdout)
		}
	}
}

func TestMetricsAreListedWithin100Columns(t *testing.T) {
	stdout, stderr, exit := child.Run(t, "list", "metrics")
	if exit != exitOK || stderr != "" {
		t.Fatalf("list metrics ended with %d: %s", exit, stderr)
	}
	for line := range strings.Lines(stdout) {
		if columns := utf8.RuneCountInString(strings.TrimRight(line, "\n")); columns > 100 {
			t.Errorf("%d columns: %s", columns, line)
		}
	}
	for _, row := range listed(t, "metrics") {
		if !strings.Contains(stdout, "  "+row["name"]+" ") {
			t.Errorf("%s is not shown", row["name"])
		}
	}
	if !strings.Contains(stdout, "Kafka: RequestQueueTimeMs") {
		t.Errorf("Kafka's names are not shown:\n%s", stdout)
	}
}

// Every knob is in one group; people are shown one group, all but the instruments, or all.
func TestKnobsAreListedInGroupsWithin100Columns(t *testing.T) {
	shown := func(args ...string) map[string]bool {
		t.Helper()
		stdout, stderr, exit := child.Run(t, append([]string{"list", "knobs"}, args...)...)
		if exit != exitOK || stderr != "" {
			t.Fatalf("list knobs %v ended with %d: %s", args, exit, stderr)
		}
		names := map[string]bool{}
		for line := range strings.Lines(stdout) {
			line = strings.TrimRight(line, "\n")
			if columns := utf8.RuneCountInString(line); columns > 100 {
				t.Errorf("%d columns: %s", columns, line)
			}
			if rest, isKnob := strings.CutPrefix(line, "  "); isKnob && rest[0] != ' ' {
				names[strings.Fields(rest)[0]] = true
			}
		}
		return names
	}
	usual, all := shown(), shown("--all")
	byGroup := map[string]map[string]bool{}
	for _, g := range knob.Groups {
		byGroup[g.Name] = shown(g.Name)
	}
	for _, k := range allKnobs.Knobs() {
		if !all[k.Name] || usual[k.Name] != (k.Group != knob.Instrument) || !byGroup[k.Group][k.Name] {
			t.Errorf("knob %s of group %q: among all %v, among the usual %v, in its group %v", k.Name, k.Group, all[k.Name], usual[k.Name], byGroup[k.Group][k.Name])
		}
	}
	if _, stderr, exit := child.Run(t, "list", "knobs", "sned"); exit != exitUsage || !strings.Contains(stderr, "did you mean send?") {
		t.Errorf("an unknown group: %d %s", exit, stderr)
	}
}

func TestListedDefaultsAreAccepted(t *testing.T) {
	args := []string{"run", "--dry-run"}
	for _, row := range listed(t, "knobs") {
		args = append(args, "--set", row["name"]+"="+row["default"])
	}
	if _, stderr, exit := child.Run(t, args...); exit != exitOK {
		t.Errorf("all knobs at their defaults: exit %d, %s", exit, stderr)
	}
}

func TestDryRunShowsEveryCell(t *testing.T) {
	stdout, stderr, exit := child.Run(t, "run", "--dry-run")
	if exit != exitOK || stderr != "" {
		t.Fatalf("ended with %d: %s", exit, stderr)
	}
	cells := 0
	for _, model := range models.Names() {
		for _, consumers := range []string{"none", "tail"} {
			cells++
			if id := "write-100mbs." + model + "." + consumers + " "; strings.Count(stdout, id) != 1 {
				t.Errorf("cell %sis not shown once", id)
			}
		}
	}
	if !strings.Contains(stdout, fmt.Sprintf("%d cells", cells)) {
		t.Errorf("%d cells in:\n%s", cells, stdout)
	}
}

func TestDryRunAsJSONTellsTheSamePlan(t *testing.T) {
	stdout, stderr, exit := child.Run(t, "run", "N15", "--repeats", "2", "--only", "model=reactor", "--dry-run", "--json")
	if exit != exitOK {
		t.Fatalf("ended with %d: %s", exit, stderr)
	}
	var plan experiments.PlanDocument
	decode(t, stdout, &plan)
	if len(plan.Experiments) != 1 || plan.Trials != 4 || plan.Seconds <= 0 {
		t.Fatalf("the plan is %+v", plan)
	}
	e := plan.Experiments[0]
	if e.Experiment != "write-100mbs" || len(e.Cells) != 2 || len(e.Blocks) != 2 || len(e.Predictions) == 0 {
		t.Errorf("the experiment is %+v", e)
	}
	for _, block := range e.Blocks {
		for _, cell := range e.Cells {
			if cell.Knobs["model"] != "reactor" || !slices.Contains(block, cell.ID) {
				t.Errorf("cell %+v is not of a reactor, or not in block %v", cell, block)
			}
		}
	}
}
