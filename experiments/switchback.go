package experiments

import (
	"fmt"
	"maps"
	"slices"

	"c10klab/internal/knob"
	"c10klab/results"
)

// addCell plans a cell: with knob switchback one for each arm, all of which one trial of a
// block measures. An arm named again is the twin of the first.
func (p *Planned) addCell(cell results.PlannedCell, tables KnobTables) error {
	s, err := knob.ParseSwitchback(cell.Knobs[knob.SwitchbackName])
	if err != nil || s.Knob == "" {
		p.Cells = append(p.Cells, cell)
		return err
	}
	for i, value := range s.Values {
		if err := tables.check(s.Knob, value); err != nil {
			return fmt.Errorf("knob %s: %w", knob.SwitchbackName, err)
		}
		arm := cell
		arm.Knobs = maps.Clone(cell.Knobs)
		arm.Knobs[s.Knob] = value
		arm.ID += "." + fileNamePart(value)
		if slices.Index(s.Values, value) < i {
			arm.TwinOf = arm.ID
			arm.ID += twinSuffix
		}
		p.Cells = append(p.Cells, arm)
	}
	return nil
}

// ArmsOf are the cells that are measured together with one, itself among them, in the order
// of the knob's values.
func (p Planned) ArmsOf(cell results.PlannedCell) []results.PlannedCell {
	s, err := knob.ParseSwitchback(cell.Knobs[knob.SwitchbackName])
	if err != nil || s.Knob == "" {
		return []results.PlannedCell{cell}
	}
	return slices.DeleteFunc(slices.Clone(p.Cells), func(other results.PlannedCell) bool {
		knobs := maps.Clone(other.Knobs)
		knobs[s.Knob] = cell.Knobs[s.Knob]
		return !maps.Equal(knobs, cell.Knobs)
	})
}

// ArmOf is the number of a cell's arm among its switchback's values, which must have it: of a value
// that is there twice the first is the cell's and the last its twin's.
func ArmOf(cell results.PlannedCell) int {
	s, _ := knob.ParseSwitchback(cell.Knobs[knob.SwitchbackName]) // as it was planned
	first := slices.Index(s.Values, cell.Knobs[s.Knob])
	if again := slices.Index(s.Values[first+1:], s.Values[first]); again >= 0 && cell.TwinOf != "" && cell.Planted == nil {
		return first + 1 + again
	}
	return first
}
