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
// without any. Durations of saturated trials do not count, and limited ones only if they shall.
func MainEffects(run *results.Run, experiment string, metrics []measure.Metric, limited bool) ([]results.Effect, error) {
	j := newJudge(experiment, run, metrics)
	if limited {
		j.readings = j.readings.WithLimited()
	}
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
		at := func(level string) int {
			return slices.IndexFunc(row, func(c results.Cell) bool { return c.Knobs[axis.Knob] == level })
		}
		i, base := at(level), at(e.Baseline)
		if i < 0 || base < 0 {
			continue
		}
		above, below, err := readBoth(j.readings, metric, row[i].ID, row[base].ID, "")
		if err != nil {
			return e, err
		}
		pair := results.NewPairEffect(j.label(row[i], map[string]string{axis.Knob: ""}), above.ByBlock, below.ByBlock)
		if pair.Ratio.N > 0 {
			e.Pairs = append(e.Pairs, pair)
		}
	}
	e.Combine()
	return e, nil
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
		floor, err := noiseFloor(readings, spec.ID, m)
		if err != nil {
			return nil, err
		}
		if floor.N > 0 {
			floors = append(floors, Floor{m.String(), floor})
		}
	}
	return floors, nil
}

// noiseFloor is what a metric differs by between equal cells of a run (A/A): the widest of
// those that were measured twice, of the given ones if any are given; of no blocks if there
// is none or it was not measured.
func noiseFloor(readings *results.Readings, experiment string, metric measure.Metric, cells ...string) (widest results.Estimate, err error) {
	for _, planned := range readings.Run.Info.Cells {
		if planned.Experiment != experiment || planned.TwinOf == "" || len(planned.Planted) > 0 || len(cells) > 0 && !slices.Contains(cells, planned.TwinOf) {
			continue
		}
		twin, original, err := readBoth(readings, metric, planned.ID, planned.TwinOf, "")
		if err != nil {
			return widest, err
		}
		if floor := twin.PairedWith(original).Ratio; floor.N > 0 && (widest.N == 0 || wider(floor, widest)) {
			widest = floor
		}
	}
	return widest, nil
}

// wider reports whether a noise floor lets pass more than another.
func wider(a, b results.Estimate) bool { return a.Bounded() && (!b.Bounded() || a.Hi/a.Lo > b.Hi/b.Lo) }

// Beyond reports whether a ratio leaves the noise floor: its interval and the
// floor's do not overlap.
func Beyond(ratio, floor results.Estimate) bool {
	return !floor.Bounded() || ratio.Bounded() && (ratio.Lo > floor.Hi || ratio.Hi < floor.Lo)
}
