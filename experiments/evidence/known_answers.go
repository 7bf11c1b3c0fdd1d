package evidence

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"c10klab/results"
)

// Each template of known_answers.tmpl makes one generated part of that page from the record of
// internal/speed that it is named after.
var (
	//go:embed known_answers.tmpl
	knownAnswersText string

	knownAnswers = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{
		"none":       func() string { return none },
		"hasPrefix":  strings.HasPrefix,
		"trimPrefix": strings.TrimPrefix,
		"list":       func(all ...any) []any { return all },
		"div":        func(a, b float64) float64 { return a / b },
		"mul":        func(a, b float64) float64 { return a * b },
		"ms":         func(ns float64) float64 { return ns / 1e6 },

		"median":    median,
		"quartiles": quartiles,
		"modes":     modes,
		"thousands": func(rounds any) []float64 {
			return pairwise(rounds, rounds, func(v, _ float64) float64 { return v / 1e3 })
		},
		"over":             func(a, b any) []float64 { return pairwise(a, b, func(a, b float64) float64 { return a / b }) },
		"microsecondsMore": func(a, b any) []float64 { return pairwise(a, b, func(a, b float64) float64 { return (a - b) / 1e3 }) },
		"ratio":            func(a, b any) results.Estimate { return results.Ratio(floats(a), floats(b)) },
		"least":            slices.Min[[]float64],
		"most":             slices.Max[[]float64],
		"column":           column,
		"groups":           groups,
		"fastest":          fastest,
	}).Parse(knownAnswersText))

	knownAnswerName = regexp.MustCompile(`{{define "(.+)"`)
)

// floats are the rounds of a record, or what was made of them.
func floats(rounds any) []float64 {
	list, isRecord := rounds.([]any)
	if !isRecord {
		return rounds.([]float64)
	}
	values := make([]float64, len(list))
	for i := range list {
		values[i] = list[i].(float64)
	}
	return values
}

// pairwise combines round by round, as far as both have rounds.
func pairwise(a, b any, combine func(a, b float64) float64) []float64 {
	x, y := floats(a), floats(b)
	values := make([]float64, min(len(x), len(y)))
	for i := range values {
		values[i] = combine(x[i], y[i])
	}
	return values
}

// median is that of the rounds, NaN of none.
func median(rounds any) float64 {
	sorted := slices.Sorted(slices.Values(floats(rounds)))
	if len(sorted) == 0 {
		return math.NaN()
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// quartiles are the median with the quartiles in brackets, and the two modes if there are.
func quartiles(format string, rounds any) string {
	sorted := slices.Sorted(slices.Values(floats(rounds)))
	n := len(sorted)
	if n == 0 {
		return none
	}
	return fmt.Sprintf(format+" ["+format+", "+format+"]", median(sorted), sorted[n/4], sorted[3*n/4]) + modes(format, sorted)
}

// modes names two groups of rounds where they are plain: the widest gap between neighbours
// that leaves a fifth of the rounds on either side is wider than the standard deviation
// times 30 / rounds, which of normal or uniform rounds happens once in a thousand. Empty:
// they are one.
func modes(format string, rounds any) string {
	sorted := slices.Sorted(slices.Values(floats(rounds)))
	n := len(sorted)
	var sum, squares, gap float64
	at := 0
	for i, v := range sorted {
		sum, squares = sum+v, squares+v*v
		if i >= n/5 && i <= n-n/5 && i > 0 && v-sorted[i-1] > gap {
			gap, at = v-sorted[i-1], i
		}
	}
	if mean := sum / float64(n); at == 0 || gap <= 30/float64(n)*math.Sqrt(squares/float64(n)-mean*mean) {
		return ""
	}
	return fmt.Sprintf("; two modes: %d of %d near "+format+", %d near "+format, at, n, median(sorted[:at]), n-at, median(sorted[at:]))
}

// column are the values of one name in a list of objects.
func column(name string, list []any) []float64 {
	var values []float64
	for _, object := range list {
		values = append(values, object.(map[string]any)[name].(float64))
	}
	return values
}

// groups puts objects together that agree in a name.
func groups(name string, list []any) (all [][]any) {
	for _, object := range list {
		same := func(group []any) bool { return group[0].(map[string]any)[name] == object.(map[string]any)[name] }
		i := slices.IndexFunc(all, same)
		if i < 0 {
			i, all = len(all), append(all, nil)
		}
		all[i] = append(all[i], object)
	}
	return all
}

// fastest ranks servers by the median of their rounds.
func fastest(rates map[string]any) []string {
	return slices.SortedStableFunc(slices.Values(slices.Sorted(maps.Keys(rates))), func(a, b string) int {
		return cmp.Compare(median(rates[b]), median(rates[a]))
	})
}

// knownAnswer is the Markdown of a record, and of where it comes from.
func knownAnswer(name, file string) (string, error) {
	record, err := results.ReadRecord(file)
	if err != nil {
		return "", err
	}
	var measured any
	var text strings.Builder
	if err = json.Unmarshal(record.Measured, &measured); err == nil {
		err = knownAnswers.ExecuteTemplate(&text, name, measured)
	}
	if err != nil {
		return "", fmt.Errorf("record %s: %w", name, err)
	}
	made := record.Provenance.String()
	return fmt.Sprintf("%s\n%s.\n", text.String(), strings.ToUpper(made[:1])+made[1:]), nil
}

// knownAnswersPage has a table for each record that is stored in dir; a record that no table
// is for is an error.
func knownAnswersPage(dir string) (page, error) {
	records, err := results.FilesIn(dir, "*"+results.RecordSuffix)
	if err != nil {
		return page{}, fmt.Errorf("list records: %w", err)
	}
	var parts []part
	for _, match := range knownAnswerName.FindAllStringSubmatch(knownAnswersText, -1) {
		name, file := match[1], filepath.Join(dir, match[1]+results.RecordSuffix)
		if i := slices.Index(records, file); i >= 0 {
			records = slices.Delete(records, i, i+1)
			parts = append(parts, part{name, name, func() (string, error) { return knownAnswer(name, file) }})
		}
	}
	if len(records) > 0 {
		return page{}, fmt.Errorf("no table is made of %s", records[0])
	}
	title := "# Known answers\n"
	if len(parts) == 0 {
		title = ""
	}
	return renderPage("known answers", filepath.Join(dir, pageFile), title, parts...)
}
