package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"c10klab/internal/knob"
)

// Key is a key that a spec may have, and what it says.
type Key struct{ Name, Meaning string }

var (
	topKeys = []Key{
		{"id", "names the experiment, its cells and files: letters, digits, - and _"},
		{"title", "heads its tables and figures"},
		{"question", "what it asks, in a sentence"},
		{"claims", "claims of the register that it decides (c10klab list claims); left out, it decides what its predictions say"},
		{"method", "how it asks, for its readers"},
		{"seed", "of the order of trials and of arrivals"},
		{"needs", "what a machine must have: two-cpus"},
		{"evidence", "spans that stored evidence keeps beside those of predictions; left out: all that tables show"},
		{"fixed", "a table of knobs with one value in all cells (c10klab list knobs)"},
		{"axes", "a table of knobs with a list of levels each; a cell is one combination of levels"},
		{"servers", "a list of tables: the name of a further server, and knobs of its own"},
		{"exclude", "a list of tables of knobs: cells that match one are left out"},
		{"quick", "a table: the run without --full"},
		{"full", "a table: the run with --full; left out, it is the quick one with 8 blocks"},
		{"predictions", "a list of tables: what must hold"},
		{"controls", "a list of tables: effects that are planted, or cells that are measured twice, so that comparisons can be believed"},
		{"no-control", "why there is no positive control"},
	}
	variantKeys = []Key{
		{"repeats", "blocks, each of which measures every cell once; a verdict takes 6"},
		{"fixed", "knobs that replace those of fixed"},
		{"axes", "levels that replace those of an axis"},
	}
	predictionKeys = []Key{
		{"claim", "which of the experiment's claims it decides; left out, the only one"},
		{"part", "which part of the claim"},
		{"metric", "a number, or a span with its API and p50, p99, p999 or above DURATION (c10klab list metrics)"},
		{"a", "knobs of the cells that are compared with b's, pair by pair within blocks: a ÷ b"},
		{"b", "the same knobs with other values"},
		{"difference", "true: a − b instead of a ÷ b; the threshold is in the metric's unit, of times in ns"},
		{"each", "true, in the place of a and b: the metric itself, in every cell"},
		{"along", "in the place of a and b, an axis: the rank correlation of the metric with its levels"},
		{"where", "with each or along, knobs of the cells that count"},
		{"relation", "one of >=, <= and ="},
		{"threshold", "the number that it is held against"},
		{"outcome", "with each, what each cell's outcome must be too: valid or saturated"},
		{"refuted-by", "what would refute it, in words"},
	}
	controlKeys = []Key{
		{"kind", "positive: a planted effect must be found; negative: equal cells must not differ"},
		{"cell", "knobs of the cells that are measured again; of a negative control none: all that predictions read"},
		{"planted", "of a positive control: the knobs in which the second measurement differs, such as plant"},
		{"metric", "of a positive control, as of predictions"},
		{"difference", "of a positive control, as of predictions"},
		{"relation", "of a positive control, as of predictions: planted ÷ as it is"},
		{"threshold", "of a positive control, as of predictions"},
		{"margin", "of a negative control: by how much, as a share, equal cells may differ; 0.05 if left out"},
	}
)

// specTables are those with keys of a fixed set, in the order in which a spec has them.
var specTables = []struct {
	name, header string
	keys         []Key
}{
	{"", "", topKeys}, {"quick", "[quick], [full]", variantKeys}, {"full", "", variantKeys},
	{"predictions", "[[predictions]]", predictionKeys}, {"controls", "[[controls]]", controlKeys},
}

// checkKey refuses a key that no spec has, as it is written (the library minds neither case nor
// fields that a spec has for itself), and names those that there are.
func checkKey(key toml.Key) error {
	table, name := strings.Join(key[:len(key)-1], "."), key[len(key)-1]
	for _, t := range specTables {
		if t.name != table {
			continue
		}
		var names []string
		for _, k := range t.keys {
			names = append(names, k.Name)
		}
		if slices.Contains(names, name) {
			return nil
		}
		return fmt.Errorf("unknown key %q%s; there are %s", key, knob.DidYouMean(name, names), strings.Join(names, ", "))
	}
	return nil // a knob
}

// DescribeKeys explains every key of a spec, as comments of a TOML file.
func DescribeKeys() string {
	var text strings.Builder
	for _, t := range specTables {
		if t.name != "" && t.header == "" {
			continue // told with the one before
		}
		if t.header != "" {
			fmt.Fprintf(&text, "#\n# %s\n", t.header)
		}
		for _, k := range t.keys {
			fmt.Fprintf(&text, "# %-12s %s\n", k.Name, k.Meaning)
		}
	}
	return text.String()
}

// NewSpecText writes a spec that compares levels, of its own claim; explained, with a prediction to
// be made and what every key says, in comments.
func NewSpecText(id string, axes []Axis, fixed map[string]string, explained bool) string {
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	var asked []string
	for _, a := range axes {
		asked = append(asked, a.Knob)
	}
	if explained {
		line("# An experiment: c10klab run --file THIS-FILE [--full]; --dry-run tells cells and minutes.")
	}
	line("id = %q", id)
	line("title = %q", strings.Join(asked, ", "))
	line("question = %q", "What does "+strings.Join(asked, ", and what does ")+" change?")
	line("seed = 1")
	if len(fixed) > 0 {
		line("\n[fixed]")
	}
	for _, name := range slices.Sorted(maps.Keys(fixed)) {
		line("%s = %q", toml.Key{name}, fixed[name])
	}
	line("\n[axes]")
	for _, a := range axes {
		line("%s = [%s]", toml.Key{a.Knob}, quoted(a.Levels))
	}
	line("\n[quick]\nrepeats = 3\n\n[full]\nrepeats = 8")
	if !explained {
		return text.String()
	}
	first := axes[0]
	line("\n# What must hold, which takes 6 blocks to decide; say it before the first run.")
	line("# [[predictions]]\n# metric = \"ResponseTime/Produce p99\"")
	line("# a = { %s = %q }\n# b = { %s = %q }", toml.Key{first.Knob}, first.Levels[0], toml.Key{first.Knob}, first.Levels[len(first.Levels)-1])
	line("# relation = \">=\"\n# threshold = 1.5")
	line("\n# Every key:\n#\n%s", strings.TrimSuffix(DescribeKeys(), "\n"))
	return text.String()
}

func quoted(texts []string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = fmt.Sprintf("%q", text)
	}
	return strings.Join(all, ", ")
}
