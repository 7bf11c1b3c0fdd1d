package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/internal/admin"
	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/internal/report"
	"c10klab/models"
	"c10klab/results"

	"github.com/spf13/cobra"
)

// listings are what `list` shows, the first column a name.
var listings = map[string]func() (results.Table, error){
	"models":      listModels,
	"sends":       listSends,
	"experiments": listExperiments,
	"claims":      listClaims,
	"knobs":       listKnobs,
	"metrics":     listMetrics,
}

func newListCommand() *cobra.Command {
	var asJSON, all bool
	names := slices.Sorted(maps.Keys(listings))
	cmd := &cobra.Command{
		Use:   "list " + strings.Join(names, "|") + " [GROUP]",
		Short: "List models, send strategies, experiments, claims, knobs or metrics",
		Long: `List what names there are: threading models, send strategies (how file data is sent), experiments with the parts of
claims that they decide, cells and minutes, claims with their parts, knobs with their defaults, and metrics. A knob is a
flag of the command that it belongs to, and a key in experiments and in --set. Knobs come in groups: "list knobs send"
shows one, "list knobs" all but the instruments, which change what is measured and not what is done.`,
		Example: `  c10klab list models
  c10klab list experiments
  c10klab list knobs model
  c10klab list knobs --json`,
		ValidArgs: names,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 && args[0] == "knobs" {
				return nil
			}
			return oneArgument("one of "+strings.Join(names, ", "))(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			list, known := listings[args[0]]
			if !known {
				return usageError(fmt.Errorf("there is no list of %q%s; there are %s", args[0],
					knob.DidYouMean(args[0], names), strings.Join(names, ", ")))
			}
			if args[0] == "knobs" && !asJSON {
				return printKnobs(os.Stdout, args[1:], all)
			}
			t, err := list()
			switch {
			case err != nil:
				return err
			case asJSON:
				return json.NewEncoder(os.Stdout).Encode(objects(t))
			case args[0] == "metrics":
				return printMetrics(os.Stdout, t)
			}
			for i, c := range t.Columns {
				t.Columns[i].Name = strings.ToUpper(c.Name)
			}
			_, err = io.WriteString(os.Stdout, t.Text("", tableWidth()))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, of all knobs")
	cmd.Flags().BoolVar(&all, "all", false, "of knobs, the instruments too")
	return cmd
}

func objects(t results.Table) []map[string]string {
	objects := make([]map[string]string, len(t.Rows))
	for i, row := range t.Rows {
		objects[i] = map[string]string{}
		for j, c := range t.Columns {
			objects[i][c.Name] = row.Values[j].Text
		}
	}
	return objects
}

func listModels() (results.Table, error) {
	known := models.ModelTable()
	t := results.Table{Columns: results.TextColumns(known.Head...)}
	for _, row := range known.Rows {
		var texts []any
		for _, text := range row {
			texts = append(texts, text)
		}
		t.Add("", texts...)
	}
	return t, nil
}

func listSends() (results.Table, error) {
	t := results.Table{Columns: results.TextColumns("name", "meaning")}
	for _, s := range models.Sends() {
		t.Add("", s.Name, s.Meaning)
	}
	return t, nil
}

func listExperiments() (results.Table, error) {
	t := results.Table{Columns: results.TextColumns("name", "cells", "quick", "full", "controls", "question", "decides")}
	specs, err := experiments.Specs()
	if err != nil {
		return t, err
	}
	for _, s := range specs {
		cells, quick, err := cost(s, false)
		if err != nil {
			return t, err
		}
		_, full, err := cost(s, true)
		if err != nil {
			return t, err
		}
		t.Add("", s.ID, cells, quick, full, controlsOf(s), s.Question, partsOf(s))
	}
	return t, nil
}

// controlsOf tells what a spec plants, and which cells it measures twice.
func controlsOf(s *experiments.Spec) string {
	var all []string
	for _, c := range s.Controls {
		if c.Kind == experiments.Positive {
			all = append(all, "planted "+experiments.Settings(c.Planted))
		} else {
			all = append(all, "A/A of "+cmp.Or(experiments.Settings(c.Cell), "all cells that predictions read"))
		}
	}
	return cmp.Or(strings.Join(all, "; "), "none")
}

// partsOf names the parts of claims that a spec predicts something of.
func partsOf(s *experiments.Spec) string {
	var claims []string
	for _, id := range s.Claims {
		var parts []string
		for _, p := range s.Predictions {
			if p.Claim == id && !slices.Contains(parts, p.Part) {
				parts = append(parts, p.Part)
			}
		}
		claims = append(claims, id+": "+strings.Join(parts, ", "))
	}
	return strings.Join(claims, "; ")
}

func listClaims() (results.Table, error) {
	t := results.Table{Columns: results.TextColumns("name", "kind", "experiments")}
	claims, err := experiments.Claims()
	if err != nil {
		return t, err
	}
	specs, err := experiments.Specs()
	if err != nil {
		return t, err
	}
	for _, c := range claims {
		for _, part := range c.Parts {
			var deciding []string
			for _, s := range specs {
				if slices.ContainsFunc(s.Predictions, func(p experiments.Prediction) bool { return p.Claim == c.ID && p.Part == part.Name }) {
					deciding = append(deciding, s.ID)
				}
			}
			t.Add("", c.ID+": "+part.Name, string(part.Kind), cmp.Or(strings.Join(deciding, " "), "–"))
		}
	}
	return t, nil
}

// cost expands one variant of a spec.
func cost(s *experiments.Spec, full bool) (cells int, minutes string, err error) {
	plan, err := experiments.NewPlan(experiments.PlanConfig{
		Specs: []*experiments.Spec{s}, Full: full, Tables: knobTables,
	})
	if err != nil {
		return 0, "", err
	}
	return len(plan.Experiments[0].Cells), fmt.Sprintf("%.0f min", plan.Estimate().Minutes()), nil
}

func listKnobs() (results.Table, error) {
	t := results.Table{Columns: results.TextColumns("name", "group", "of", "kind", "default", "unit", "meaning")}
	for _, k := range allKnobs.Knobs() {
		kind := k.Kind.String()
		if k.Kind == knob.Choice {
			kind = strings.Join(k.Choices, "|")
		}
		t.Add("", k.Name, k.Group, owner(k.Name), kind, k.Default, k.Unit, k.Meaning)
	}
	return t, nil
}

// printKnobs prints knobs by group: those of one group, or all but the instruments unless
// those are asked for too.
func printKnobs(w io.Writer, group []string, all bool) error {
	var names []string
	for _, g := range knob.Groups {
		names = append(names, g.Name)
	}
	if len(group) == 1 && !slices.Contains(names, group[0]) {
		return usageError(fmt.Errorf("there is no group %q of knobs%s; there are %s", group[0],
			knob.DidYouMean(group[0], names), strings.Join(names, ", ")))
	}
	var text strings.Builder
	for _, g := range knob.Groups {
		if len(group) == 1 && g.Name != group[0] || len(group) == 0 && !all && g.Name == knob.Instrument {
			continue
		}
		for _, of := range []string{"serve", "load", "disk", "run"} {
			t := results.Table{Columns: make([]results.Column, 3)}
			for _, k := range allKnobs.Knobs() {
				if k.Group != g.Name || owner(k.Name) != of {
					continue
				}
				meaning := k.Meaning
				if k.Kind == knob.Choice {
					meaning += " [" + strings.Join(k.Choices, ", ") + "]"
				}
				t.Add("", k.Name, cmp.Or(strings.TrimSpace(k.Default+" "+k.Unit), "–"), meaning)
			}
			if len(t.Rows) > 0 {
				fmt.Fprintf(&text, "%s (%s): %s\n%s", strings.ToUpper(g.Name), of, g.Meaning, t.Text("  ", report.Width))
			}
		}
		text.WriteByte('\n')
	}
	if len(group) == 0 && !all {
		text.WriteString("There are instruments besides: c10klab list knobs instrument\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// listMetrics lists what experiments can be judged by, histograms and a trial's
// numbers, and the families of a server's metrics page.
func listMetrics() (results.Table, error) {
	t := results.Table{Columns: results.TextColumns("name", "of", "unit", "clock", "kafka", "meaning")}
	add := func(name, of, unit string, clock measure.Clock, kafka, meaning string) {
		t.Add("", name, of, unit, string(clock), cmp.Or(kafka, "–"), meaning)
	}
	for _, s := range measure.Spans((*measure.Span).Recorded) {
		add(s.Name, "histogram", "ns", s.Clock, s.Kafka, s.Meaning)
	}
	for _, n := range measure.Numbers(0) {
		add(n.Name, "trial", n.Unit, n.Clock, n.Kafka, n.Meaning)
	}
	for _, f := range admin.Families {
		add(f.Name, record.MetricsPath, f.Unit, measure.Server, f.Kafka, f.Meaning)
	}
	return t, nil
}

// metricKinds head the parts of the list of metrics for people, by column "of".
var metricKinds = []struct{ of, heading string }{
	{"histogram", `HISTOGRAMS, each by API: a metric is "NAME/API p50", p99, p999, max, or "above DURATION"`},
	{"trial", `NUMBERS of a trial, and "threads/GROUP", the server's threads whose names begin so`},
	{record.MetricsPath, "FAMILIES of a server's metrics page, since its start"},
}

// printMetrics prints the list by kind: name, unit and clock, meaning with Kafka's name;
// those of families, whose names are long, beneath.
func printMetrics(w io.Writer, list results.Table) error {
	var parts []string
	for _, kind := range metricKinds {
		t := results.Table{Columns: make([]results.Column, 3)}
		text := kind.heading + "\n"
		for _, m := range objects(list) {
			unit, meaning := m["unit"]+", "+m["clock"], strings.TrimSuffix(m["meaning"]+"; Kafka:\u00a0"+m["kafka"], "; Kafka:\u00a0–")
			switch {
			case m["of"] != kind.of:
			case kind.of == record.MetricsPath:
				text += fmt.Sprintf("  %s (%s)\n      %s\n", m["name"], unit, strings.Join(results.Wrap(meaning, report.Width-6), "\n      "))
			default:
				t.Add("", m["name"], unit, meaning)
			}
		}
		parts = append(parts, text+t.Text("  ", report.Width))
	}
	_, err := io.WriteString(w, strings.Join(parts, "\n"))
	return err
}
