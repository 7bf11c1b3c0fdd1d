package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// A claim about one part alone, such as the store, needs no server and no load: a
// benchmark of internal/speed decides it, by its stored record with one value a round.

// benchmarksDir, beside the reference runs, holds the records of benchmarks.
const benchmarksDir = "benchmarks"

// benchmark is what decides a claim by the record that it stores in benchmarksDir.
type benchmark struct {
	record      string // its file
	predictions []benchmarkPrediction
}

// benchmarkPrediction is one condition on the benchmark's rounds.
type benchmarkPrediction struct {
	what      string // with its unit
	relation  results.Relation
	threshold float64
	// rounds reads the values, one a round, from the record.
	rounds func(record []byte) ([]float64, error)
}

// benchmarks are those that the claims register names.
var benchmarks = map[string]benchmark{
	"BenchmarkAppend": {"append.json", []benchmarkPrediction{
		{"records of 100 bytes appended a second, in batches of 16 KiB", ">=", 1e6, appendRounds(appendCell.recordsPerSecond)},
		{"speed of the same against bare write(2) calls of the same bytes", ">=", 0.5, appendRounds(appendCell.ofWrite)},
	}},
	"BenchmarkLookup": {"lookup.json", []benchmarkPrediction{
		{"nanoseconds of a look-up by offset in a hot log of 100 GiB", "<=", 1000, lookupRounds(func(c lookupCell) []float64 { return c.OffsetNs })},
		{"bytes of index for each GiB of log, at an interval of 4096 bytes and batches of 16 KiB", "<=", 1 << 20, lookupRounds(lookupCell.indexBytesPerGiB)},
	}},
}

// roundsOf reads the values, one a round, from the first cell of a record that is meant.
func roundsOf[C any](meant func(C) bool, missing string, values func(C) ([]float64, error)) func([]byte) ([]float64, error) {
	return func(record []byte) ([]float64, error) {
		var cells []C
		if err := json.Unmarshal(record, &cells); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(cells, meant)
		if i < 0 {
			return nil, errors.New(missing)
		}
		return values(cells[i])
	}
}

// appendCell is what BenchmarkAppend stores of a batch size under some knobs.
type appendCell struct {
	Knobs            map[string]string
	BatchBytes       int
	Records          int // in a batch
	RoundBytes       int
	StoreNs, WriteNs []float64
}

func (c appendCell) recordsPerSecond(storeNs, _ float64) float64 {
	return float64(c.RoundBytes/c.BatchBytes*c.Records) / storeNs * 1e9
}

func (c appendCell) ofWrite(storeNs, writeNs float64) float64 { return writeNs / storeNs }

// appendRounds reads those of default knobs whose batches are at most 16 KiB and more than
// half as large.
func appendRounds(value func(c appendCell, storeNs, writeNs float64) float64) func([]byte) ([]float64, error) {
	const most = 16 << 10
	meant := func(c appendCell) bool { return len(c.Knobs) == 0 && c.BatchBytes <= most && c.BatchBytes > most/2 }
	return roundsOf(meant, fmt.Sprintf("no batches of %d bytes", most), func(c appendCell) ([]float64, error) {
		if len(c.StoreNs) != len(c.WriteNs) {
			return nil, fmt.Errorf("%d rounds of the store, %d of bare writes", len(c.StoreNs), len(c.WriteNs))
		}
		return pairwise(c.StoreNs, c.WriteNs, func(storeNs, writeNs float64) float64 { return value(c, storeNs, writeNs) }), nil
	})
}

// lookupCell is what BenchmarkLookup stores of a log.
type lookupCell struct {
	LogBytes, IntervalBytes int64
	IndexBytes              int64
	OffsetNs                []float64
}

// indexBytesPerGiB is the same in all rounds.
func (c lookupCell) indexBytesPerGiB() []float64 {
	return slices.Repeat([]float64{float64(c.IndexBytes) / (float64(c.LogBytes) / (1 << 30))}, len(c.OffsetNs))
}

func lookupRounds(values func(lookupCell) []float64) func([]byte) ([]float64, error) {
	const gib, intervalBytes = 100, 4096
	meant := func(c lookupCell) bool { return c.LogBytes == gib<<30 && c.IntervalBytes == intervalBytes }
	missing := fmt.Sprintf("no log of %d GiB with an entry every %d bytes", gib, intervalBytes)
	return roundsOf(meant, missing, func(c lookupCell) ([]float64, error) { return values(c), nil })
}

// benchmarkFindings are those of a claim's benchmark; none where no benchmark decides
// the claim, or its record is not stored. dir holds the records.
func benchmarkFindings(claim experiments.Claim, dir string) ([]verdict.Finding, error) {
	if claim.Benchmark == "" {
		return nil, nil
	}
	b, known := benchmarks[claim.Benchmark]
	if !known {
		return nil, fmt.Errorf("claim %s: no record of a benchmark %s is known", claim.ID, claim.Benchmark)
	}
	file := filepath.Join(dir, b.record)
	record, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("record of %s: %w", claim.Benchmark, err)
	}
	var conditions []verdict.Condition
	for _, p := range b.predictions {
		values, err := p.rounds(record)
		if err != nil {
			return nil, fmt.Errorf("record of %s, %s: %w", claim.Benchmark, file, err)
		}
		conditions = append(conditions, verdict.Condition{What: p.what, Relation: p.relation, Threshold: p.threshold, Values: values})
	}
	return verdict.JudgeConditions(claim.ID, claim.Parts[0].Name, conditions), nil
}
