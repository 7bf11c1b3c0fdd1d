package results

import (
	"math"
	"slices"
)

// Taus are Kendall's rank correlations of levels and a metric, one for each block that has
// two values: 1 where they rise throughout, −1 where they fall. A block holds one value a
// level, in the order of the levels; NaN stands for a missing one. (gonum's stat.Kendall
// takes equal values for a rising pair.)
func Taus(blocks [][]float64) []float64 {
	var taus []float64
	for _, block := range blocks {
		values := slices.DeleteFunc(slices.Clone(block), math.IsNaN)
		pairs, s := 0.0, 0.0
		for i, earlier := range values {
			for _, later := range values[i+1:] {
				pairs++
				switch {
				case later > earlier:
					s++
				case later < earlier:
					s--
				}
			}
		}
		if pairs > 0 {
			taus = append(taus, s/pairs)
		}
	}
	return taus
}
