package main

import (
	"slices"
	"strings"
	"testing"

	"c10klab/experiments"
	"c10klab/experiments/runner"
	"c10klab/internal/hdr"
	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/models"
	"c10klab/results"
)

func planOf(t *testing.T, full bool, names ...string) *experiments.Plan {
	t.Helper()
	config, err := runOptions{full: full}.config(names)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := runner.NewPlan(config)
	if err == nil {
		err = eachCell(plan, checkModel)
	}
	if err != nil {
		t.Fatalf("%v, full %v: %v", names, full, err)
	}
	return plan
}

// fullMinutes bounds what one full experiment may take, its controls included; modelMinutes
// what one that takes every model may take for each.
const fullMinutes, modelMinutes = 36, 7

func TestEverySpecExpandsIntoCellsThatAServerAccepts(t *testing.T) {
	t.Parallel() // it measures nothing
	specs, err := experiments.Specs()
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range specs {
		for _, full := range []bool{false, true} {
			plan := planOf(t, full, spec.ID)
			minutes := plan.Estimate().Minutes()
			t.Logf("%s, full %v: %d cells, %d trials, %.1f minutes", spec.ID, full, len(plan.Experiments[0].Cells), plan.Trials(), minutes)
			most := fullMinutes
			if slices.ContainsFunc(spec.Axes, func(a experiments.Axis) bool {
				return a.Knob == "model" && slices.Contains(a.Levels, experiments.EveryLevel)
			}) {
				most = modelMinutes * len(models.Models())
			}
			if cells := plan.Experiments[0].Cells; full && spec.MissingControl(cells) != "" {
				t.Errorf("%s: %s", spec.ID, spec.MissingControl(cells))
			}
			if full && minutes > float64(most) {
				t.Errorf("%s takes %.1f minutes, more than %d", spec.ID, minutes, most)
			}
		}
	}
}

// The families that refutations are corrected for are counted by the specs alone, so what a
// spec tells must be what is planned, and a part that several specs decide has no "*" open.
func TestSpecsAloneTellTheCellsOfTheirFullVariant(t *testing.T) {
	t.Parallel() // it measures nothing
	specs, err := experiments.Specs()
	if err != nil {
		t.Fatal(err)
	}
	deciding := map[string][]string{}
	for _, spec := range specs {
		for _, p := range spec.Predictions {
			if of := p.Claim + p.Part; !slices.Contains(deciding[of], spec.ID) {
				deciding[of] = append(deciding[of], spec.ID)
			}
		}
	}
	for _, spec := range specs {
		every := slices.IndexFunc(spec.Axes, func(a experiments.Axis) bool { return slices.Contains(a.Levels, experiments.EveryLevel) })
		if every >= 0 {
			for _, p := range spec.Predictions {
				knob := spec.Axes[every].Knob
				named := p.A[knob]+p.Where[knob] != ""
				if others := deciding[p.Claim+p.Part]; len(others) > 1 && !named {
					t.Errorf("%s: of %q several specs decide, %v: name the levels of %s", spec.ID, p.Part, others, knob)
				}
			}
			continue
		}
		planned := planOf(t, true, spec.ID).Experiments[0].Cells
		for _, knobs := range spec.FullCells() {
			if !slices.ContainsFunc(planned, func(cell results.PlannedCell) bool { return experiments.Matches(cell.Knobs, knobs) }) {
				t.Errorf("%s: the spec alone tells a cell that is not planned: %v", spec.ID, knobs)
			}
		}
	}
}

func TestTheMainJobKeepsItsCellsAndTime(t *testing.T) {
	plan := planOf(t, false)
	if minutes := plan.Estimate().Minutes(); minutes > 4 {
		t.Errorf("the main job takes %.1f minutes, more than 4", minutes)
	}
	if first := plan.Experiments[0]; first.Spec.ID != "write-100mbs" || len(first.Cells) != 2*len(models.Models()) {
		t.Errorf("it begins with %d cells of %s", len(first.Cells), first.Spec.ID)
	}
}

// quickMargin is how many times more requests than independent ones would take fall due in a quick trial:
// waits behind one stall come in clusters.
const quickMargin = 2.9

// A quick run says something of every percentile of producers' requests that a prediction reads.
func TestQuickWindowsAreLongEnoughForTheirPredictions(t *testing.T) {
	t.Parallel()
	specs, err := experiments.Specs()
	if err != nil {
		t.Fatal(err)
	}
	quantiles := map[string]float64{"p50": 0.5, "p99": 0.99, "p999": 0.999}
	for _, spec := range specs {
		for _, cell := range planOf(t, false, spec.ID).Experiments[0].Cells {
			_, load, err := configs(cell.Knobs)
			if err != nil {
				t.Fatal(err)
			}
			expected := load.Schedule.PerSecond * load.Window.Seconds()
			if cell.Knobs[knob.SwitchbackName] != "" {
				expected /= 2
			}
			for _, p := range spec.Predictions {
				key, percentile := p.Metric.Key()
				_, name, _ := strings.Cut(p.Metric.String(), " ")
				if !percentile || key.API != measure.Produce || load.Closed || !p.Reads(cell.Knobs) {
					continue
				}
				if q := quantiles[name]; !hdr.Supports(int64(expected/quickMargin), q) {
					t.Errorf("%s: %s of %.0f requests in %v, which may be too few", cell.ID, p.Metric, expected, load.Window)
				}
			}
		}
	}
}
