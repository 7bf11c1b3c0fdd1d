package experiments

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"c10klab/experiments/internal/fixture"
)

const smallControls = `
[[controls]]
kind = "positive"
cell = { model = "reactor", consumers = "tail" }
planted = { rate = 50 }
metric = "rate_mb_s"
relation = "<="
threshold = 0.6
[[controls]]
kind = "negative"
cell = { model = "reactor" }
`

// controlCells are the cells of a full run's controls, with the cell that each repeats.
func controlCells(t *testing.T, text string) map[string]string {
	t.Helper()
	cfg := configOf(parsed(t, text))
	cfg.Full = true
	plan, err := NewPlan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	again := map[string]string{}
	for _, c := range plan.Experiments[0].Cells {
		if c.TwinOf != "" {
			again[c.ID] = c.TwinOf
		}
		if planted := strings.Contains(c.ID, "planted"); planted != (len(c.Planted) > 0) || planted && c.Knobs["rate"] != "50" {
			t.Errorf("%s: planted %v, knobs %v", c.ID, c.Planted, c.Knobs)
		}
	}
	return again
}

func TestAFullRunRepeatsTheCellsOfItsControls(t *testing.T) {
	got := controlCells(t, fixture.SmallSpec+smallControls)
	if want := map[string]string{"small.reactor.tail.planted-1": "small.reactor.tail", "small.reactor.none.again": "small.reactor.none",
		"small.reactor.tail.again": "small.reactor.tail"}; !maps.Equal(got, want) {
		t.Errorf("cells %v, want %v", got, want)
	}
	pair := strings.Replace(fixture.SmallSpec, "each = true", `a = { model = "reactor", consumers = "tail" }
b = { model = "reactor", consumers = "none" }`, 1)
	pair = strings.Replace(pair, "outcome = \"valid\"\n", "", 1)
	if got := slices.Sorted(maps.Keys(controlCells(t, pair))); !slices.Equal(got, []string{"small.reactor.none.again", "small.reactor.tail.again"}) {
		t.Errorf("of a spec without controls: %v", got)
	}
}

func TestMistakesInControlsAreNamed(t *testing.T) {
	for _, c := range []struct{ was, is, want string }{
		{`"positive"`, `"posative"`, "posative"},
		{`planted = { rate = 50 }`, `planted = { rat = 50 }`, "rat"},
		{`planted = { rate = 50 }`, ``, "what is planted"},
		{`cell = { model = "reactor" }`, `cell = { model = "reactive" }`, "reactive"},
		{`threshold = 0.6`, ``, "threshold"},
		{`kind = "negative"`, "kind = \"negative\"\nrelation = \"<=\"", "negative"},
	} {
		text := fixture.SmallSpec + strings.Replace(smallControls, c.was, c.is, 1)
		spec, err := Parse("small.toml", text)
		if err == nil {
			_, err = NewPlan(configOf(spec))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "small.toml:") {
			t.Errorf("%s instead of %s: error %v", c.is, c.was, err)
		}
	}
}
