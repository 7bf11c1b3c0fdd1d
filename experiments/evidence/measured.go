package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// benchmarksDir, beside the reference runs, holds the records of benchmarks.
const benchmarksDir = "benchmarks"

// measuredFindings judge a claim by the records in dir. A prediction whose record is not
// stored has no finding; one that its record may not decide is open, with the reason.
func measuredFindings(claim experiments.Claim, dir string) ([]verdict.Finding, error) {
	var conditions []verdict.Condition
	for _, m := range claim.Measured {
		file := filepath.Join(dir, m.Record+results.RecordSuffix)
		record, err := results.ReadRecord(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		c := verdict.Condition{Measured: m}
		if err == nil {
			c.Withheld, err = withheld(record.Provenance, claim, m)
		}
		if err == nil && c.Withheld == "" {
			c.Values, err = roundsOf(m, record.Measured)
		}
		if err != nil {
			return nil, fmt.Errorf("claim %s, %s: %w", claim.ID, file, err)
		}
		conditions = append(conditions, c)
	}
	return verdict.JudgeConditions(claim.ID, conditions), nil
}

// withheld says why a record may not decide a prediction; empty: it may.
func withheld(made *results.Provenance, claim experiments.Claim, m experiments.Measured) (string, error) {
	if made == nil {
		return made.String(), nil
	}
	reasons := unadmitted(made.Source)
	var then []experiments.Measured
	if made.Predictions != nil {
		var err error
		if then, err = experiments.ParseMeasured(made.Predictions.Text); err != nil {
			return "", err
		}
	}
	if !slices.ContainsFunc(then, m.Same) {
		reasons = append(reasons, "predicted after it was measured")
	}
	for _, old := range then {
		if old.Record == m.Record && old.Claim == claim.ID && !slices.ContainsFunc(claim.Measured, old.Same) {
			reasons = append(reasons, fmt.Sprintf("no longer predicted of it: %s %s %.6g", old.What, old.Relation, old.Threshold))
		}
	}
	return strings.Join(reasons, "; "), nil
}

// roundsOf reads what is predicted from a record, one value a round.
func roundsOf(m experiments.Measured, record []byte) ([]float64, error) {
	var cells []map[string]json.RawMessage
	if err := json.Unmarshal(record, &cells); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(cells, func(cell map[string]json.RawMessage) bool {
		for name, value := range m.Cell {
			if text, err := json.Marshal(value); err != nil || string(text) != string(cell[name]) {
				return false
			}
		}
		return true
	})
	if i < 0 {
		return nil, fmt.Errorf("no cell has %v", m.Cell)
	}
	var rounds []float64
	if err := json.Unmarshal(cells[i][m.Rounds], &rounds); err != nil {
		return nil, fmt.Errorf("rounds of %s: %w", m.Rounds, err)
	}
	return rounds, nil
}

// verifyRecords checks the records in dir as runs are checked.
func verifyRecords(dir string, history history) []EvidenceCheck {
	files, err := results.FilesIn(dir, "*"+results.RecordSuffix)
	if err != nil {
		return []EvidenceCheck{outcomeOf(dir, "readable", err)}
	}
	var checks []EvidenceCheck
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), results.RecordSuffix)
		record, err := results.ReadRecord(file)
		if made := record.Provenance; err == nil && made == nil {
			checks = append(checks, EvidenceCheck{name, "provenance", CheckInadmissible, made.String()})
			continue
		} else if err == nil {
			checks = append(checks, admission(name, "source admits it as evidence", unadmitted(made.Source)), history.verifyRecord(name, *made))
			err = results.CheckRecord(file)
		}
		checks = append(checks, outcomeOf(name, "file is that of the manifest", err))
	}
	return checks
}
