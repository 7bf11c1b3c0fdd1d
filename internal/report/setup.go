package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"c10klab/internal/record"
	"c10klab/results"
)

// fact is a line of the setup.
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
		facts = append(facts, fact{"knobs of " + spec.ID, sharedKnobs(cellKnobs(run, spec.ID))})
	}
	return facts
}

func cellKnobs(run *results.Run, experiment string) []map[string]string {
	var all []map[string]string
	for _, c := range run.Info.Cells {
		if c.Experiment == experiment {
			all = append(all, c.Knobs)
		}
	}
	return all
}

// sharedKnobs lists the knobs that all cells have in common.
func sharedKnobs(cells []map[string]string) string {
	if len(cells) == 0 {
		return ""
	}
	var shared []string
	for _, name := range slices.Sorted(maps.Keys(cells[0])) {
		if !slices.ContainsFunc(cells, func(knobs map[string]string) bool { return knobs[name] != cells[0][name] }) {
			shared = append(shared, name+"="+cells[0][name])
		}
	}
	return strings.Join(shared, " ")
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
	v := validity{
		Checks: results.Table{Title: "Rules of self-judgement that failed", Columns: []results.Column{{Name: "cell"}, {Name: "block", Number: true}, {Name: "rule"},
			{Name: "found", Number: true}, {Name: "limit", Number: true}, {Name: "leads to"}}},
		Trials: results.Table{Title: "Trials in the order they ran", Columns: []results.Column{{Name: "started"}, {Name: "block", Number: true}, {Name: "cell"}, {Name: "outcome"},
			{Name: "MB/s", Number: true}, {Name: "stolen CPU", Number: true, Meaning: "time that a hypervisor gave to other machines"}, {Name: "problems"}}},
	}
	counts := map[record.Outcome]int{}
	for _, t := range run.Trials {
		counts[t.Outcome]++
		v.addTrial(t)
	}
	var parts []string
	for _, outcome := range []record.Outcome{record.Valid, record.Saturated, record.EnvironmentLimited, record.GeneratorLimited, record.Failed} {
		if counts[outcome] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[outcome], outcome))
		}
	}
	v.Counts = fmt.Sprintf("%s: %s.", results.Plural(len(run.Trials), "trial"), strings.Join(parts, ", "))
	return v
}

func (v *validity) addTrial(t record.Trial) {
	block := results.NumberValue(fmt.Sprint(t.Block), float64(t.Block))
	rate, stolen, problems := results.TextValue("–"), results.TextValue("–"), t.Error
	if m := t.Measurement; m != nil {
		rate = results.NumberValue(results.Significant(m.AckedMBps), m.AckedMBps)
		if whole := float64(m.WindowNs) * float64(m.Host.CPUs); whole > 0 {
			share := float64(m.Host.StealNs) / whole
			stolen = results.NumberValue(results.Significant(100*share)+" %", share)
		}
		problems = strings.Join(m.Problems, "; ")
		for _, c := range m.Checks {
			if !c.OK {
				v.Checks.Rows = append(v.Checks.Rows, results.Row{Class: string(c.Else), Values: []results.Value{results.TextValue(t.Cell), block, results.TextValue(c.Name),
					results.NumberValue(results.Significant(c.Value)+" "+c.Unit, c.Value), results.NumberValue(results.Significant(c.Limit)+" "+c.Unit, c.Limit), results.TextValue(string(c.Else))}})
			}
		}
	}
	class := string(t.Outcome)
	if t.Outcome == record.Valid {
		class = ""
	}
	v.Trials.Rows = append(v.Trials.Rows, results.Row{Class: class, Values: []results.Value{
		results.NumberValue(t.Started.UTC().Format("01-02 15:04:05"), float64(t.Started.UnixMilli())), block, results.TextValue(t.Cell), results.TextValue(string(t.Outcome)), rate, stolen, results.TextValue(problems),
	}})
}

// step is a command with what it does.
type step struct{ Command, Does string }

// reproduce lists the commands that make such a run and its page again.
func reproduce(run *results.Run) []step {
	var steps []step
	if revision := run.Info.Source.Revision; revision != results.UnknownRevision && revision != "" {
		steps = append(steps, step{"git checkout " + revision, "the source of the run"})
	}
	return append(steps,
		step{"go run ./cmd/c10klab doctor", "says what a machine lacks for it"},
		step{"go run ./cmd/" + results.CommandLine(run.Info), "the run"},
		step{"go run ./cmd/c10klab report " + results.ShellQuote(run.Dir) + " -o report.html", "this page"})
}
