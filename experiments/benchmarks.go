package experiments

import (
	_ "embed"
	"fmt"
	"reflect"
	"slices"

	"c10klab/results"

	"github.com/BurntSushi/toml"
)

// BenchmarksFile has, from the module's root, what is predicted of benchmarks.
const BenchmarksFile = "experiments/benchmarks.toml"

//go:embed benchmarks.toml
var benchmarksText string

// Measured is one prediction of what a benchmark of internal/speed measures: a claim
// about one part alone, such as the store, needs no server and no load.
type Measured struct {
	Claim     string
	Part      string
	Benchmark string         // the function
	Record    string         // the name of what it keeps: a list of cells
	Cell      map[string]any // fields by which the cell is known
	Rounds    string         // its field that has one value a round
	What      string         // it is, with its unit
	Relation  results.Relation
	Threshold float64
	Why       string // this threshold
}

// ParseMeasured reads a version of BenchmarksFile.
func ParseMeasured(text string) ([]Measured, error) {
	var file struct{ Predictions []Measured }
	meta, err := toml.Decode(text, &file)
	if err == nil && len(meta.Undecoded()) > 0 {
		err = fmt.Errorf("unknown key %q", meta.Undecoded()[0])
	}
	for _, m := range file.Predictions {
		if err == nil && (m.Why == "" || !slices.Contains(results.Relations, m.Relation)) {
			err = fmt.Errorf("%s of %s: the relation is none, or the reason of the threshold is missing", m.What, m.Claim)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", BenchmarksFile, err)
	}
	return file.Predictions, nil
}

// PredictionsOf is the present file, if it predicts something of a record; else nil.
func PredictionsOf(record string) *results.Spec {
	all, err := ParseMeasured(benchmarksText)
	if err != nil || !slices.ContainsFunc(all, func(m Measured) bool { return m.Record == record }) {
		return nil
	}
	spec := results.NewSpec(record, benchmarksText, results.MinBlocks)
	return &spec
}

// addMeasured gives each claim its predictions.
func addMeasured(claims []Claim) error {
	all, err := ParseMeasured(benchmarksText)
	for _, m := range all {
		i := slices.IndexFunc(claims, func(c Claim) bool { return c.ID == m.Claim })
		if i < 0 {
			return fmt.Errorf("read %s: no claim %q", BenchmarksFile, m.Claim)
		}
		if _, err := claims[i].part(m.Part); err != nil {
			return fmt.Errorf("read %s: %w", BenchmarksFile, err)
		}
		claims[i].Measured = append(claims[i].Measured, m)
	}
	return err
}

// Command measures it anew; the record goes where C10KLAB_RECORD says.
func (m Measured) Command() string {
	return fmt.Sprintf("`go test -run '^$' -benchtime 1x -bench '^%s$' ./internal/speed`", m.Benchmark)
}

// Same reports whether two predictions are the same in all but words.
func (m Measured) Same(other Measured) bool {
	m.What, m.Why = other.What, other.Why
	return reflect.DeepEqual(m, other)
}
