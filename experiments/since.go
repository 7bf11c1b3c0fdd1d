package experiments

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"c10klab/results"
)

// ChangedSince says in which respects, of those that evidence rests on, the spec is
// another than the one by which a run was made, of which these are the cells; nil: in
// none. What the spec has gained does not count: levels, predictions, other words.
func (s *Spec) ChangedSince(then *Spec, cells []results.PlannedCell, full bool) []string {
	var changes []string
	for _, p := range then.Predictions {
		if !s.Predicts(p) {
			changes = append(changes, fmt.Sprintf("the spec no longer predicts for %s: %s", p.Claim, p))
		}
	}
	for _, c := range then.Controls {
		if !slices.ContainsFunc(s.Controls, func(now Control) bool { return now.String() == c.String() }) {
			changes = append(changes, fmt.Sprintf("the spec no longer has the %s control %s", c.Kind, c))
		}
	}
	axes, fixed := s.resolve(PlanConfig{Full: full})
	for _, cell := range cells {
		if len(cell.Planted) > 0 {
			continue // it is the cell that it repeats, but for the control's own knobs
		}
		if err := s.stillHas(cell.Knobs, axes, fixed); err != nil {
			return append(changes, fmt.Sprintf("cell %s is no longer the spec's: %v", cell.ID, err))
		}
	}
	return changes
}

// Predicts reports whether a prediction of the spec is the same in all but its words.
func (s *Spec) Predicts(p Prediction) bool {
	_, there := s.prediction(p)
	return there
}

func (s *Spec) prediction(p Prediction) (Prediction, bool) {
	i := slices.IndexFunc(s.Predictions, p.Same)
	if i < 0 {
		return Prediction{}, false
	}
	return s.Predictions[i], true
}

// stillHas says why a cell is none of the spec's; knobs that every cell tells may have
// their defaults, and backed memory keeps the machine still, whatever is measured on it.
func (s *Spec) stillHas(knobs map[string]string, axes []Axis, fixed map[string]string) error {
	wanted := map[string][]string{}
	for name, value := range fixed {
		wanted[name] = []string{value}
	}
	for _, axis := range axes {
		wanted[axis.Knob] = axis.Levels
	}
	delete(wanted, BackedMemoryKnob)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !slices.Contains(wanted[name], knobs[name]) && !slices.Contains(wanted[name], EveryLevel) {
			return fmt.Errorf("%s was %q, now it is %s", name, knobs[name], strings.Join(wanted[name], " or "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(knobs)) {
		if wanted[name] == nil && !slices.Contains(labels, name) && name != BackedMemoryKnob {
			return fmt.Errorf("%s=%s is no longer set", name, knobs[name])
		}
	}
	if s.excludes(knobs) {
		return errors.New("it is excluded")
	}
	return nil
}

// InWordsOf is a spec as it was, in the words of the present one where they tell of the
// same.
func (s *Spec) InWordsOf(now *Spec) *Spec {
	own := *s
	own.Title, own.Question, own.Method = now.Title, now.Question, now.Method
	own.Predictions = slices.Clone(s.Predictions)
	for i, p := range own.Predictions {
		if q, there := now.prediction(p); there {
			own.Predictions[i] = q
		}
	}
	return &own
}
