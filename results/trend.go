package results

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Trend says whether a metric rises or falls along ordered levels.
type Trend struct {
	// Tau is Kendall's rank correlation of level and metric, estimated over blocks:
	// 1 where every block rises throughout, −1 where every one falls.
	Tau  Estimate
	Taus []float64 // one a block
	P    float64   // two-sided, of no trend
}

// TrendOf tests for a trend within blocks: Kendall's S of each block, summed as
// the seasonal test sums years (Hirsch, Slack & Smith, Water Resources Research
// 18, 1982), with the variance corrected for ties. A block holds one value a
// level, in the order of the levels; NaN stands for a missing one.
func TrendOf(blocks [][]float64) Trend {
	var t Trend
	var sum, variance float64
	for _, block := range blocks {
		values := present(block)
		n := float64(len(values))
		if len(values) < 2 {
			continue
		}
		s := concordance(values)
		t.Taus = append(t.Taus, s/(n*(n-1)/2))
		sum += s
		variance += (n*(n-1)*(2*n+5) - tieTerm(values)) / 18
	}
	t.Tau, t.P = MedianOf(t.Taus), 1
	if variance > 0 && sum != 0 {
		z := (math.Abs(sum) - 1) / math.Sqrt(variance) // 1: continuity
		t.P = min(1, 2*distuv.UnitNormal.Survival(z))
	}
	return t
}

func present(values []float64) []float64 {
	var kept []float64
	for _, v := range values {
		if !math.IsNaN(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// concordance is Kendall's S: rising pairs less falling ones. (gonum's
// stat.Kendall takes equal values for a rising pair.)
func concordance(values []float64) (s float64) {
	for i, earlier := range values {
		for _, later := range values[i+1:] {
			switch {
			case later > earlier:
				s++
			case later < earlier:
				s--
			}
		}
	}
	return s
}

func tieTerm(values []float64) (term float64) {
	groups := map[float64]float64{}
	for _, v := range values {
		groups[v]++
	}
	for _, n := range groups {
		term += n * (n - 1) * (2*n + 5)
	}
	return term
}
