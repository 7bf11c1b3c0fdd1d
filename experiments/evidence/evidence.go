// Package evidence keeps the reference runs by which claims are decided: which may
// decide, whether they are what was measured, and the documents made from them.
package evidence

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/results"
)

// evidence is the stored reference run of an experiment, judged by the spec as
// it was when the run started.
type evidence struct {
	spec     *experiments.Spec
	dir      string // of the run, relative to the document
	run      *results.Run
	cells    []results.Cell
	findings []verdict.Finding
	made     string // when, and which code is older than the present one
}

// opener opens a run directory, as results.Open does.
type opener func(dir string) (*results.Run, error)

// readEvidence finds the reference runs: referenceDir/SPEC is the run of SPEC.
// Experiments without one are left out.
func readEvidence(specs []*experiments.Spec, referenceDir, docDir string, open opener) ([]evidence, error) {
	var found []evidence
	for _, current := range specs {
		dir := filepath.Join(referenceDir, current.ID)
		run, err := open(dir)
		if errors.Is(err, results.ErrNoRun) {
			continue
		} else if err != nil {
			return nil, err
		}
		e, err := judgeEvidence(run, current)
		if err != nil {
			return nil, fmt.Errorf("reference run %s: %w", dir, err)
		}
		e.withhold(inadmissible(run, current))
		if e.dir, err = filepath.Rel(docDir, dir); err != nil {
			return nil, fmt.Errorf("link to %s: %w", dir, err)
		}
		found = append(found, e)
	}
	return found, nil
}

// judgeEvidence judges a run by what was predicted before it, in the words of the present
// spec. What that predicts beyond is open.
func judgeEvidence(run *results.Run, current *experiments.Spec) (evidence, error) {
	i := slices.IndexFunc(run.Info.Specs, func(s results.Spec) bool { return s.ID == current.ID })
	if i < 0 {
		return evidence{}, fmt.Errorf("the run has no experiment %s", current.ID)
	}
	then, err := experiments.ParseStored(run.Info.Specs[i])
	if err != nil {
		return evidence{}, err
	}
	spec := then.InWordsOf(current)
	findings, err := verdict.Judge(spec, run)
	if err != nil {
		return evidence{}, err
	}
	for _, p := range current.Predictions {
		if !then.Predicts(p) {
			later := verdict.Comparison{Cells: none, Verdict: results.Undecided, Reason: "predicted after the run"}
			findings = append(findings, verdict.Finding{Prediction: p, Comparisons: []verdict.Comparison{later}})
		}
	}
	cells, err := run.Cells(results.InTables, nil)
	if err != nil {
		return evidence{}, err
	}
	return evidence{spec: spec, run: run, cells: results.OfExperiment(cells, current.ID), findings: findings}, nil
}

// withhold leaves open what an inadmissible run would decide, with the reasons.
func (e evidence) withhold(reasons []string) {
	if len(reasons) == 0 {
		return
	}
	for _, f := range e.findings {
		for i := range f.Comparisons {
			f.Comparisons[i].Verdict, f.Comparisons[i].Inadmissible = results.Undecided, true
			f.Comparisons[i].Reason = "not admissible as evidence: " + strings.Join(reasons, "; ")
		}
	}
}
