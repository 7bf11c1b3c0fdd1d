package experiments

import (
	"fmt"
	"maps"
	"slices"

	"github.com/BurntSushi/toml"

	"c10klab/internal/knob"
	"c10klab/internal/osthread"
)

func (s *Spec) checkKnobs(tables KnobTables) error {
	for _, sec := range []struct {
		path   toml.Key
		values map[string]string
	}{{toml.Key{"fixed"}, s.Fixed}, {toml.Key{"quick", "fixed"}, s.Quick.Fixed}, {toml.Key{"full", "fixed"}, s.Full.Fixed}} {
		if name, err := tables.checkAll(sec.values); err != nil {
			return s.errorAt(append(slices.Clone(sec.path), name), "%w", err)
		}
		for _, axis := range s.Axes {
			if _, both := sec.values[axis.Knob]; both {
				return s.errorAt(append(slices.Clone(sec.path), axis.Knob), "knob %s is both fixed and an axis", axis.Knob)
			}
		}
	}
	if err := s.checkAxes(tables); err != nil {
		return err
	}
	for i, exclusion := range s.Exclude {
		if err := s.checkSelection(tables, exclusion); err != nil {
			return s.errorAtTable("exclude", i, "exclusion %d: %w", i+1, err)
		}
	}
	for i, p := range s.Predictions {
		if err := s.checkPrediction(tables, p); err != nil {
			return s.errorAtTable("predictions", i, "prediction %d: %w", i+1, err)
		}
	}
	return s.checkControls(tables)
}

func (s *Spec) checkPrediction(tables KnobTables, p Prediction) error {
	for _, values := range []map[string]string{p.A, p.B, p.Where} {
		if err := s.checkSelection(tables, values); err != nil {
			return err
		}
	}
	if servers := serversOfCells(s.Axes, s.Fixed); !slices.Contains(servers, p.Metric.Server()) {
		return fmt.Errorf("metric %q: no server is named %q%s", p.Metric, p.Metric.Server(), knob.DidYouMean(p.Metric.Server(), servers))
	}
	if p.Along == "" {
		return nil
	}
	var axes []string
	for _, axis := range s.Axes {
		if axis.Knob == p.Along {
			return nil
		}
		axes = append(axes, axis.Knob)
	}
	return fmt.Errorf("the experiment has no axis %s%s", p.Along, knob.DidYouMean(p.Along, axes))
}

// checkSelection checks values that select cells: some cell must have each.
func (s *Spec) checkSelection(tables KnobTables, values map[string]string) error {
	if _, err := tables.checkAll(values); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if had := s.valuesOf(tables, name); !slices.Contains(had, values[name]) {
			return fmt.Errorf("no cell has %s=%s%s", name, values[name], knob.DidYouMean(values[name], had))
		}
	}
	return nil
}

// valuesOf lists the values that a knob has in some cell of some variant.
func (s *Spec) valuesOf(tables KnobTables, name string) []string {
	var values []string
	for _, full := range []bool{false, true} {
		axes, fixed := s.resolve(PlanConfig{Full: full})
		if value, isFixed := fixed[name]; isFixed {
			values = append(values, value)
		}
		if i := slices.IndexFunc(axes, func(a Axis) bool { return a.Knob == name }); i >= 0 {
			levels, _ := tables.levelsOf(axes[i]) // whose error is told of the axis
			values = append(values, levels...)
		}
	}
	if name != knob.SwitchbackName {
		for _, text := range s.valuesOf(tables, knob.SwitchbackName) {
			if arms, err := knob.ParseSwitchback(text); err == nil && arms.Knob == name { // a wrong one is told of when the cells are made
				values = append(values, arms.Values...)
			}
		}
	}
	if len(values) == 0 && slices.Contains(labels, name) {
		values = append(values, tables.defaultOf(name))
	}
	return values
}

func (s *Spec) checkAxes(tables KnobTables) error {
	for _, axis := range s.Axes {
		if axis.Knob == LatenessLimitKnob {
			return s.errorAt(toml.Key{"axes", axis.Knob}, "all cells are judged by one %s: it goes into [fixed]", axis.Knob)
		}
		if err := tables.checkLevels(axis); err != nil {
			return s.errorAt(toml.Key{"axes", axis.Knob}, "%w", err)
		}
	}
	for variant, axes := range map[string]map[string][]string{"quick": s.Quick.Axes, "full": s.Full.Axes} {
		for name, levels := range axes {
			key := toml.Key{variant, "axes", name}
			if !slices.ContainsFunc(s.Axes, func(a Axis) bool { return a.Knob == name }) {
				return s.errorAt(key, "the experiment has no axis %s", name)
			}
			if err := tables.checkLevels(Axis{Knob: name, Levels: levels}); err != nil {
				return s.errorAt(key, "%w", err)
			}
		}
	}
	return nil
}

func (k KnobTables) checkLevels(axis Axis) error {
	if len(axis.Levels) == 0 {
		return fmt.Errorf("axis %s has no level", axis.Knob)
	}
	var err error
	if axis.Levels, err = k.levelsOf(axis); err != nil {
		return err
	}
	for i, level := range axis.Levels {
		if err := k.check(axis.Knob, level); err != nil {
			return err
		}
		if slices.Contains(axis.Levels[:i], level) {
			return fmt.Errorf("axis %s names level %s twice", axis.Knob, level)
		}
	}
	return nil
}

// needs are what a spec may ask of a machine; the function says what is missing.
var needs = map[string]func() error{
	"two-cpus": func() error {
		cpus, err := osthread.ProcessCPUs()
		if err == nil && len(cpus) < 2 {
			err = fmt.Errorf("server and load generator need a CPU each, this process may use %d", len(cpus))
		}
		return err
	},
}

func (s *Spec) checkNeeds() error {
	for _, need := range s.Needs {
		if needs[need] == nil {
			known := slices.Sorted(maps.Keys(needs))
			return s.errorAt(toml.Key{"needs"}, "nothing known is called %q%s", need, knob.DidYouMean(need, known))
		}
	}
	return nil
}

// Missing says which need of the spec this machine does not meet.
func (s *Spec) Missing() error {
	for _, need := range s.Needs {
		if err := needs[need](); err != nil {
			return fmt.Errorf("experiment %s needs %s: %w", s.ID, need, err)
		}
	}
	return nil
}
