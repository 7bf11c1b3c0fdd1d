package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/internal/record"
	"c10klab/results"
)

// fact is a line of the setup, or a command with what it does.
type fact struct{ Name, Value string }

func setup(run *results.Run) []fact {
	info, host := run.Info, run.Info.Host
	facts := []fact{
		{"source", fmt.Sprintf("revision %s, tree %s", info.Source.Revision, info.Source.Tree())},
		{"machine", host.Hardware()},
		{"system", host.System()},
		{"load average before", host.LoadBefore},
		{"seed", fmt.Sprint(info.Seed)},
	}
	if host.Governor != "" {
		facts = append(facts, fact{"CPU governor", host.Governor})
	}
	for _, name := range slices.Sorted(maps.Keys(host.Limits)) {
		facts = append(facts, fact{"limit " + name, host.Limits[name]})
	}
	for _, spec := range info.Specs {
		facts = append(facts, fact{"spec " + spec.ID, fmt.Sprintf("SHA-256 %s, %s", spec.SHA256, results.Plural(spec.Repeats, "block"))})
		facts = append(facts, fact{"knobs of " + spec.ID, sharedKnobs(run, spec.ID)})
	}
	return facts
}

// sharedKnobs lists the knobs that all cells of an experiment have in common.
func sharedKnobs(run *results.Run, experiment string) string {
	var all [][]string
	for _, c := range run.Info.Cells {
		if c.Experiment == experiment {
			all = append(all, strings.Fields(experiments.Settings(c.Knobs)))
		}
	}
	return strings.Join(inCommon(all), " ")
}

// inCommon are the settings that are in all lists.
func inCommon(lists [][]string) []string {
	if len(lists) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(lists[0]), func(setting string) bool {
		return slices.ContainsFunc(lists, func(list []string) bool { return !slices.Contains(list, setting) })
	})
}

// validity is how far the trials can be believed.
type validity struct {
	Counts string
	// Instrumentation is what measuring costs a server; empty: no record tells.
	Instrumentation string
	Checks          results.Table
	Trials          results.Table
}

func newValidity(run *results.Run) validity {
	number := func(name string) results.Column { return results.Column{Name: name, Number: true} }
	v := validity{
		Checks: results.Table{Title: "Rules of self-judgement that failed", Columns: []results.Column{{Name: "cell"}, number("block"), {Name: "rule"},
			number("found"), number("limit"), {Name: "leads to"}}},
		Trials: results.Table{Title: "Trials in the order they ran", Columns: []results.Column{{Name: "started"}, number("block"), {Name: "cell"}, {Name: "outcome"},
			number("MB/s"), {Name: "stolen CPU", Number: true, Meaning: "time that a hypervisor gave to other machines"}, {Name: "problems"}}},
	}
	counts := map[record.Outcome]int{}
	for _, t := range run.Trials {
		counts[t.Outcome]++
		v.addTrial(t)
	}
	var parts []string
	for _, g := range slices.Backward(gravest) {
		if n := counts[g.outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, g.outcome))
		}
	}
	v.Counts = fmt.Sprintf("%s: %s.", results.Plural(len(run.Trials), "trial"), strings.Join(parts, ", "))
	return v
}

func (v *validity) addTrial(t record.Trial) {
	number := func(value float64, unit string) results.Value {
		return results.NumberValue(results.Significant(value)+unit, value)
	}
	rate, stolen, problems := results.TextValue(results.NotMeasured), results.TextValue(results.NotMeasured), t.Error
	if m := t.Measurement; m != nil {
		rate = number(m.AckedMBps, "")
		if whole := float64(m.WindowNs) * float64(m.Host.CPUs); whole > 0 {
			stolen = number(100*float64(m.Host.StealNs)/whole, " %")
		}
		problems = strings.Join(m.Problems, "; ")
		for _, c := range m.Checks {
			if !c.OK {
				v.Checks.Add(string(c.Else), t.Cell, t.Block, c.Name, number(c.Value, " "+c.Unit), number(c.Limit, " "+c.Unit), c.Else)
			}
		}
	}
	class := string(t.Outcome)
	if t.Outcome == record.Valid {
		class = ""
	}
	started := results.NumberValue(t.Started.UTC().Format("01-02 15:04:05"), float64(t.Started.UnixMilli()))
	v.Trials.Add(class, started, t.Block, t.Cell, t.Outcome, rate, stolen, problems)
}

// reproduce lists the commands that make such a run and its page again, with what they do.
func reproduce(run *results.Run) []fact {
	var steps []fact
	if revision := run.Info.Source.Revision; revision != results.UnknownRevision && revision != "" {
		steps = append(steps, fact{"git checkout " + revision, "the source of the run"})
	}
	return append(steps,
		fact{"go run ./cmd/c10klab doctor", "says what a machine lacks for it"},
		fact{"go run ./cmd/" + results.CommandLine(run.Info), "the run"},
		fact{"go run ./cmd/c10klab report " + results.ShellQuote(run.Dir) + " -o report.html", "this page"})
}
