package verdict

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"c10klab/experiments/internal/fixture"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/results"
)

// modelRun has eight blocks in which blocks differ more than models; tail cells of
// loop-per-thread take factor times as long.
func modelRun(t *testing.T, factor float64) *results.Run {
	t.Helper()
	return simulated(t, filepath.Join(t.TempDir(), "run"), parsed(t, fixture.SmallSpec), 8, func(c results.PlannedCell, block int) (record.Outcome, float64, float64) {
		p99 := 1e6 * float64(block)
		if c.Knobs["model"] == "loop-per-thread" && c.Knobs["consumers"] == "tail" {
			p99 *= factor
		}
		return record.Valid, 0.99, p99
	})
}

func metricsOf(t *testing.T, names ...string) []measure.Metric {
	t.Helper()
	var metrics []measure.Metric
	for _, name := range names {
		m, err := measure.ParseMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		metrics = append(metrics, m)
	}
	return metrics
}

func TestVariantsOfARunAreComparedWithinBlocks(t *testing.T) {
	run := modelRun(t, 2)
	c, err := Compare(CompareConfig{
		A:       Side{run, map[string]string{"model": "loop-per-thread"}},
		B:       Side{run, map[string]string{"model": "reactor"}},
		Metrics: metricsOf(t, "ResponseTime/Produce p99"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Paired || len(c.Confounders) != 0 || len(c.Axis) != 1 || c.Axis[0] != (SetupDifference{"model", "loop-per-thread", "reactor"}) {
		t.Errorf("axis %v, confounders %v", c.Axis, c.Confounders)
	}
	if len(c.Rows) != 2 || c.Rows[0].Cells != "consumers=none" || c.Rows[1].Cells != "consumers=tail" {
		t.Fatalf("rows %+v", c.Rows)
	}
	if none := c.Rows[0]; none.Different || none.Difference.Ratio.Median != 1 {
		t.Errorf("equal cells: %v", none.Difference)
	}
	if tail := c.Rows[1]; !tail.Different || tail.Difference.Ratio.Median < 1.99 || tail.Difference.Ratio.Median > 2.01 {
		t.Errorf("unequal cells: %v", tail.Difference)
	}
}

func TestRunsAreComparedAsIndependentTrialsAndSetupsFirst(t *testing.T) {
	before, after := modelRun(t, 1), modelRun(t, 50)
	after.Info.Host.Kernel, after.Info.Seed = "6.1", 99
	c, err := Compare(CompareConfig{A: Side{Run: after}, B: Side{Run: before}, Axis: "kernel", Metrics: metricsOf(t, "ResponseTime/Produce p99", "rate_mb_s")})
	if err != nil {
		t.Fatal(err)
	}
	names := func(differences []SetupDifference) (all []string) {
		for _, d := range differences {
			all = append(all, d.Name)
		}
		return all
	}
	if c.Paired || !slices.Equal(names(c.Axis), []string{"kernel"}) || !slices.Equal(names(c.Confounders), []string{"seed"}) {
		t.Errorf("axis %v, confounders %v", c.Axis, c.Confounders)
	}
	different := 0
	for _, row := range c.Rows {
		if row.Different {
			different++
			if row.Cells != "consumers=tail model=loop-per-thread" || row.Metric != "ResponseTime/Produce p99" {
				t.Errorf("called different: %+v", row)
			}
		}
	}
	if len(c.Rows) != 8 || different != 1 {
		t.Errorf("%d of %d rows are called different", different, len(c.Rows))
	}
	after.Info.Seed = before.Info.Seed
	if c, err = Compare(CompareConfig{A: Side{Run: after}, B: Side{Run: before}, Metrics: metricsOf(t, "rate_mb_s")}); err != nil || len(c.Confounders) != 0 {
		t.Errorf("a single difference is not taken for the axis: %+v, %v", c.Confounders, err)
	}
	if _, err := Compare(CompareConfig{A: Side{Run: after}, B: Side{Run: before}, Axis: "kernle"}); err == nil {
		t.Error("an axis that is none was accepted")
	}
	_, err = Compare(CompareConfig{A: Side{after, map[string]string{"model": "reactor"}}, B: Side{before, map[string]string{"model": "copy"}}})
	if !errors.Is(err, ErrNothingToCompare) {
		t.Errorf("error %v, want %v", err, ErrNothingToCompare)
	}
}

// fullRun is a full run: it has a twin, which in the given blocks measured noise
// times what its original did, and in the others as much less.
func fullRun(t *testing.T, noise, effect float64) *results.Run {
	t.Helper()
	spec := parsed(t, fixture.SmallSpec)
	return fixture.Run(t, results.Source{}, filepath.Join(t.TempDir(), "run"), spec.ID, spec.Text, cellsOf(t, spec, true), 8,
		func(c results.PlannedCell, block int) (record.Outcome, float64, float64) {
			switch {
			case c.TwinOf != "" && block%2 == 0:
				return record.Valid, 0.99, 1e6 * noise
			case c.TwinOf != "":
				return record.Valid, 0.99, 1e6 / noise
			case c.Knobs["model"] == "loop-per-thread":
				return record.Valid, 0.99, 1e6 * effect
			}
			return record.Valid, 0.99, 1e6
		})
}

func TestADifferenceMustLeaveTheNoiseFloor(t *testing.T) {
	for _, c := range []struct {
		noise, effect float64
		want          bool
	}{{1.02, 1.2, true}, {1.5, 1.2, false}, {1.5, 4, true}} {
		run := fullRun(t, c.noise, c.effect)
		if cells := run.CellOutcomes(); len(cells) != 4 {
			t.Errorf("%d cells, the twin among them", len(cells))
		}
		got, err := Compare(CompareConfig{A: Side{run, map[string]string{"model": "loop-per-thread"}},
			B: Side{run, map[string]string{"model": "reactor"}}, Metrics: metricsOf(t, "ResponseTime/Produce p99")})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range got.Rows {
			if row.Different != c.want || row.NoiseFloor == nil {
				t.Errorf("ratio %v over a noise floor of %v: different %v", row.Difference.Ratio, row.NoiseFloor, row.Different)
			}
		}
	}
}

func TestNoiseFloorsAreThoseOfThePredictions(t *testing.T) {
	spec := parsed(t, fixture.SmallSpec)
	floors, err := NoiseFloors(fullRun(t, 1.5, 1), spec)
	if err != nil || len(floors) != 1 || floors[0].Metric != "rate_held" || floors[0].Ratio.Median != 1 {
		t.Errorf("%+v, %v", floors, err)
	}
	if floors, err := NoiseFloors(modelRun(t, 1), spec); err != nil || len(floors) != 0 {
		t.Errorf("a run without equal cells: %+v, %v", floors, err)
	}
}

func TestMainEffectsPairCellsAndFlagReversals(t *testing.T) {
	run := modelRun(t, 4)
	effects, err := MainEffects(run, "small", metricsOf(t, "ResponseTime/Produce p99"), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(effects) != 2 || effects[0].Knob != "model" || effects[1].Knob != "consumers" {
		t.Fatalf("effects %+v", effects)
	}
	model := effects[0]
	if model.Level != "loop-per-thread" || model.Baseline != "reactor" || len(model.Pairs) != 2 || model.Reversed ||
		model.Ratio.Median < 1.99 || model.Ratio.Median > 2.01 || model.Ratio.N != 8 {
		t.Errorf("model: %+v; want the geometric mean of 1 and 4", model)
	}
	measured, err := results.DefaultMetrics(run)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range measured {
		names = append(names, m.String())
	}
	if want := []string{"ResponseTime/Produce p50", "ResponseTime/Produce p99", "ResponseTime/Produce p999", "rate_mb_s"}; !slices.Equal(names, want) {
		t.Errorf("metrics %v, want %v", names, want)
	}
}
