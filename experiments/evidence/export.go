package evidence

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

type exported struct {
	measure.Metric
	measure.Value
}

// numbersOf lists everything that a trial measured: its numbers, and the
// percentiles of its histograms in ns.
func numbersOf(run *results.Run, t record.Trial) ([]exported, error) {
	if t.Measurement == nil {
		return nil, nil
	}
	var all []exported
	for _, n := range measure.Numbers(0) {
		if v := n.Metric().Of(&t); v.Supported {
			all = append(all, exported{n.Metric(), v})
		}
	}
	digests, err := run.TrialDigests(t, nil)
	if err != nil {
		return nil, err
	}
	for _, key := range hdr.SortedKeys(digests) {
		for _, q := range measure.Quantiles {
			m := measure.At(key, q)
			all = append(all, exported{m, m.OfDigest(digests[key])})
		}
	}
	return all, nil
}

// ExportCSV writes one line for each number of each trial: durations in ns, other
// units as `list metrics` tells, and whether it is a lower bound. A percentile that the samples
// do not support has no value; a failed trial has one line, without a metric.
func ExportCSV(w io.Writer, run *results.Run) error {
	knobs := results.VaryingKnobs(run.CellOutcomes())
	out := csv.NewWriter(w)
	head := slices.Concat([]string{"experiment", "block", "cell", "attempt", "outcome"}, knobs, []string{"metric", "value", "bound"})
	if err := out.Write(head); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	for _, t := range run.Trials {
		numbers, err := numbersOf(run, t)
		if err != nil {
			return err
		}
		if len(numbers) == 0 {
			numbers = []exported{{}}
		}
		start := []string{t.Experiment, strconv.Itoa(t.Block), t.Cell, strconv.Itoa(t.Attempt), string(t.Outcome)}
		for _, name := range knobs {
			start = append(start, t.Knobs[name])
		}
		for _, n := range numbers {
			value, bound := "", ""
			if n.Bound || n.IsDuration() && t.Outcome == record.Saturated {
				bound = ">="
			}
			if n.Supported {
				value = strconv.FormatFloat(n.Value.Value, 'g', -1, 64)
			}
			if err := out.Write(append(slices.Clone(start), n.String(), value, bound)); err != nil {
				return fmt.Errorf("export: %w", err)
			}
		}
	}
	out.Flush()
	return out.Error()
}

// ExportBenchfmt writes each trial whose numbers stand as a benchmark result, which
// benchstat reads; the knobs that tell cells apart are in its name. Percentiles that
// are lower bounds, as those of saturated trials, are left out.
func ExportBenchfmt(w io.Writer, run *results.Run, limited bool) error {
	knobs := results.VaryingKnobs(run.CellOutcomes())
	out := benchfmt.NewWriter(w)
	stands := func(t record.Trial) bool {
		return t.Outcome == record.Valid || t.Outcome == record.Saturated || limited && t.Outcome.Limited()
	}
	if !slices.ContainsFunc(run.Trials, stands) {
		return ErrNothingStands
	}
	suffix := ""
	if slices.ContainsFunc(run.Trials, func(t record.Trial) bool { return endsLikeThreads.MatchString(benchmarkName(t, knobs)) }) {
		suffix = "-1"
	}
	for _, t := range run.Trials {
		if !stands(t) {
			continue
		}
		numbers, err := numbersOf(run, t)
		if err != nil {
			return err
		}
		result := &benchfmt.Result{Name: benchfmt.Name(benchmarkName(t, knobs) + suffix), Iters: 1}
		result.SetConfig("experiment", t.Experiment)
		result.SetConfig("revision", run.Info.Source.Revision)
		for i := range result.Config {
			result.Config[i].File = true
		}
		for _, n := range numbers {
			unit, value := n.String(), n.Value.Value
			if n.IsDuration() {
				unit, value = strings.NewReplacer("/", "-", " ", "-").Replace(unit)+"-sec", value/1e9
			}
			if n.Supported && !n.Bound && !(n.IsDuration() && t.Outcome == record.Saturated) {
				result.Values = append(result.Values, benchfmt.Value{Value: value, Unit: unit})
			}
		}
		if err := out.Write(result); err != nil {
			return fmt.Errorf("export: %w", err)
		}
	}
	return nil
}

// ErrNothingStands says that a run has no trial whose numbers stand.
var ErrNothingStands = errors.New("no trial counts")

// endsLikeThreads matches a name whose end readers of the format take off as the number of
// threads, such as that of acks=-1; one that is put behind it keeps it.
var endsLikeThreads = regexp.MustCompile(`-[0-9]+$`)

// benchmarkName is EXPERIMENT/knob=value/…, with what the format gives a meaning
// (/, white space) replaced.
func benchmarkName(t record.Trial, knobs []string) string {
	plain := strings.NewReplacer("/", "_", " ", "_", "\t", "_")
	name := []string{plain.Replace(t.Experiment)}
	for _, knob := range knobs {
		if value := t.Knobs[knob]; value != "" {
			name = append(name, knob+"="+plain.Replace(value))
		}
	}
	return strings.Join(name, "/")
}

// ExportLog merges the histograms of each cell's trials that count into one tagged
// HdrHistogram log; with more than one cell a tag begins with the cell's id.
func ExportLog(w io.Writer, run *results.Run) error {
	cells := run.CellOutcomes()
	merged := hdr.Bundle{}
	for _, cell := range cells {
		histograms, err := run.MergedHistograms(cell, nil)
		if err != nil {
			return err
		}
		for key, h := range histograms {
			if len(cells) > 1 {
				key.Stage = cell.ID + "/" + key.Stage
			}
			merged[key] = h
		}
	}
	start, end := run.Window()
	return merged.WriteLog(w, start, end)
}
