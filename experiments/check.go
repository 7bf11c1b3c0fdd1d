package experiments

import (
	"fmt"
	"slices"

	"github.com/BurntSushi/toml"
)

// checkKnobs checks each name and value that the spec mentions.
func (s *Spec) checkKnobs(tables knobTables) error {
	type section struct {
		path   toml.Key
		values map[string]string
	}
	sections := []section{{toml.Key{"fixed"}, s.Fixed}, {toml.Key{"quick", "fixed"}, s.Quick.Fixed}, {toml.Key{"full", "fixed"}, s.Full.Fixed}}
	for _, exclusion := range s.Exclude {
		sections = append(sections, section{toml.Key{"exclude"}, exclusion})
	}
	for _, p := range s.Predictions {
		for _, values := range []map[string]string{p.A, p.B, p.Where} {
			sections = append(sections, section{toml.Key{"predictions"}, values})
		}
	}
	for _, sec := range sections {
		if name, err := tables.checkAll(sec.values); err != nil {
			key := append(slices.Clone(sec.path), name)
			if lineOf(s.Text, key) == 0 {
				key = sec.path
			}
			return s.errorAt(key, "%w", err)
		}
	}
	return s.checkAxes(tables)
}

func (s *Spec) checkAxes(tables knobTables) error {
	for _, axis := range s.Axes {
		if _, both := s.Fixed[axis.Knob]; both {
			return s.errorAt(toml.Key{"axes", axis.Knob}, "knob %s is both fixed and an axis", axis.Knob)
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

func (k knobTables) checkLevels(axis Axis) error {
	if len(axis.Levels) == 0 {
		return fmt.Errorf("axis %s has no level", axis.Knob)
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
