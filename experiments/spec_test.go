package experiments

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"c10klab/experiments/internal/fixture"
	"c10klab/results"
)

func TestSpecMistakesNameLineAndNearestName(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"unknown key", `title = "a small experiment"`, "titel = \"x\"", `small.toml:3: unknown key "titel" (did you mean title?)`},
		{"unknown table", "[quick]", "[qick]", `small.toml:12: unknown key "qick" (did you mean quick?)`},
		{"unknown key in a table", "repeats = 8", "repeat = 8", `small.toml:15: unknown key "full.repeat" (did you mean repeats?)`},
		{"unknown key in a prediction", "each = true", "eech = true", `small.toml:21: unknown key "predictions.eech" (did you mean each?)`},
		{"a key in another case", "threshold =", "Threshold =", `unknown key "predictions.Threshold" (did you mean threshold?)`},
		{"a field that a file has not", "seed = 7", "seed = 7\nfile = \"x\"", `small.toml:7: unknown key "file"`},
		{"a number for a table", "[fixed]\n", "fixed = 7\n[fixd]\n", "7 is no table"},
		{"a number for a variant", "each = true", "a = 7", "7 is no table"},
		{"syntax", "repeats = 2", "repeats = ", "small.toml:13:"},
		{"wrong type", "repeats = 2", `repeats = "two"`, "small.toml"},
		{"unknown claim", `claims = ["N15"]`, `claims = ["N99"]`, `small.toml:4: no claim is named "N99"`},
		{"unknown knob", "rate = 100", "rat = 100", `small.toml:8: no knob is named "rat" (did you mean rate?)`},
		{"bad value", "rate = 100", `rate = "fast"`, `small.toml:8: knob rate: "fast" is not a number`},
		{"unknown level", `"loop-per-thread"]`, `"loop-per-tread"]`, `small.toml:10: knob model: "loop-per-tread" is none of`},
		{"no level", `["none", "tail"]`, "[]", "small.toml:11: axis consumers has no level"},
		{"level twice", `["none", "tail"]`, `["none", "none"]`, "small.toml:11: axis consumers names level none twice"},
		{"fixed and axis", "rate = 100", `model = "reactor"`, "small.toml:8: knob model is both fixed and an axis"},
		{"bad variant value", `window = "15s"`, "window = 15", `small.toml:17: knob window: "15" is not a duration`},
		{"unknown metric", `"rate_held"`, `"ResponsTime/Produce p99"`, `nothing measured is named "ResponsTime" (did you mean ResponseTime?)`},
		{"unknown percentile", `"rate_held"`, `"ResponseTime/Produce p98"`, `"p98" is none of p50, p99, p999, max`},
		{"a maximum", `"rate_held"`, `"ResponseTime/Produce max"`, "small.toml:18: prediction 1: ResponseTime/Produce max: a maximum decides nothing, since one event makes it; predict the time above a bound, such as ResponseTime/Produce above 50ms"},
		{"no bound", `"rate_held"`, `"ResponseTime/Produce above often"`, `"often" is no positive duration`},
		{"unknown relation", `">="`, `"=>"`, `relation "=>" is none of`},
		{"two kinds of prediction", "each = true", "each = true\na = {model=\"reactor\"}\nb = {model=\"loop-per-thread\"}", "either variants a and b to compare, or each = true"},
		{"a claim of another", `claim = "N15"`, `claim = "N1"`, `claim "N1" is not among the experiment's claims`},
		{"a part one letter off", `part = "rate held"`, `part = "rate hold"`, `small.toml:18: prediction 1: claim N15 has no part "rate hold" (did you mean rate held?)`},
		{"a limit that cells differ in", `consumers = ["none", "tail"]`, `lateness-limit = ["1ms", "5ms"]`, "small.toml:11: all cells are judged by one lateness-limit: it goes into [fixed]"},
		{"a missing part", `part = "rate held"`, "", `small.toml:18: prediction 1: part is missing: claim N15 has the parts ["rate held" "thirty minutes with write-back"]`},
		{"unknown span", "seed = 7", "seed = 7\nevidence = [\"EndToEn\"]", `small.toml:7: no table or figure shows a span "EndToEn" (did you mean EndToEnd?)`},
		{"unknown need", "seed = 7", "seed = 7\nneeds = [\"two-cpu\"]", `small.toml:7: nothing known is called "two-cpu" (did you mean two-cpus?)`},
		{"missing repeats", "repeats = 2", "", "quick.repeats is missing"},
		{"no axis", "model = [\"reactor\", \"loop-per-thread\"]\nconsumers = [\"none\", \"tail\"]", "", "small.toml:9: axes is missing"},
		{"a claim one letter off", `claims = ["N15"]`, `claims = ["N155"]`, `no claim is named "N155" (did you mean N15?)`},
		{"fixed in a variant and axis", `window = "15s"`, `model = "reactor"`, "small.toml:17: knob model is both fixed and an axis"},
		{"equal variants", "each = true\nrelation = \">=\"\nthreshold = 0.95\noutcome = \"valid\"", "relation = \">=\"\nthreshold = 1\na = {model=\"reactor\"}\nb = {model=\"reactor\"}", "small.toml:18: prediction 1: variants a and b are the same"},
		{"a variant that no cell has", "each = true\nrelation = \">=\"\nthreshold = 0.95\noutcome = \"valid\"",
			"a = {model=\"reactor\"}\nb = {model=\"reactor-pool\"}\nrelation = \">=\"\nthreshold = 1", "small.toml:18: prediction 1: no cell has model=reactor-pool (did you mean reactor?)"},
		{"a prediction along no axis", "each = true\nrelation = \">=\"\nthreshold = 0.95\noutcome = \"valid\"",
			"along = \"modle\"\nrelation = \">=\"\nthreshold = 1", "the experiment has no axis modle (did you mean model?)"},
		{"a threshold that is none", "threshold = 0.95", "threshold = nan", "small.toml:18: prediction 1: threshold NaN is no number"},
		{"a knob of an unknown server", "rate = 100", "rate = 100\n\"folower:model\" = \"reactor\"\nservers = \"broker,follower\"", "knob folower:model: no server is named \"folower\" (did you mean follower?)"},
		{"an unknown knob of a server", "[quick]", "[[servers]]\nname = \"broker\"\n[[servers]]\nname = \"follower\"\nmodle = \"reactor\"\n[quick]", "no knob of a server is named \"modle\" (did you mean model?)"},
		{"the generator's knob for a server", "[quick]", "[[servers]]\nname = \"broker\"\nrate = 1\n[quick]", "no knob of a server is named \"rate\""},
		{"a server without a name", "[quick]", "[[servers]]\nmodel = \"reactor\"\n[quick]", "small.toml:12: server 1 has no name"},
		{"no broker", "rate = 100", "servers = \"follower-1,broker\"", "is not broker, which the generator loads"},
		{"every level of a number", `["none", "tail"]`, "[\"none\"]\nloops = \"*\"", "stands for all choices, and the knob has none"},
		{"a metric of an unknown server", `"rate_held"`, `"follower:server_cpu_us_per_request"`, `no server is named "follower"`},
		{"a client's metric of a server", `"rate_held"`, `"broker:rate_held"`, "rate_held is no server's own"},
		{"a server twice", "rate = 100", "servers = \"broker,broker\"", "is no list of different names"},
		{"an exclusion of nothing", "[quick]", "[[exclude]]\nconsumers = \"lagging\"\n[quick]", "small.toml:12: exclusion 1: no cell has consumers=lagging"},
	}
	for _, c := range cases {
		spec, err := Parse("small.toml", strings.Replace(fixture.SmallSpec, c.old, c.new, 1))
		if err == nil {
			_, err = NewPlan(configOf(spec))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v\nwant one that says %s", c.name, err, c.want)
		}
	}
}

