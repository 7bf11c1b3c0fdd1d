package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// RecordSuffix ends the names of benchmarks' records.
const RecordSuffix = ".json"

// Provenance says where a benchmark's record comes from, as Info does of a run.
type Provenance struct {
	Started     time.Time `json:"started"`
	CommandLine []string  `json:"command_line"`
	Source      Source    `json:"source"`
	Host        Host      `json:"host"`
	// Predictions are the file of those that the record decides, as it was, and Stated is
	// the revision that brought it in; nil: the record decides none.
	Predictions *Spec  `json:"predictions,omitempty"`
	Stated      string `json:"stated,omitempty"`
}

// MadeHere is the provenance of what this process measures from now on. Records themselves
// are no source, so that several processes may leave theirs in the tree.
func MadeHere() Provenance {
	return Provenance{Started: time.Now().UTC(), CommandLine: os.Args, Source: ReadSource(".", "results/benchmarks"), Host: ReadHost(os.TempDir())}
}

func (p *Provenance) String() string {
	if p == nil {
		return "no provenance: made before it was kept"
	}
	return fmt.Sprintf("%s, %s, %s, revision %.7s, tree %s", p.Started.Format(time.DateOnly), p.Host.Hardware(), p.Host.System(), p.Source.Revision, p.Source.Tree())
}

// BenchmarkRecord is what a benchmark stores.
type BenchmarkRecord struct {
	Provenance *Provenance     `json:"provenance"` // nil: the record was made before it was kept
	Measured   json.RawMessage `json:"measured"`
}

// ReadRecord reads a record. One that was made before there was provenance is all measured.
func ReadRecord(file string) (BenchmarkRecord, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return BenchmarkRecord{}, fmt.Errorf("read record: %w", err)
	}
	var r BenchmarkRecord
	if json.Unmarshal(text, &r) == nil && r.Provenance != nil {
		return r, nil
	}
	if !json.Valid(text) {
		return BenchmarkRecord{}, fmt.Errorf("record %s: %w", file, ErrGarbled)
	}
	return BenchmarkRecord{Measured: text}, nil
}

// Keep writes the record into dir under a name, and enters its hash into the manifest there.
func (r BenchmarkRecord) Keep(dir, name string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	if err := WriteFile(filepath.Join(dir, name+RecordSuffix), append(text, '\n')); err != nil {
		return err
	}
	listed, err := readHashes(dir)
	if errors.Is(err, ErrNoManifest) {
		listed = map[string]string{}
	} else if err != nil {
		return err
	}
	if listed[name+RecordSuffix], err = HashFile(filepath.Join(dir, name+RecordSuffix)); err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, file := range slices.Sorted(maps.Keys(listed)) {
		fmt.Fprintf(&lines, hashLine, listed[file], file)
	}
	return WriteFile(filepath.Join(dir, manifestFile), lines.Bytes())
}

// CheckRecord compares a record with its hash in the manifest beside it. Its errors wrap
// ErrNoManifest, ErrUnlisted or ErrChanged.
func CheckRecord(file string) error {
	listed, err := readHashes(filepath.Dir(file))
	if err != nil {
		return err
	}
	return checkHash(file, listed[filepath.Base(file)])
}
