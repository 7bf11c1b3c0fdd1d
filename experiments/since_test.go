package experiments

import (
	"slices"
	"strings"
	"testing"

	"c10klab/experiments/internal/fixture"
)

func TestEvidenceStandsWhileTheSpecPredictsTheSameOfItsCells(t *testing.T) {
	then := parsed(t, fixture.SmallSpec)
	plan, err := NewPlan(configOf(then))
	if err != nil {
		t.Fatal(err)
	}
	cells := plan.Experiments[0].Cells
	for _, c := range []struct{ name, old, new, want string }{
		{"nothing", "", "", ""},
		{"other words", `title = "a small experiment"`, `title = "another title"`, ""},
		{"another level", `"loop-per-thread"]`, `"loop-per-thread", "reactor-pool"]`, ""},
		{"every level", `["reactor", "loop-per-thread"]`, `"*"`, ""},
		{"another prediction", "[[predictions]]", "[[predictions]]\nclaim=\"N15\"\npart=\"rate held\"\nmetric=\"rate_mb_s\"\neach=true\nrelation=\">=\"\nthreshold=1\n[[predictions]]", ""},
		{"more blocks", "repeats = 8", "repeats = 12", ""},
		{"the full variant alone", `window = "15s"`, `window = "20s"`, ""},
		{"a threshold", "0.95", "0.9", "no longer predicts for N15: rate_held >= 0.95 in each cell, outcome valid"},
		{"a relation", `">="`, `"<="`, "no longer predicts"},
		{"a metric", `"rate_held"`, `"rate_mb_s"`, "no longer predicts"},
		{"a fixed knob", "rate = 100", "rate = 50", `small.reactor.none is no longer the spec's: rate was "100", now it is 50`},
		{"a new fixed knob", "rate = 100", "rate = 100\nloops = 1", `loops was "", now it is 1`},
		{"memory that is kept", "rate = 100", "rate = 100\nbacked-memory = \"1GiB\"", ""},
		{"a fixed knob less", "rate = 100", "", "rate=100 is no longer set"},
		{"a level less", `["none", "tail"]`, `["none"]`, `small.reactor.tail is no longer the spec's: consumers was "tail", now it is none`},
		{"an exclusion", "[quick]", "[[exclude]]\nmodel = \"reactor\"\n[quick]", "it is excluded"},
	} {
		now := parsed(t, strings.Replace(fixture.SmallSpec, c.old, c.new, 1))
		changes := now.ChangedSince(then, cells, false)
		if (c.want == "") != (len(changes) == 0) || c.want != "" && !slices.ContainsFunc(changes, func(s string) bool { return strings.Contains(s, c.want) }) {
			t.Errorf("%s: %q, want %q", c.name, changes, c.want)
		}
	}
	keeping := configOf(then)
	keeping.Set = map[string]string{BackedMemoryKnob: "1GiB"}
	kept, err := NewPlan(keeping)
	if err != nil {
		t.Fatal(err)
	}
	if changes := then.ChangedSince(then, kept.Experiments[0].Cells, false); changes != nil {
		t.Errorf("a run with kept memory: %q", changes)
	}
	words := then.InWordsOf(parsed(t, strings.Replace(fixture.SmallSpec, `title = "a small experiment"`, `title = "another title"`, 1)+"refuted-by = \"sloth\"\n"))
	if words.Title != "another title" || words.Predictions[0].RefutedBy != "sloth" || then.Predictions[0].RefutedBy != "" {
		t.Errorf("in other words: %+v", words)
	}
}
