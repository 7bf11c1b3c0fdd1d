package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"c10klab/experiments"
	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/results"
)

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
	switch source := run.Info.Source; {
	case source.Revision == "" || source.Revision == results.UnknownRevision:
		reasons = append(reasons, "the revision is unknown")
	case !source.Clean:
		reasons = append(reasons, "the tree had uncommitted changes")
	}
	return reasons
}

// KeptOf is what the evidence of a spec keeps: of single trials the histograms that its
// predictions use, of cells those that tables and figures show, as far as the spec keeps
// them.
func KeptOf(spec *experiments.Spec) results.Kept {
	predicted := map[hdr.Key]bool{}
	for _, p := range spec.Predictions {
		if key, isDuration := p.Metric.Key(); isDuration {
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
	}
}

// Adopt makes a run the reference evidence of its one experiment, under
// referenceDir/SPEC. The reasons are those for which it will not decide claims.
func Adopt(run *results.Run, referenceDir string, replace bool) (adopted *results.Run, reasons []string, err error) {
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
	if err == nil && written != nil { // what was written by hand outlives the run
		err = results.WriteFile(filepath.Join(dir, pageFile), written)
	}
	return adopted, inadmissible(run, current[0]), err
}
