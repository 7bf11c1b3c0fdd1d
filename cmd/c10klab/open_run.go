package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"c10klab/internal/knob"
	"c10klab/results"
)

// openRun opens a run directory as results.OpenChecked does. Where none is, the error
// names the nearest one beside it.
func openRun(dir string) (*results.Run, error) {
	run, err := results.OpenChecked(dir)
	if !errors.Is(err, results.ErrNoRun) {
		return run, err
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
