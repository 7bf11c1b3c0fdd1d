package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

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
	"claims":      listClaims,
	"knobs":       listKnobs,
	"metrics":     listMetrics,
}

func newListCommand() *cobra.Command {
	var asJSON, all bool
	var names []string
	for name := range listings {
		names = append(names, name)
	}
	slices.Sort(names)
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
			l, err := list()
			if err != nil {
				return err
			}
			if args[0] == "metrics" && !asJSON {
				return printMetrics(os.Stdout, l)
			}
			return l.print(os.Stdout, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, of all knobs")
	cmd.Flags().BoolVar(&all, "all", false, "of knobs, the instruments too")
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
	l := listing{head: []string{"name", "cells", "quick", "full", "question", "decides"}}
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
		l.rows = append(l.rows, []string{s.ID, fmt.Sprint(cells), quick, full, s.Question, partsOf(s)})
	}
	return l, nil
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

func listClaims() (listing, error) {
	l := listing{head: []string{"name", "kind", "experiments"}}
	claims, err := experiments.Claims()
	if err != nil {
		return l, err
	}
	specs, err := experiments.Specs()
	if err != nil {
		return l, err
	}
	for _, c := range claims {
		for _, part := range c.Parts {
			var deciding []string
			for _, s := range specs {
				if slices.ContainsFunc(s.Predictions, func(p experiments.Prediction) bool { return p.Claim == c.ID && p.Part == part.Name }) {
					deciding = append(deciding, s.ID)
				}
			}
			l.rows = append(l.rows, []string{c.ID + ": " + part.Name, string(part.Kind), cmp.Or(strings.Join(deciding, " "), "–")})
		}
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
	l := listing{head: []string{"name", "group", "of", "kind", "default", "unit", "meaning"}}
	for _, k := range allKnobs.Knobs() {
		kind := k.Kind.String()
		if k.Kind == knob.Choice {
			kind = strings.Join(k.Choices, "|")
		}
		l.rows = append(l.rows, []string{k.Name, k.Group, owner(k.Name), kind, k.Default, k.Unit, k.Meaning})
	}
	return l, nil
}

// Widths of lists, and of the columns of the list of knobs, in runes.
const (
	listWidth    = 100
	nameWidth    = 22
	defaultWidth = 20
)

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
		of := ""
		for _, k := range allKnobs.Knobs() {
			if k.Group != g.Name {
				continue
			}
			if owner(k.Name) != of {
				of = owner(k.Name)
				fmt.Fprintf(&text, "%s (%s): %s\n", strings.ToUpper(g.Name), of, g.Meaning)
			}
			writeKnob(&text, k)
		}
		text.WriteByte('\n')
	}
	if len(group) == 0 && !all {
		text.WriteString("There are instruments besides: c10klab list knobs instrument\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// writeKnob writes a knob's name, default and meaning in columns.
func writeKnob(text *strings.Builder, k knob.Knob) {
	meaning := k.Meaning
	if k.Kind == knob.Choice {
		meaning += " [" + strings.Join(k.Choices, ", ") + "]"
	}
	writeEntry(text, nameWidth, k.Name, defaultWidth, cmp.Or(strings.TrimSpace(k.Default+" "+k.Unit), "–"), meaning)
}

// writeEntry writes a name, a value and what they mean in columns of the widths, the last
// on as many lines as it takes; beneath the others where those are wider.
func writeEntry(text *strings.Builder, nameWidth int, name string, valueWidth int, value, meaning string) {
	lines := wrap(meaning, listWidth-2-nameWidth-1-valueWidth-1)
	if utf8.RuneCountInString(name) > nameWidth || utf8.RuneCountInString(value) > valueWidth {
		fmt.Fprintf(text, "  %-*s %s\n", nameWidth, name, value)
	} else {
		fmt.Fprintf(text, "  %-*s %-*s %s\n", nameWidth, name, valueWidth, value, lines[0])
		lines = lines[1:]
	}
	for _, line := range lines {
		fmt.Fprintf(text, "%*s %s\n", 2+nameWidth+1+valueWidth, "", line)
	}
}

// wrap breaks words into lines of at most so many runes, where words are no longer.
func wrap(words string, width int) (lines []string) {
	line, room := "", 0
	for word := range strings.FieldsSeq(words) {
		length := utf8.RuneCountInString(word) + 1
		if line == "" || length > room {
			if line != "" {
				lines = append(lines, line)
			}
			line, room = word, width-length+1
			continue
		}
		line, room = line+" "+word, room-length
	}
	return append(lines, line)
}

// listMetrics lists what experiments can be judged by, histograms and a trial's
// numbers, and the families of a server's metrics page.
func listMetrics() (listing, error) {
	l := listing{head: []string{"name", "of", "unit", "clock", "kafka", "meaning"}}
	add := func(name, of, unit string, clock measure.Clock, kafka, meaning string) {
		l.rows = append(l.rows, []string{name, of, unit, string(clock), cmp.Or(kafka, "–"), meaning})
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
	return l, nil
}

// metricKinds head the parts of the list of metrics for people, by column "of".
var metricKinds = map[string]string{
	"histogram":        `HISTOGRAMS, each by API: a metric is "NAME/API p50", p99, p999 or max`,
	"trial":            `NUMBERS of a trial, and "threads/GROUP", the server's threads whose names begin so`,
	record.MetricsPath: "FAMILIES of a server's metrics page, since its start",
}

// printMetrics prints the list by kind: name, unit and clock, meaning, and Kafka's name.
func printMetrics(w io.Writer, l listing) error {
	const nameWidth, unitWidth = 32, 18
	var text strings.Builder
	kind := ""
	for _, row := range l.rows {
		if row[1] != kind {
			kind = row[1]
			fmt.Fprintf(&text, "%s%s\n", map[bool]string{true: "\n"}[text.Len() > 0], metricKinds[kind])
		}
		meaning, kafka := row[5], "Kafka: "+row[4]
		isMBean := strings.Contains(kafka, "=") // which is too long for a column
		if row[4] != "–" && !isMBean {
			meaning += "; " + kafka
		}
		writeEntry(&text, nameWidth, row[0], unitWidth, row[2]+", "+row[3], meaning)
		if isMBean {
			fmt.Fprintf(&text, "    %s\n", kafka)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
