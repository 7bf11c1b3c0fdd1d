package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"c10klab/internal/record"
	"c10klab/results"
)

// trouble is one kind of problem with the cells that have it.
type trouble struct {
	kind  string // tells it from others
	name  string // of the rule that failed; else the problem with its numbers as they were found first
	leads record.Outcome
	// worst is what was found furthest beyond the rule's limit; empty: it is no rule.
	worst string
	ratio float64
	cells []string
}

// mostProblemRunes is how much of a problem's text is shown: errors hold what processes
// wrote last.
const mostProblemRunes = 300

// gravest are the outcomes from the worst to the best.
var gravest = []struct {
	outcome record.Outcome
	head    string // introduces the problems that lead to it
	meaning string // of cells
	remedy  string // what to do about it; empty: nothing
}{
	{record.Failed, "failed: no measurement came of these trials", "No measurement came of these.",
		"the trial's log lies beside its record in DIR/trials; run again into another directory"},
	{record.GeneratorLimited, "generator-limited: the load generator was late, such trials count for nothing",
		"The load generator was late there; no number of these counts.",
		"more CPUs for the generator, root for its priority, or a lower rate; c10klab doctor says what lacks"},
	{record.EnvironmentLimited, "environment-limited: the machine interfered, such trials count for nothing",
		"The machine interfered there; no number of these counts.", "an idle machine, and run again into another directory"},
	{record.Saturated, "saturated: the server could not keep up, percentiles are lower bounds",
		"The server could not keep up there; percentiles are lower bounds.",
		"this is a result; a lower rate shows latencies that are no lower bounds"},
	{outcome: record.Valid, head: "also seen, which changes no outcome"},
}

func gravity(outcome record.Outcome) int {
	for i, g := range gravest {
		if g.outcome == outcome {
			return i
		}
	}
	return len(gravest) - 1
}

