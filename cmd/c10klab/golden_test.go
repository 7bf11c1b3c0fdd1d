package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"c10klab/experiments/verdict"
	"c10klab/internal/child"
	"c10klab/results"
)

// update writes the golden files anew, where what stored runs say is meant to change.
var update = flag.Bool("update", false, "write golden files anew")

const goldenDir = "testdata/golden"

// goldenRuns are the stored runs that the golden files are of.
func goldenRuns(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("../../results/reference/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no stored runs: %v", err)
	}
	return dirs
}

// Whatever becomes of the code and of the format of the evidence, each prediction of the
// stored runs keeps its interval, to the last digit.
func TestStoredVerdictsStay(t *testing.T) {
	t.Parallel() // it measures nothing
	var b strings.Builder
	for _, dir := range goldenRuns(t) {
		run, err := results.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		judged, err := verdict.JudgeRun(run)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range judged {
			for _, f := range j.Findings {
				for _, c := range f.Comparisons {
					fmt.Fprintf(&b, "%s %s: %s: %v [%v, %v] of %v n=%d %s\n", j.Spec.ID, f.Prediction.Claim, c.Cells, c.Estimate.Median, c.Estimate.Lo, c.Estimate.Hi, c.Values, c.Estimate.N, cmp.Or(c.Then, c.Verdict))
				}
			}
		}
	}
	sameAsGolden(t, "verdicts.txt", b.String())
}

// Every number of every trial that was exported is exported still, with the same value.
// Numbers may be added.
func TestStoredNumbersStay(t *testing.T) {
	t.Parallel() // it measures nothing
	for _, dir := range goldenRuns(t) {
		name := filepath.Base(dir)
		stdout, stderr, exit := child.Run(t, "export", absolute(t, dir), "--format", "csv")
		if exit != exitOK {
			t.Fatalf("%s: ended with %d: %s", name, exit, stderr)
		}
		file := filepath.Join(goldenDir, name+".csv.gz")
		if *update {
			var packed bytes.Buffer
			w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is valid
			_, err := w.Write([]byte(stdout))
			if err == nil {
				err = w.Close()
			}
			if err == nil {
				err = os.WriteFile(file, packed.Bytes(), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		golden := unzipped(t, file)
		missing, now := exportedNumbers(t, golden), exportedNumbers(t, stdout)
		maps.DeleteFunc(missing, func(key, value string) bool { return sameNumber(now[key], value) })
		if len(missing) > 0 {
			t.Errorf("%s: %d exported numbers are gone or changed", name, len(missing))
		}
	}
}

// What sets two cells of a stored run apart is found to be the same.
func TestStoredComparisonsStay(t *testing.T) {
	t.Parallel() // it measures nothing
	for _, dir := range goldenRuns(t) {
		name := filepath.Base(dir)
		a, b := firstTwoCells(t, dir)
		stdout, stderr, exit := child.Run(t, "compare", absolute(t, dir)+a, absolute(t, dir)+b)
		if exit != exitOK {
			t.Fatalf("%s: ended with %d: %s", name, exit, stderr)
		}
		sameAsGolden(t, name+".compare.txt", strings.ReplaceAll(stdout, absolute(t, dir), name))
	}
}

// firstTwoCells names the first cell and one that differs from it in one knob.
func firstTwoCells(t *testing.T, dir string) (a, b string) {
	t.Helper()
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cells := run.CellOutcomes()
	first := cells[0].Knobs
	for _, c := range cells[1:] {
		var differing []string
		for name, value := range c.Knobs {
			if first[name] != value {
				differing = append(differing, name)
			}
		}
		if len(differing) != 1 || len(c.Knobs) != len(first) {
			continue
		}
		var rest strings.Builder
		for _, name := range results.VaryingKnobs(cells) {
			if first[name] != "" && name != differing[0] {
				fmt.Fprintf(&rest, ",%s=%s", name, first[name])
			}
		}
		of := func(knobs map[string]string) string {
			return "@" + differing[0] + "=" + knobs[differing[0]] + rest.String()
		}
		return of(first), of(c.Knobs)
	}
	t.Fatalf("%s: no two cells differ in one knob", dir)
	return "", ""
}

func absolute(t *testing.T, dir string) string {
	t.Helper()
	path, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// sameNumber allows for sums over groups of threads that were added up in another order.
func sameNumber(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX != nil || errY != nil {
		return a == b
	}
	return math.Abs(x-y) <= 1e-12*max(math.Abs(x), math.Abs(y))
}

func unzipped(t *testing.T, file string) string {
	t.Helper()
	packed, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exportedNumbers are the values by trial and metric.
func exportedNumbers(t *testing.T, text string) map[string]string {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	metric, value := slices.Index(lines[0], "metric"), slices.Index(lines[0], "value")
	numbers := map[string]string{}
	for _, line := range lines[1:] {
		// block, cell, attempt; metric; value
		numbers[strings.Join(append(line[1:4:4], line[metric]), " ")] = line[value]
	}
	return numbers
}

// sameAsGolden wants every line of a golden file, whatever the width of its columns. Lines
// may be added.
func sameAsGolden(t *testing.T, file, text string) {
	t.Helper()
	path := filepath.Join(goldenDir, file)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for line := range strings.Lines(text) {
		said[strings.Join(strings.Fields(line), " ")] = true
	}
	for line := range strings.Lines(string(golden)) {
		if line = strings.Join(strings.Fields(line), " "); !said[line] {
			t.Errorf("%s: no longer said: %s", path, line)
		}
	}
}
