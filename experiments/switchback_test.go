package experiments

import (
	"testing"

	"c10klab/results"
)

func TestArmsAreToldByValueAndTwin(t *testing.T) {
	cell := func(send, twinOf string, planted map[string]string) results.PlannedCell {
		return results.PlannedCell{Knobs: map[string]string{"switchback": "send=inline,pool,inline", "send": send}, TwinOf: twinOf, Planted: planted}
	}
	for name, c := range map[string]struct {
		cell results.PlannedCell
		want int
	}{
		"first":   {cell("inline", "", nil), 0},
		"second":  {cell("pool", "", nil), 1},
		"twin":    {cell("inline", "x", nil), 2},
		"planted": {cell("pool", "x", map[string]string{"plant": "Send=1ms"}), 1},
	} {
		if got := ArmOf(c.cell); got != c.want {
			t.Errorf("%s: arm %d, want %d", name, got, c.want)
		}
	}
}