// troublesOf groups the problems of trials by kind, the gravest first, then those of the
// most cells. Cells add what is known of all their trials together.
func troublesOf(trials []record.Trial, cells []results.Cell) []trouble {
	var all []trouble
	note := func(kind string, t trouble, cell string) *trouble {
		i := slices.IndexFunc(all, func(known trouble) bool { return known.kind == kind })
		if i < 0 {
			t.kind = kind
			i, all = len(all), append(all, t)
		}
		if !slices.Contains(all[i].cells, cell) {
			all[i].cells = append(all[i].cells, cell)
		}
		return &all[i]
	}
	said := map[string]bool{}
	for _, t := range trials {
		if t.Error != "" {
			said[t.Error] = true
			note("failed "+numberless(t.Error), trouble{name: t.Error, leads: record.Failed}, t.Cell)
		}
		if t.Measurement == nil {
			continue
		}
		for _, problem := range t.Measurement.Problems {
			said[problem] = true
			note(numberless(problem), trouble{name: problem, leads: record.Valid}, t.Cell)
		}
		for _, c := range t.Measurement.Checks {
			if moot := c.Else == record.Saturated && t.Outcome.Limited(); !c.OK && !moot {
				note("rule "+c.Name, trouble{name: c.Name, leads: c.Else}, t.Cell).found(c)
			}
		}
	}
	for _, c := range cells {
		for _, problem := range c.Problems {
			rule := slices.ContainsFunc(all, func(t trouble) bool { return t.worst != "" && strings.HasPrefix(problem, t.name+": ") })
			if !said[problem] && !rule {
				note(numberless(problem), trouble{name: problem, leads: record.Valid}, c.ID)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b trouble) int {
		return cmp.Or(gravity(a.leads)-gravity(b.leads), len(b.cells)-len(a.cells))
	})
	return all
}

var numbers = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// numberless is a problem without its numbers, by which others of its kind are known.
func numberless(problem string) string { return numbers.ReplaceAllString(problem, "#") }

// found keeps a failed check if it is the worst so far.
func (t *trouble) found(c record.Check) {
	ratio := c.Value
	if c.Limit > 0 {
		ratio = c.Value / c.Limit
	}
	if t.worst == "" || ratio > t.ratio {
		t.ratio, t.worst = ratio, fmt.Sprintf("%s %s, limit %s", results.Significant(c.Value), c.Unit, results.Significant(c.Limit))
	}
}

// String names the kind, the worst value and the cells.
func (t trouble) String() string {
	text := shortened(t.name, mostProblemRunes)
	if t.worst != "" {
		text += ": at worst " + t.worst
	}
	return text + "; " + someOf(t.cells)
}

// remedies say what to do about some rules in particular, whose names begin so.
var remedies = []struct{ rule, text string }{
	{"CPU time of foreign processes", "stop what else runs on this machine and run again"},
	{"CPU time stolen", "the host gave CPU time to other virtual machines: run again at another time or place"},
	{"garbage collections", "more memory leaves the collector idle: raise GOMEMLIMIT, or take smaller batches or fewer connections"},
	{"wall clock steps", "keep the time service from stepping the clock while a run goes on"},
	{"lagging consumers caught up", "a longer backlog: larger backlog-bytes, or a shorter window"},
	{"late requests of emulated disk", "the disk beneath is slower than the emulated one: a run with --data on a faster disk"},
	{"backlog in, or missing in", "the page cache did not hold what it should: more free memory, or smaller backlog-bytes"},
	{"steady state", "a longer warm-up or window, if the change is not what the experiment is about"},
	{"server's window", "the server was asked late: an idle machine, or a longer window"},
	{"starvation", "some connections were served far less than others: c10klab show DIR --tables client"},
}

// remedy is what to do about a problem of a run in a directory, empty where nothing needs to be done.
func (t trouble) remedy(dir string) string {
	text := gravest[gravity(t.leads)].remedy
	for _, r := range remedies {
		if strings.HasPrefix(t.name, r.rule) {
			text = r.text
		}
	}
	return strings.ReplaceAll(text, "DIR", results.ShellQuote(dir))
}

// briefProblems writes the kinds of problems by what they lead to, with what to do.
func (r *Run) briefProblems(b *strings.Builder) {
	troubles := troublesOf(r.Trials, r.cells)
	if len(troubles) == 0 {
		return
	}
	b.WriteString("\nProblems\n")
	if len(r.judged) == 1 {
		for _, t := range troubles {
			for i, name := range t.cells {
				t.cells[i] = strings.TrimPrefix(name, r.judged[0].Spec.ID+".")
			}
		}
	}
	for i, t := range troubles {
		if i == 0 || t.leads != troubles[i-1].leads {
			b.WriteString("\n" + wrapped(gravest[gravity(t.leads)].head, rowIndent, Width))
		}
		b.WriteString(wrapped(t.String(), "  - ", Width))
		if do := t.remedy(r.Dir); do != "" && (i == len(troubles)-1 || troubles[i+1].leads != t.leads || troubles[i+1].remedy(r.Dir) != do) {
			b.WriteString(wrapped(do, "    → ", Width))
		}
	}
}

// Shortfall says why a run's cells, its twins among them, give an exit status other than
// 0: which, why, and what to do; empty for status 0.
func Shortfall(run *results.Run) string {
	cells := append(run.CellOutcomes(), run.Twins()...)
	status := results.ExitCode(cells)
	if status == 0 {
		return ""
	}
	var names []string
	var leads []record.Outcome
	for _, c := range cells {
		failed := c.Trials[record.Failed] > 0
		if failed != (status == 1) || !failed && !c.Outcome.Limited() {
			continue
		}
		names = append(names, c.ID)
		for outcome := range c.Trials {
			if outcome.Limited() || outcome == record.Failed {
				leads = append(leads, outcome)
			}
		}
	}
	what := "limited by generator or environment and count for nothing"
	if status == 1 {
		what, leads = "failed in a trial", []record.Outcome{record.Failed}
	}
	text := fmt.Sprintf("%d of %s %s (%s)", len(names), results.Plural(len(cells), "cell"), what, someOf(names))
	for _, t := range troublesOf(run.Trials, nil) {
		if slices.Contains(leads, t.leads) {
			return text + ": " + t.cause() + "; " + t.remedy(run.Dir)
		}
	}
	return text
}

// cause names the problem without its cells.
func (t trouble) cause() string {
	if t.worst == "" {
		return shortened(strings.Join(strings.Fields(t.name), " "), mostProblemRunes)
	}
	return t.name + " " + t.worst
}

// LoadShortfall says the same of one measurement; empty for status 0.
func LoadShortfall(m *record.Measurement) string {
	if m.Outcome == record.Valid || m.Outcome == record.Saturated {
		return ""
	}
	for _, t := range troublesOf([]record.Trial{{Measurement: m}}, nil) {
		if t.leads == m.Outcome {
			return fmt.Sprintf("the measurement is %s and counts for nothing: %s; %s", m.Outcome, t.cause(), t.remedy("DIR"))
		}
	}
	return fmt.Sprintf("the measurement is %s and counts for nothing", m.Outcome)
}