func TestCellsAreTheProductWithoutExclusions(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Specs = []*Spec{parsed(t, fixture.SmallSpec+"[[exclude]]\nmodel = \"reactor\"\nconsumers = \"tail\"\n")}
	cases := []struct {
		name string
		set  map[string]string
		only []string
		want []string
	}{
		{"all", nil, nil, []string{"small.reactor.none", "small.loop-per-thread.none", "small.loop-per-thread.tail"}},
		{"only", nil, []string{"model=loop-per-thread", "consumers=tail", "consumers=none"}, []string{"small.loop-per-thread.none", "small.loop-per-thread.tail"}},
		{"an axis set to one level", map[string]string{"model": "reactor-pool"}, nil, []string{"small.reactor-pool.none", "small.reactor-pool.tail"}},
	}
	for _, c := range cases {
		cfg.Set, cfg.Only = c.set, c.only
		plan, err := NewPlan(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, cell := range plan.Experiments[0].Cells {
			ids = append(ids, cell.ID)
			for _, label := range labels {
				if cell.Knobs[label] == "" {
					t.Errorf("%s: cell %s does not tell its %s", c.name, cell.ID, label)
				}
			}
		}
		if !slices.Equal(ids, c.want) {
			t.Errorf("%s: cells %v, want %v", c.name, ids, c.want)
		}
	}
	for _, bad := range []PlanConfig{
		{Set: map[string]string{"modle": "reactor"}}, {Set: map[string]string{"rate": "x"}},
		{Only: []string{"model"}}, {Only: []string{"model=x"}}, {Only: []string{"consumers=lagging"}},
	} {
		cfg.Set, cfg.Only = bad.Set, bad.Only
		if _, err := NewPlan(cfg); err == nil {
			t.Errorf("set %v, only %v were accepted", bad.Set, bad.Only)
		}
	}
}

func TestEveryLevelIsAllChoicesThatAServerTakes(t *testing.T) {
	for levels, want := range map[string][]string{
		`"*"`:                            {"reactor.none", "reactor.tail", "thread-per-connection.none", "thread-per-connection.tail"},
		`["thread-per-connection", "*"]`: {"thread-per-connection.none", "thread-per-connection.tail", "reactor.none", "reactor.tail"},
	} {
		cfg := configOf(parsed(t, strings.Replace(fixture.SmallSpec, `["reactor", "loop-per-thread"]`, levels, 1)))
		cfg.Tables.Refuses = func(knobs map[string]string) error {
			if strings.HasPrefix(knobs["model"], "thread") || knobs["model"] == "reactor" {
				return nil
			}
			return errors.New("not here")
		}
		plan, err := NewPlan(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, c := range plan.Experiments[0].Cells {
			ids = append(ids, strings.TrimPrefix(c.ID, "small."))
		}
		if slices.Sort(ids); !slices.Equal(ids, slices.Sorted(slices.Values(want))) || "small."+want[0] != plan.Experiments[0].Cells[0].ID && levels != `"*"` {
			t.Errorf("%s: cells %v, want %v", levels, ids, want)
		}
		if left := plan.Experiments[0].LeftOut; len(left) != 8 || !strings.HasSuffix(left[0], ": not here") {
			t.Errorf("%s: left out %q", levels, left)
		}
	}
}

func TestASpecSaysWhatRefutesIt(t *testing.T) {
	spec := parsed(t, fixture.SmallSpec+"refuted-by = \"a model that falls behind\"\n")
	if got := spec.Predictions[0].Refutation(); got != "a model that falls behind" {
		t.Errorf("refuted by %q", got)
	}
}

func TestEachBlockRunsEveryCellOnceInItsOwnOrder(t *testing.T) {
	plan, err := NewPlan(smallConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	e := plan.Experiments[0]
	orders := map[string]bool{}
	for block := 1; block <= 8; block++ {
		order := e.Order(42, block)
		if !slices.Equal(order, e.Order(42, block)) {
			t.Errorf("block %d has another order the second time", block)
		}
		orders[fmt.Sprint(order)] = true
		slices.Sort(order)
		for i, cell := range order {
			if i != cell {
				t.Fatalf("block %d does not run every cell once: %v", block, order)
			}
		}
	}
	if len(orders) < 7 {
		t.Errorf("8 blocks have %d orders", len(orders))
	}
	if slices.Equal(e.Order(42, 1), e.Order(43, 1)) {
		t.Error("another seed gives the same order")
	}
}

func TestPlanPrintsCellsOrderAndMinutes(t *testing.T) {
	plan, err := NewPlan(smallConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := plan.Print(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "no verdict: it takes 8 blocks") {
		t.Errorf("two blocks resolve something:\n%s", out.String())
	}
	for _, part := range []string{"small.loop-per-thread.tail", "block 2:", "refuted by an interval over blocks that lies wholly below 0.95", "seed 7, 8 trials, about 1.5 minutes"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("plan lacks %q:\n%s", part, out.String())
		}
	}
}

func TestPlanTellsWhatItsBlocksResolve(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Repeats = 8
	plan, err := NewPlan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    *Resolution
		want string
	}{
		{nil, "1. >= 0.95 – – – no stored scatter"},
		{&Resolution{SD: 0.2, Half: 1.3187, Ninety: 1.56, Scatter: "same metric, 16 blocks of 2026-11-24"}, "1. >= 0.95 0.200 × 1.32 × 1.56 same metric, 16 blocks of 2026-11-24"},
		{&Resolution{SD: 0.2, Plain: true, Half: 0.27, Ninety: 0.4, Scatter: "8 blocks of 2026-11-24"}, "1. >= 0.95 0.200 ± 0.270 ± 0.400 8 blocks of 2026-11-24"},
	} {
		plan.Experiments[0].Resolutions = []*Resolution{c.r}
		table := plan.Experiments[0].power()
		if !strings.Contains(strings.Join(strings.Fields(table), " "), c.want) {
			t.Errorf("%q is not in\n%s", c.want, table)
		}
		for line := range strings.Lines(table) {
			if n := utf8.RuneCountInString(line); n > 101 {
				t.Errorf("a line of %d columns: %s", n, line)
			}
		}
		if got := plan.Document().Experiments[0].Predictions[0].Resolution; got != c.r {
			t.Errorf("the document says %+v", got)
		}
	}
}

func TestRegisterHoldsEveryClaimOnce(t *testing.T) {
	claims, err := Claims()
	if err != nil {
		t.Fatal(err)
	}
	count := map[byte]int{}
	seen := map[string]bool{}
	for _, c := range claims {
		count[c.ID[0]]++
		if seen[c.ID] || c.Question == "" {
			t.Errorf("claim %q is there twice or asks nothing", c.ID)
		}
		seen[c.ID] = true
	}
	for letter, want := range map[byte]int{'N': 24, 'K': 8, 'X': 7, 'F': 4, 'M': 10} {
		if count[letter] != want {
			t.Errorf("%d claims under %c, want %d", count[letter], letter, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	specs, err := Specs()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(fixture.SmallSpec)
	cfg := configOf()
	for _, s := range specs {
		f.Add(s.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := Parse("fuzz.toml", text)
		if err != nil {
			return
		}
		if _, err := expand(spec, cfg, nil); err == nil && len(spec.Axes) == 0 {
			t.Error("a spec without axes was expanded")
		}
	})
}

func TestAPlanOfDaysAsksForConfirmation(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Repeats = 20_000
	if _, err := NewPlan(cfg); !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "80000 trials would take about 256 hours") {
		t.Errorf("error %v", err)
	}
	cfg.Yes = true
	if plan, err := NewPlan(cfg); err != nil || plan.Trials() != 80_000 {
		t.Errorf("confirmed: %v", err)
	}
	// A million cells are refused before they are made.
	text := fixture.SmallSpec
	var levels []string
	for i := range 500 {
		levels = append(levels, fmt.Sprint(i+1))
	}
	axis := "[" + strings.Join(levels, ",") + "]"
	text = strings.Replace(text, "[quick]", "loops = "+axis+"\nhandlers = "+axis+"\n[quick]", 1)
	if _, err := NewPlan(configOf(parsed(t, text))); !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "2000000 trials") {
		t.Errorf("error %v", err)
	}
}

func TestLayoutMistakesNameTheKnob(t *testing.T) {
	cfg := smallConfig(t)
	for name, value := range map[string]string{DisksKnob: "hdd,flopy", BacklogDisksKnob: "1"} {
		cfg.Set = map[string]string{name: value}
		if _, err := NewPlan(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: error %v does not name the knob", name, value, err)
		}
	}
}

func TestSelectSaysWhatDecidesAClaimWithoutAnExperiment(t *testing.T) {
	for claim, want := range map[string]string{"K1": "TestCensusMatchesTheDocumentsTable", "K3": "BenchmarkAppend"} {
		if _, err := Select(nil, []string{claim}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that names %s", claim, err, want)
		}
	}
}

func parsed(t *testing.T, text string) *Spec {
	t.Helper()
	spec, err := Parse("small.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func smallConfig(t *testing.T) PlanConfig {
	t.Helper()
	return configOf(parsed(t, fixture.SmallSpec))
}

func configOf(specs ...*Spec) PlanConfig {
	return PlanConfig{Specs: specs, Tables: KnobTables{Server: fixture.ServerKnobs(), Load: fixture.LoadKnobs(), Disk: fixture.DiskKnobs()}}
}

// Stored runs are older than parts: what they predicted is of the part that the same
// prediction has now, and of none if nobody predicts it any more.
func TestPredictionsOfStoredRunsFindTheirParts(t *testing.T) {
	specs, err := Specs()
	if err != nil {
		t.Fatal(err)
	}
	selected, err := Select(specs, []string{"full-queue"})
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile("(?m)^part = .*\n").ReplaceAllString(selected[0].Text, "")
	text = strings.Replace(text, "threshold = 5", "threshold = 7", 1)
	if _, err := Parse("full-queue.toml", text); err == nil {
		t.Error("a spec without parts is taken")
	}
	stored, err := ParseStored(results.NewSpec("full-queue", text, 8))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, p := range stored.Predictions {
		parts = append(parts, p.Part)
	}
	if want := []string{"", "block harms responses that are complete", "pause cures", "split cures"}; !slices.Equal(parts, want) {
		t.Errorf("parts %q, want %q", parts, want)
	}
}
