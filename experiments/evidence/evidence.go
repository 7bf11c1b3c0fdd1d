// Package evidence keeps the reference runs by which claims are decided: which may
// decide, whether they are what was measured, and the documents made from them.
package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/experiments/verdict"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
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
	controls []verdict.ControlFinding
	occasion Occasion // what the run says, admissible or not
	made     string   // when, and which code is older than the present one
}

// opener opens a run directory, as results.Open does.
type opener func(dir string) (*results.Run, error)

// readEvidence finds the reference runs: referenceDir/SPEC is the run of SPEC.
// Experiments without one are left out.
func readEvidence(specs []*experiments.Spec, referenceDir, docDir string, ledgers ledgers, open opener) ([]evidence, error) {
	var found []evidence
	for _, current := range specs {
		dir := filepath.Join(referenceDir, current.ID)
		run, err := open(dir)
		if errors.Is(err, results.ErrNoRun) {
			continue
		} else if err != nil {
			return nil, err
		}
		e, err := judgeEvidence(run, current, ledgers)
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
// spec. What that predicts beyond is open, unless the ledger has it from before the run:
// such a prediction had been withdrawn and is back, and the run may speak against it only.
func judgeEvidence(run *results.Run, current *experiments.Spec, ledgers ledgers) (evidence, error) {
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
	occasion := occasionOf(run, findings)
	for _, p := range current.Predictions {
		switch {
		case then.Predicts(p):
		case ledgers.statedBefore(current.ID, p, run.Info.Started):
			restored := *spec
			restored.Predictions = append(slices.Clone(spec.Predictions), p)
			all, err := verdict.Judge(&restored, run)
			if err != nil {
				return evidence{}, err
			}
			back := all[len(all)-1]
			for i := range back.Comparisons {
				if c := &back.Comparisons[i]; c.Verdict == results.Reproduced {
					c.Verdict, c.Reason = results.Undecided, "withdrawn when the run was made"
				}
			}
			findings = append(findings, back)
		default:
			later := verdict.Comparison{Cells: none, Verdict: results.Undecided, Reason: "predicted after the run"}
			findings = append(findings, verdict.Finding{Prediction: p, Comparisons: []verdict.Comparison{later}})
		}
	}
	controls, err := verdict.JudgeControls(spec, run)
	if err != nil {
		return evidence{}, err
	}
	cells, err := run.Cells(results.InTables, nil)
	if err != nil {
		return evidence{}, err
	}
	return evidence{spec: spec, run: run, cells: results.OfExperiment(cells, current.ID), findings: findings, controls: controls, occasion: occasion}, nil
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

// inadmissible says why a stored run may not decide claims as reference evidence;
// nil if it may. It asks neither git nor the disk.
func inadmissible(run *results.Run, current *experiments.Spec) []string {
	var reasons []string
	for _, stored := range run.Info.Specs {
		if stored.ID != current.ID {
			continue
		}
		cells := slices.DeleteFunc(slices.Clone(run.Info.Cells), func(c results.PlannedCell) bool { return c.Experiment != current.ID })
		if then, err := experiments.ParseStored(stored); err != nil {
			reasons = append(reasons, err.Error())
		} else {
			reasons = append(reasons, current.ChangedSince(then, cells, run.Info.Full)...)
		}
		if stored.Repeats < results.MinBlocks {
			reasons = append(reasons, fmt.Sprintf("%d blocks, fewer than %d", stored.Repeats, results.MinBlocks))
		}
	}
	return append(reasons, unadmitted(run.Info.Source)...)
}

// unadmitted says why what was made from a source may not decide claims; nil if it may.
func unadmitted(source results.Source) []string {
	switch {
	case source.Revision == "" || source.Revision == results.UnknownRevision:
		return []string{"the revision is unknown"}
	case !source.Clean:
		return []string{"the tree had uncommitted changes"}
	}
	return nil
}

// KeptOf is what the evidence of a spec keeps: of single trials the histograms that its
// predictions use, of cells those that tables and figures show, as far as the spec keeps
// them.
func KeptOf(spec *experiments.Spec) results.Kept {
	predicted := map[hdr.Key]bool{}
	var metrics, above []measure.Metric
	for _, p := range spec.Predictions {
		metrics = append(metrics, p.Metric)
	}
	for _, c := range spec.Controls {
		metrics = append(metrics, c.Metric)
	}
	for _, m := range metrics {
		if m.IsTimeAbove() {
			above = append(above, m)
		}
		if key, isDuration := m.Key(); isDuration {
			predicted[key] = true
		}
	}
	keeps := func(key hdr.Key) bool {
		return len(spec.Evidence) == 0 || slices.Contains(spec.Evidence, key.Stage) || slices.Contains(spec.Evidence, key.String())
	}
	return results.Kept{
		Trials:  func(key hdr.Key) bool { return predicted[key] },
		Cells:   func(key hdr.Key) bool { return !predicted[key] && measure.Shown(key) && keeps(key) },
		Numbers: measure.AllNumbers,
		Above:   above,
	}
}

// Adopt makes a run the reference evidence of its one experiment, under
// referenceDir/SPEC, and enters it into the ledger with a note. The reasons are those for
// which it will not decide claims. A run without controls is none.
func Adopt(run *results.Run, referenceDir string, replace bool, note string) (adopted *results.Run, reasons []string, err error) {
	if len(run.Info.Specs) != 1 {
		return nil, nil, fmt.Errorf("%s holds %d experiments: evidence is one run for each", run.Dir, len(run.Info.Specs))
	}
	if err := run.CheckManifest(); err != nil {
		return nil, nil, fmt.Errorf("only a complete run that is as it was measured is evidence: %w", err)
	}
	spec, err := experiments.ParseStored(run.Info.Specs[0])
	if err != nil {
		return nil, nil, err
	}
	if missing := spec.MissingControl(run.Info.Cells); missing != "" {
		return nil, nil, fmt.Errorf("%s is no evidence: %s", run.Dir, missing)
	}
	if made, fixed := run.Info.Specs[0].Repeats, spec.Full.Repeats; made != fixed {
		return nil, nil, fmt.Errorf("%s is no evidence: it has %s, and its spec fixes %d before any run ([full] repeats); adopt --ledger-only enters it into the ledger", run.Dir, results.Plural(made, "block"), fixed)
	}
	specs, err := experiments.Specs()
	if err != nil {
		return nil, nil, err
	}
	current, err := experiments.Select(specs, []string{spec.ID})
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(referenceDir, spec.ID)
	written, err := os.ReadFile(filepath.Join(dir, pageFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read the experiment's page: %w", err)
	}
	adopted, err = run.Adopt(dir, KeptOf(spec), replace)
	if err == nil {
		err = EnterOccasion(run, referenceDir, note)
	}
	if err == nil && written != nil { // what was written by hand outlives the run
		err = results.WriteFile(filepath.Join(dir, pageFile), written)
	}
	return adopted, inadmissible(run, current[0]), err
}
