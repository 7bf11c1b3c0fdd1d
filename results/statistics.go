package results

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// MinBlocks is the least number of blocks that decides a prediction.
const MinBlocks = 8

// LeastCoverage is the confidence that an interval reaches.
const LeastCoverage = 0.95

// Estimate is a median over blocks with its exact interval: the k-th smallest
// to the k-th largest value, with k the largest that keeps the coverage at or
// above 95 %. With 8 blocks that is smallest to largest, 99.2 %. (benchmath's
// interval is the shortest one, which may leave out one side's extreme.)
type Estimate struct {
	N        int     `json:"n"`
	Median   float64 `json:"median"`
	Lo       float64 `json:"lo"`
	Hi       float64 `json:"hi"`
	Coverage float64 `json:"coverage"` // of [Lo, Hi]; 0 when so few blocks support no interval
}

// Bounded reports whether there are blocks enough for an interval.
func (e Estimate) Bounded() bool { return e.Coverage > 0 }

func (e Estimate) String() string {
	switch {
	case e.N == 0:
		return "n/a"
	case !e.Bounded():
		return Significant(e.Median)
	}
	return fmt.Sprintf("%s [%s, %s]", Significant(e.Median), Significant(e.Lo), Significant(e.Hi))
}

// Ratio compares two cells block by block: the median of a[i]/b[i]. The slices
// are parallel; a block where either side is no positive number is left out.
func Ratio(a, b []float64) Estimate { return MedianOf(ratiosOf(a, b)) }

func ratiosOf(a, b []float64) []float64 {
	ratios := make([]float64, 0, len(a))
	for i := range a {
		if a[i] > 0 && b[i] > 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return ratios
}

func MedianOf(values []float64) Estimate {
	n := len(values)
	if n == 0 {
		return Estimate{}
	}
	sorted := slices.Sorted(slices.Values(values))
	e := Estimate{N: n, Median: (sorted[(n-1)/2] + sorted[n/2]) / 2}
	if k := order(n); k > 0 {
		e.Lo, e.Hi, e.Coverage = sorted[k-1], sorted[n-k], OrderCoverage(n, k)
	}
	return e
}

// order is the largest k for which the k-th smallest and the k-th largest of n
// values enclose the median with LeastCoverage; 0 if none does.
func order(n int) int {
	k := 0
	for k < n/2 && OrderCoverage(n, k+1) >= LeastCoverage {
		k++
	}
	return k
}

// Resolvable is how far, in standard deviations, the true median of n normal values must lie
// beyond a threshold for the interval to leave the threshold out in a share of runs: the
// share's quantile of the order statistic that ends the interval, Φ⁻¹ of that of a Beta
// distribution (David & Nagaraja, Order Statistics, section 2.1). With a share of ½ it is the
// median half-width too; infinite where n values have no interval.
func Resolvable(n int, share float64) float64 {
	k := order(n)
	if k == 0 {
		return math.Inf(1)
	}
	return distuv.UnitNormal.Quantile(mathext.InvRegIncBeta(float64(n+1-k), float64(k), share))
}

// OrderCoverage is the probability that the k-th smallest and the k-th largest
// of n independent values enclose their distribution's median: 1 − 2 P(X < k)
// for X binomial with n trials of probability ½.
func OrderCoverage(n, k int) float64 {
	below, term := 0.0, math.Exp2(-float64(n))
	for i := range k {
		below += term
		term *= float64(n-i) / float64(i+1)
	}
	return 1 - 2*below
}

type Verdict string

const (
	Reproduced   Verdict = "reproduced"
	Refuted      Verdict = "refuted"
	Inconclusive Verdict = "inconclusive"
	// Undecided: fewer than MinBlocks blocks were measured.
	Undecided Verdict = "open"
)

// Relation compares an estimate with a threshold: one of Relations.
type Relation string

var Relations = []Relation{">=", "<=", "="}

// Decide says whether the whole interval lies on the predicted side of the
// threshold, wholly on the other, or neither.
func Decide(e Estimate, relation Relation, threshold float64) Verdict {
	if e.N < MinBlocks || !e.Bounded() {
		return Undecided
	}
	var holds, fails bool
	switch relation {
	case ">=":
		holds, fails = e.Lo >= threshold, e.Hi < threshold
	case "<=":
		holds, fails = e.Hi <= threshold, e.Lo > threshold
	case "=":
		holds, fails = e.Lo == threshold && e.Hi == threshold, threshold < e.Lo || e.Hi < threshold
	}
	switch {
	case holds:
		return Reproduced
	case fails:
		return Refuted
	}
	return Inconclusive
}

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
