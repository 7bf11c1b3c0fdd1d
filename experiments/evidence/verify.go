package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/experiments"
	"c10klab/results"
)

// CheckStatus is what became of one check of the evidence.
type CheckStatus string

const (
	CheckHolds   CheckStatus = "holds"
	CheckFails   CheckStatus = "FAILS"
	CheckSkipped CheckStatus = "skipped" // what it needs is missing here
	// CheckInadmissible: the run is what it says, and by what it says may not decide
	// claims; EXPERIMENTS.md leaves them open.
	CheckInadmissible CheckStatus = "not admissible"
	// CheckOlder: the run stands, and code that it was made with has changed since.
	CheckOlder CheckStatus = "older code"
)

// EvidenceCheck is one check of one reference run, or of the document.
type EvidenceCheck struct {
	Of     string      `json:"of"`
	Check  string      `json:"check"`
	Status CheckStatus `json:"status"`
	Detail string      `json:"detail,omitempty"`
}

type VerifyConfig struct {
	Document  string // EXPERIMENTS.md
	Reference string // run directories, by spec
	Source    string // within the working tree, for git
}

// Verify checks every reference run, every benchmark's record and the document that is made from them. The
// error is for what keeps it from checking at all.
func Verify(cfg VerifyConfig) ([]EvidenceCheck, error) {
	specs, err := experiments.Specs()
	if err != nil {
		return nil, err
	}
	history := openHistory(cfg.Source)
	opened := map[string]*results.Run{}
	var checks []EvidenceCheck
	for _, spec := range specs {
		dir := filepath.Join(cfg.Reference, spec.ID)
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		run, err := results.Open(dir)
		if err != nil {
			checks = append(checks, outcomeOf(spec.ID, "readable", err))
			continue
		}
		opened[dir] = run
		checks = append(checks, verifyRun(run, spec, history)...)
	}
	checks = append(checks, verifyStrays(cfg.Reference, specs)...)
	judged, documents := verifyDocuments(cfg, opened)
	checks = append(checks, verifyLedgers(cfg.Reference, specs, judged, history)...)
	checks = append(checks, verifyRecords(filepath.Join(filepath.Dir(cfg.Reference), benchmarksDir), history)...)
	checks = append(checks, verifySizes(cfg.Reference)...)
	return append(checks, documents...), nil
}

func outcomeOf(of, check string, err error) EvidenceCheck {
	if err != nil {
		return EvidenceCheck{of, check, CheckFails, results.Advised(err)}
	}
	return EvidenceCheck{of, check, CheckHolds, ""}
}

func admission(of, check string, reasons []string) EvidenceCheck {
	if len(reasons) > 0 {
		return EvidenceCheck{of, check, CheckInadmissible, strings.Join(reasons, "; ")}
	}
	return EvidenceCheck{of, check, CheckHolds, ""}
}

func verifyRun(run *results.Run, spec *experiments.Spec, history history) []EvidenceCheck {
	checks := []EvidenceCheck{
		outcomeOf(spec.ID, "files are those of the manifest", run.CheckManifest()),
		outcomeOf(spec.ID, "values are those of the histograms", run.CheckValues()),
	}
	admissible := admission(spec.ID, "spec, blocks and source admit it as evidence", inadmissible(run, spec))
	return append(checks, admissible, history.verifyPrediction(run, spec), history.verifyAge(run, spec.ID))
}

// verifyStrays finds runs of no spec, which the document would pass over.
func verifyStrays(reference string, specs []*experiments.Spec) []EvidenceCheck {
	entries, err := os.ReadDir(reference)
	if err != nil {
		return []EvidenceCheck{outcomeOf(reference, "readable", err)}
	}
	var checks []EvidenceCheck
	for _, entry := range entries {
		if _, err := experiments.Select(specs, []string{entry.Name()}); err != nil {
			checks = append(checks, outcomeOf(entry.Name(), "belongs to a spec", err))
		}
	}
	return checks
}

// verifySizes checks what the repository carries: bytes in all and for each run on
// average, and the files of every run.
func verifySizes(reference string) []EvidenceCheck {
	bytes, files := int64(0), map[string]int{} // by run
	err := filepath.WalkDir(reference, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inside, err := filepath.Rel(reference, path)
		if err != nil {
			return err
		}
		run, _, _ := strings.Cut(filepath.ToSlash(inside), "/")
		files[run]++
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if allowed := min(results.MaxReferenceBytes, int64(len(files))*results.MaxBytesARun); err == nil && bytes > allowed {
		err = fmt.Errorf("%d bytes, more than %d for %d runs", bytes, allowed, len(files))
	}
	checks := []EvidenceCheck{outcomeOf(reference, "size of all runs", err)}
	for _, run := range slices.Sorted(maps.Keys(files)) {
		if files[run] > results.MaxFilesOfRun {
			checks = append(checks, outcomeOf(run, "number of files", fmt.Errorf("%d, more than %d", files[run], results.MaxFilesOfRun)))
		}
	}
	return checks
}

// verifyDocuments computes every verdict and table of the document and the pages anew, and
// returns the evidence as it judged it. Runs that are open already are not read again.
func verifyDocuments(cfg VerifyConfig, opened map[string]*results.Run) (judged []evidence, checks []EvidenceCheck) {
	const check = "verdicts and tables are those of the runs"
	judged, pages, err := renderPages(cfg.Document, cfg.Reference, func(dir string) (*results.Run, error) {
		if run := opened[dir]; run != nil {
			return run, nil
		}
		return results.Open(dir)
	})
	if err != nil {
		return judged, []EvidenceCheck{outcomeOf(cfg.Document, check, err)}
	}
	for _, p := range pages {
		var err error
		if p.changed() {
			err = fmt.Errorf("%s: %w; once all runs hold, c10klab document writes it anew", p.path, firstDifference(p.current, p.rendered))
		}
		c := outcomeOf(p.of, check, err)
		if c.Status == CheckHolds {
			c.Detail = p.says
		}
		checks = append(checks, c)
	}
	return judged, checks
}

// firstDifference names the first line that differs.
func firstDifference(written, computed string) error {
	has, wants := strings.Split(written, "\n"), strings.Split(computed, "\n")
	for i := range max(len(has), len(wants)) {
		switch {
		case i >= len(has):
			return fmt.Errorf("line %d is missing: %q", i+1, wants[i])
		case i >= len(wants):
			return fmt.Errorf("line %d is too much: %q", i+1, has[i])
		case has[i] != wants[i]:
			return fmt.Errorf("line %d is %q, the runs say %q", i+1, has[i], wants[i])
		}
	}
	return nil
}
