package plots

import (
	"slices"
	"testing"
)

func TestCountsAreLabelledWithAsManyDigitsAsTheirStepsNeed(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      []string
	}{
		{0, 262_000, []string{"0", "50000", "100000", "150000", "200000", "250000"}},
		{-2.9, 70, []string{"0", "20", "40", "60"}},
		{0, 1.05, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{0, 0.04, []string{"0.00", "0.01", "0.02", "0.03", "0.04"}},
	} {
		var labels []string
		for _, tick := range countTicks(c.low, c.high) {
			labels = append(labels, tick.Label)
		}
		if !slices.Equal(labels, c.want) {
			t.Errorf("from %g to %g: %q, want %q", c.low, c.high, labels, c.want)
		}
	}
}
