// Package plots draws figures from a stored run and nothing else, of the kinds below. Of a
// raw run each is PNG and SVG, of packed evidence SVG alone; an SVG of a raw run tells the
// values behind its marks.
package plots

import (
	"fmt"
	"os"
	"path/filepath"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/results"
)

// kinds are the figures of every experiment, in the order that readers see them. A kind
// yields no figure where the run has nothing to show for it.
var kinds = []struct {
	name string
	make func(experiment string, s source) (figure, bool)
}{
	{"tail", tailFigure},
	{"sweep", sweepFigure},
	{"rates", rateFigure},
	{"ratios", forestFigure},
	{"effects", effectFigure},
	{"stack", stackFigure},
	{"stages", stageFigure},
	{"percentiles", curveFigure},
	{"over-time", overTimeFigure},
	{"heat", heatFigure},
}

// InDir lists an experiment's figures that are drawn in the directory of a run, by their
// files below results.PlotsDir, in the order that readers see them.
func InDir(runDir, experiment string) (files []string) {
	for _, kind := range kinds {
		file := base(experiment, kind.name) + ".svg"
		if _, err := os.Stat(filepath.Join(results.PlotsDir(runDir), file)); err == nil {
			files = append(files, file)
		}
	}
	return files
}

// base is a figure's file name without its format.
func base(experiment, kind string) string { return experiment + "-" + kind }

// Ratios are the comparisons that figures show, by experiment.
type Ratios map[string][]Ratio

// Figure is a figure drawn as SVG.
type Figure struct {
	Experiment string
	Kind       string // unique within the experiment
	Title      string
	SVG        []byte
}

// mostCells bounds the rows of a figure.
const mostCells = 60

// Cells reads of a run what figures show.
func Cells(run *results.Run) ([]results.Cell, error) {
	return run.Cells(nil, func(key hdr.Key) bool { return measure.ResponseTime.Is(key) || measure.ServiceTime.Is(key) })
}

// Figures draws the figures of every experiment of the run, in order, from its
// cells.
func Figures(run *results.Run, cells []results.Cell, ratios Ratios) ([]Figure, error) {
	var drawn []Figure
	err := eachFigure(run, cells, ratios, func(experiment, kind string, f figure) error {
		svg, err := f.svg(false)
		drawn = append(drawn, Figure{Experiment: experiment, Kind: kind, Title: f.title, SVG: svg})
		return err
	})
	return drawn, err
}

// Draw writes the figures of every experiment of the run, from its cells, into dir, which it
// makes if needed, as EXPERIMENT-KIND.png and .svg, of packed evidence as .svg alone, and
// returns their paths in order.
func Draw(run *results.Run, cells []results.Cell, ratios Ratios, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make directory for figures: %w", err)
	}
	var files []string
	err := eachFigure(run, cells, ratios, func(experiment, kind string, f figure) error {
		names, err := f.save(filepath.Join(dir, base(experiment, kind)), run.Packed())
		files = append(files, names...)
		return err
	})
	return files, err
}

// eachFigure makes the figures of each experiment in turn.
func eachFigure(run *results.Run, cells []results.Cell, ratios Ratios, use func(experiment, kind string, f figure) error) error {
	for _, experiment := range distinct(texts(cells, func(c results.Cell) string { return c.Experiment })) {
		own := results.OfExperiment(cells, experiment)
		shown := own[:min(len(own), mostCells)]
		s, err := newSource(run, shown)
		if err != nil {
			return fmt.Errorf("draw %s: %w", experiment, err)
		}
		s.ratios = ratios[experiment]
		for _, kind := range kinds {
			f, found := kind.make(experiment, s)
			if !found {
				continue
			}
			if left := len(own) - len(shown); left > 0 {
				f.noteLeft(len(shown), left, "cells")
				f.height += noteLine
			}
			if err := use(experiment, kind.name, f); err != nil {
				return err
			}
		}
	}
	return nil
}
