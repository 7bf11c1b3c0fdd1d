package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"c10klab/experiments"
	"c10klab/internal/admin"
	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/models"

	"github.com/spf13/cobra"
)

// listing is one table of names: a row each, the first column the name.
type listing struct {
	head []string
	rows [][]string
}

// listings are what `list` shows.
var listings = map[string]func() (listing, error){
	"models":      listModels,
	"sends":       listSends,
	"experiments": listExperiments,
	"knobs":       listKnobs,
	"metrics":     listMetrics,
}

func newListCommand() *cobra.Command {
	var asJSON bool
	var names []string
	for name := range listings {
		names = append(names, name)
	}
	slices.Sort(names)
	cmd := &cobra.Command{
		Use:   "list " + strings.Join(names, "|"),
		Short: "List models, send strategies, experiments, knobs or metrics",
		Long: `List what names there are: threading models, send strategies (how file data is sent), experiments with their claims,
cells and minutes, knobs with their defaults, and metrics. A knob is a flag of the command that it belongs to, and a
key in experiments and in --set.`,
		Example: `  c10klab list models
  c10klab list experiments
  c10klab list knobs --json`,
		ValidArgs: names,
		Args:      oneArgument("one of " + strings.Join(names, ", ")),
		RunE: func(_ *cobra.Command, args []string) error {
			list, known := listings[args[0]]
			if !known {
				return usageError(fmt.Errorf("there is no list of %q%s; there are %s", args[0],
					knob.DidYouMean(args[0], names), strings.Join(names, ", ")))
			}
			l, err := list()
			if err != nil {
				return err
			}
			return l.print(os.Stdout, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (l listing) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(l.objects())
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.ToUpper(strings.Join(l.head, "\t")))
	for _, row := range l.rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

func (l listing) objects() []map[string]string {
	objects := make([]map[string]string, len(l.rows))
	for i, row := range l.rows {
		objects[i] = map[string]string{}
		for j, name := range l.head {
			objects[i][name] = row[j]
		}
	}
	return objects
}

func listModels() (listing, error) {
	t := models.ModelTable()
	return listing{head: t.Head, rows: t.Rows}, nil
}

func listSends() (listing, error) {
	l := listing{head: []string{"name", "meaning"}}
	for _, s := range models.Sends() {
		l.rows = append(l.rows, []string{s.Name, s.Meaning})
	}
	return l, nil
}

func listExperiments() (listing, error) {
	l := listing{head: []string{"name", "claims", "cells", "quick", "full", "question"}}
	specs, err := experiments.Specs()
	if err != nil {
		return l, err
	}
	for _, s := range specs {
		cells, quick, err := cost(s, false)
		if err != nil {
			return l, err
		}
		_, full, err := cost(s, true)
		if err != nil {
			return l, err
		}
		l.rows = append(l.rows, []string{s.ID, strings.Join(s.Claims, " "), fmt.Sprint(cells), quick, full, s.Question})
	}
	return l, nil
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

func listKnobs() (listing, error) {
	l := listing{head: []string{"name", "of", "kind", "default", "unit", "meaning"}}
	for _, k := range allKnobs.Knobs() {
		kind := k.Kind.String()
		if k.Kind == knob.Choice {
			kind = strings.Join(k.Choices, "|")
		}
		l.rows = append(l.rows, []string{k.Name, owner(k.Name), kind, k.Default, k.Unit, k.Meaning})
	}
	return l, nil
}

// listMetrics lists what experiments can be judged by, histograms and a trial's
// numbers, and the families of a server's metrics page.
func listMetrics() (listing, error) {
	l := listing{head: []string{"name", "of", "unit", "meaning"}}
	for _, s := range measure.Spans((*measure.Span).Recorded) {
		l.rows = append(l.rows, []string{s.Name, "histogram", "ns", s.Meaning})
	}
	for _, n := range measure.Numbers(0) {
		l.rows = append(l.rows, []string{n.Name, "trial", n.Unit, n.Meaning})
	}
	for _, m := range admin.Families {
		l.rows = append(l.rows, []string{m.Name, record.MetricsPath, m.Unit, m.Meaning})
	}
	return l, nil
}
