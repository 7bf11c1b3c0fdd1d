package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"c10klab/internal/knob"
	"c10klab/results"
)

// openRun opens a run directory, whose files must be those of its manifest if it is
// complete and has one. Where no run is, the error names the nearest one beside it.
func openRun(dir string) (*results.Run, error) {
	run, err := results.Open(dir)
	if err == nil {
		if err := run.CheckManifest(); err != nil && !errors.Is(err, results.ErrNoManifest) {
			return nil, err
		}
		return run, nil
	}
	if !errors.Is(err, results.ErrNoRun) {
		return nil, err
	}
	var beside []string
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Clean(dir)), "*", "run.json"))
	for _, file := range files {
		beside = append(beside, filepath.Base(filepath.Dir(file)))
	}
	if nearest := knob.DidYouMean(filepath.Base(dir), beside); nearest != "" {
		return nil, fmt.Errorf("%w%s", err, nearest)
	}
	return nil, err
}
