package verdict

import (
	"slices"

	"c10klab/experiments"
	"c10klab/internal/measure"
	"c10klab/results"
)

// MainEffects compares each level of every axis with the axis's first level, for
// each metric, within the blocks of a run's experiment; ordered by axis, metric
// and level. Pairs that were not measured are left out, and so is an effect
// without any. Durations of saturated trials do not count.
func MainEffects(run *results.Run, experiment string, metrics []measure.Metric) ([]results.Effect, error) {
	j := newJudge(experiment, run, metrics)
	var effects []results.Effect
	for _, axis := range axesOf(j.cells) {
		for _, metric := range metrics {
			for _, level := range axis.Levels[1:] {
				e, err := j.effect(axis, level, metric)
				if err != nil {
					return nil, err
				}
				if e.Experiment = experiment; e.Ratio.N > 0 {
					effects = append(effects, e)
				}
			}
		}
	}
	return effects, nil
}

func (j judge) effect(axis experiments.Axis, level string, metric measure.Metric) (results.Effect, error) {
	e := results.Effect{Knob: axis.Knob, Level: level, Baseline: axis.Levels[0], Metric: metric.String()}
	for _, row := range j.rows(axis.Knob, nil) {
		cell, there := atLevel(row, axis.Knob, level)
		base, baseThere := atLevel(row, axis.Knob, e.Baseline)
		if !there || !baseThere {
			continue
		}
		above, err := j.readings.Of(metric, cell.ID, false)
		if err != nil {
			return e, err
		}
		below, err := j.readings.Of(metric, base.ID, false)
		if err != nil {
			return e, err
		}
		pair := results.NewPairEffect(j.label(cell, map[string]string{axis.Knob: ""}), above.ByBlock, below.ByBlock)
		if pair.Ratio.N > 0 {
			e.Pairs = append(e.Pairs, pair)
		}
	}
	e.Combine()
	return e, nil
}

func atLevel(row []results.Cell, knob, level string) (results.Cell, bool) {
	i := slices.IndexFunc(row, func(c results.Cell) bool { return c.Knobs[knob] == level })
	if i < 0 {
		return results.Cell{}, false
	}
	return row[i], true
}

// axesOf finds the knobs that differ between cells, with their levels in the order
// of the plan.
func axesOf(cells []results.Cell) []experiments.Axis {
	var axes []experiments.Axis
	for _, name := range results.VaryingKnobs(cells) {
		axis := experiments.Axis{Knob: name}
		for _, c := range cells {
			if !slices.Contains(axis.Levels, c.Knobs[name]) {
				axis.Levels = append(axis.Levels, c.Knobs[name])
			}
		}
		if len(axis.Levels) > 1 {
			axes = append(axes, axis)
		}
	}
	return axes
}

type Floor struct {
	Metric string
	Ratio  results.Estimate
}

// NoiseFloors are those of the metrics that a spec's predictions are on, in their
// order; none if the run has no two equal cells.
func NoiseFloors(run *results.Run, spec *experiments.Spec) ([]Floor, error) {
	var floors []Floor
	var metrics []measure.Metric
	for _, p := range spec.Predictions {
		if !slices.ContainsFunc(metrics, func(m measure.Metric) bool { return m.String() == p.Metric.String() }) {
			metrics = append(metrics, p.Metric)
		}
	}
	readings := results.NewReadings(run, metrics...)
	for _, m := range metrics {
		floor, known, err := noiseFloor(readings, spec.ID, m)
		if err != nil {
			return nil, err
		}
		if known {
			floors = append(floors, Floor{m.String(), floor.Ratio})
		}
	}
	return floors, nil
}

// noiseFloor is what a metric differs by between the two cells of a full run that are
// the same (A/A); false if the run has none or did not measure it.
func noiseFloor(readings *results.Readings, experiment string, metric measure.Metric) (results.Difference, bool, error) {
	for _, planned := range readings.Run.Info.Cells {
		if planned.Experiment != experiment || planned.TwinOf == "" {
			continue
		}
		twin, err := readings.Of(metric, planned.ID, false)
		if err != nil {
			return results.Difference{}, false, err
		}
		original, err := readings.Of(metric, planned.TwinOf, false)
		if err != nil {
			return results.Difference{}, false, err
		}
		floor := twin.PairedWith(original)
		return floor, floor.Ratio.N > 0, nil
	}
	return results.Difference{}, false, nil
}

// Beyond reports whether a ratio leaves the noise floor: its interval and the
// floor's do not overlap.
func Beyond(ratio, floor results.Estimate) bool {
	return !floor.Bounded() || ratio.Bounded() && (ratio.Lo > floor.Hi || ratio.Hi < floor.Lo)
}
