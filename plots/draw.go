// Package plots draws figures from a stored run and nothing else: the tails of
// response times and of broker stages by model, percentile curves on the HDR axis,
// and rates of reads. Each figure is written as PNG and SVG.
package plots

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"c10klab/results"
)

// kinds are the figures of every experiment. A kind yields no figure where the
// run has nothing to show for it.
var kinds = []struct {
	name string
	make func(experiment string, s source) (figure, bool)
}{
	{"tail", tailFigure},
	{"stages", stageFigure},
	{"percentiles", curveFigure},
	{"rates", rateFigure},
}

// Draw writes the figures of every experiment of the run into dir, which it
// makes if needed, as EXPERIMENT-KIND.png and .svg, and returns their paths in
// order.
func Draw(run *results.Run, dir string) ([]string, error) {
	cells, err := run.Cells()
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", run.Dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make directory for figures: %w", err)
	}
	var files []string
	for len(cells) > 0 {
		experiment := cells[0].Experiment
		var own, rest []results.Cell
		for _, c := range cells {
			if c.Experiment == experiment {
				own = append(own, c)
			} else {
				rest = append(rest, c)
			}
		}
		drawn, err := drawExperiment(run, experiment, own, dir)
		if err != nil {
			return nil, err
		}
		files, cells = append(files, drawn...), rest
	}
	return files, nil
}

func drawExperiment(run *results.Run, experiment string, cells []results.Cell, dir string) ([]string, error) {
	s, err := newSource(run, cells)
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", experiment, err)
	}
	var files []string
	for _, kind := range kinds {
		f, found := kind.make(experiment, s)
		if !found {
			continue
		}
		names, err := f.save(filepath.Join(dir, experiment+"-"+kind.name))
		if err != nil {
			return nil, err
		}
		slices.SortFunc(names, strings.Compare)
		files = append(files, names...)
	}
	return files, nil
}
