package experiments

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/results"
)

// Control asks a run whether its own comparisons can be believed. A positive one repeats
// cells with something planted in them, whose effect the comparison with the cells as they
// are must find. A negative one repeats cells as they are (A/A): no metric that a
// prediction reads there may differ.
type Control struct {
	Kind ControlKind
	Cell map[string]string // which cells; of a negative control none: all that predictions read

	// Of a positive control.
	Planted    map[string]string // knobs in which the repetition differs
	Metric     measure.Metric
	Difference bool // of the planted cell less the other, not the ratio
	Relation   results.Relation
	Threshold  float64

	// Margin is by how much, as a share, the ratio of equal cells may lie beside 1.
	Margin float64
}

type ControlKind string

const (
	Positive ControlKind = "positive"
	Negative ControlKind = "negative"
)

// defaultMargin is that of a negative control which names none.
const defaultMargin = 0.05

// Prediction is what a positive control must find.
func (c Control) Prediction() Prediction {
	planted := maps.Clone(c.Cell)
	maps.Copy(planted, c.Planted)
	return Prediction{Metric: c.Metric, A: planted, B: c.Cell, Difference: c.Difference, Relation: c.Relation, Threshold: c.Threshold}
}

func (c Control) String() string {
	if c.Kind == Positive {
		return c.Prediction().String()
	}
	cells := "each cell that a prediction reads"
	if len(c.Cell) > 0 {
		cells = Settings(c.Cell)
	}
	return fmt.Sprintf("%s again ÷ itself within %g %% of 1", cells, 100*c.Margin)
}

// Reads reports whether the prediction reads its metric in a cell.
func (p Prediction) Reads(knobs map[string]string) bool {
	if len(p.A) > 0 {
		return Matches(knobs, p.A) || Matches(knobs, p.B)
	}
	return Matches(knobs, p.Where)
}

// Repeats reports whether the control repeats a cell of the spec.
func (c Control) Repeats(s *Spec, knobs map[string]string) bool {
	if c.Kind == Negative && len(c.Cell) == 0 {
		return slices.ContainsFunc(s.Predictions, func(p Prediction) bool { return p.Reads(knobs) })
	}
	return Matches(knobs, c.Cell)
}

// ControlsOf are the controls that a cell of a run is there for: of a negative one with each metric
// that a prediction reads in it.
func (s *Spec) ControlsOf(cell results.PlannedCell) (own []Control) {
	for _, c := range s.Controls {
		switch {
		case cell.TwinOf == "" || !maps.Equal(c.Planted, cell.Planted) || len(own) > 0:
		case c.Kind == Positive && Matches(cell.Knobs, c.Prediction().A):
			return []Control{c}
		case c.Kind == Negative && c.Repeats(s, cell.Knobs):
			for _, p := range s.Predictions {
				c.Metric = p.Metric
				if p.Reads(cell.Knobs) && !slices.ContainsFunc(own, func(o Control) bool { return o.Metric.String() == p.Metric.String() }) {
					own = append(own, c)
				}
			}
		}
	}
	return own
}

// addControls adds the cells of the controls. Of a spec without any, all cells are repeated
// that its predictions read.
func (p *Planned) addControls(tables KnobTables) error {
	controls := p.Spec.Controls
	if len(controls) == 0 {
		controls = []Control{{Kind: Negative}}
	}
	cells := p.Cells
	for i, c := range controls {
		for _, cell := range cells {
			again := results.PlannedCell{Experiment: cell.Experiment, ID: cell.ID + twinSuffix, Knobs: maps.Clone(cell.Knobs), TwinOf: cell.ID, Planted: c.Planted}
			if c.Kind == Positive {
				again.ID = fmt.Sprintf("%s.planted-%d", cell.ID, i+1)
				maps.Copy(again.Knobs, c.Planted)
			}
			arm := c.Kind == Negative && cell.Knobs[knob.SwitchbackName] != "" // whose own knob repeats arms
			if arm || !c.Repeats(p.Spec, cell.Knobs) || slices.ContainsFunc(p.Cells, func(o results.PlannedCell) bool { return o.ID == again.ID }) {
				continue
			}
			if tables.Refuses != nil {
				if err := tables.Refuses(again.Knobs); err != nil {
					return fmt.Errorf("experiment %s: control %s: %w", p.Spec.ID, again.ID, err)
				}
			}
			p.Cells = append(p.Cells, again)
			p.BlockTime += tables.TrialTime(again.Knobs)
		}
	}
	return nil
}

// MissingControl says which control of those that evidence takes is not among a run's
// cells; empty: none. Each prediction that reads any of them takes a repeated one that it
// reads, and the spec a planted effect, or why there is none.
func (s *Spec) MissingControl(cells []results.PlannedCell) string {
	is := func(kind ControlKind, p Prediction) bool {
		return slices.ContainsFunc(cells, func(c results.PlannedCell) bool {
			return c.Experiment == s.ID && slices.ContainsFunc(s.ControlsOf(c), func(own Control) bool {
				return own.Kind == kind && (kind == Positive || own.Metric.String() == p.Metric.String() && p.Reads(c.Knobs))
			})
		})
	}
	if s.NoControl == "" && !is(Positive, Prediction{}) {
		return "no positive control: no effect was planted that the comparison must find"
	}
	for _, p := range s.Predictions {
		reads := slices.ContainsFunc(cells, func(c results.PlannedCell) bool { return c.Experiment == s.ID && p.Reads(c.Knobs) })
		if reads && !is(Negative, p) {
			return fmt.Sprintf("no negative control: no cell was measured twice for %s", p)
		}
	}
	return ""
}

// controlFile is a control as TOML has it.
type controlFile struct {
	Control
	Metric        string
	Cell, Planted scalars
	Threshold     *float64
	Margin        *float64
}

func (f controlFile) control() (Control, error) {
	c := f.Control
	c.Cell, c.Planted = f.Cell.text(), f.Planted.text()
	given := f.Metric != "" || len(c.Planted) > 0 || c.Relation != "" || f.Threshold != nil || c.Difference
	switch {
	case c.Kind == Negative && given:
		return c, errors.New("a negative control has a cell and a margin, and nothing else")
	case c.Kind == Negative:
		if c.Margin = defaultMargin; f.Margin != nil {
			c.Margin = *f.Margin
		}
		return c, nil
	case c.Kind != Positive:
		return c, fmt.Errorf("kind %q is neither %s nor %s", c.Kind, Positive, Negative)
	case len(c.Cell) == 0 || len(c.Planted) == 0 || f.Margin != nil:
		return c, errors.New("a positive control has a cell, what is planted in it, a metric, a relation and a threshold")
	}
	var err error
	if c.Metric, err = measure.ParseMetric(f.Metric); err == nil {
		err = checkCondition(c.Relation, f.Threshold)
	}
	if err == nil {
		c.Threshold = *f.Threshold
	}
	return c, err
}

func (s *Spec) checkControls(tables KnobTables) error {
	for i, c := range s.Controls {
		err := s.checkSelection(tables, c.Cell)
		if err == nil {
			_, err = tables.checkAll(c.Planted)
		}
		if err != nil {
			return s.errorAtTable("controls", i, "control %d: %w", i+1, err)
		}
	}
	return nil
}
