package results

import (
	"cmp"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
	"gonum.org/v1/gonum/stat/distuv"
)

// Alpha is the chance at which a difference, a trend or a refutation is accepted
// where there is none.
const Alpha = 1 - LeastCoverage

// Difference compares one metric of two variants, a value a trial.
type Difference struct {
	Ratio  Estimate `json:"ratio"`  // of the first to the second
	P      float64  `json:"p"`      // two-sided, of no difference; 1 where nothing was compared
	Paired bool     `json:"paired"` // within blocks; else between independent trials
}

// Different reports whether the ratio's interval leaves 1 out.
func (d Difference) Different() bool {
	return d.Ratio.Bounded() && (d.Ratio.Lo > 1 || d.Ratio.Hi < 1)
}

// Paired compares variants that ran in the same blocks: the median of a[i]/b[i]
// with its order-statistic interval, and the sign test that the interval inverts.
// The slices are parallel.
func Paired(a, b []float64) Difference {
	ratios := ratiosOf(a, b)
	d := Difference{Ratio: MedianOf(ratios), P: 1, Paired: true}
	above, below := 0, 0
	for _, r := range ratios {
		if r > 1 {
			above++
		} else if r < 1 {
			below++
		}
	}
	if above+below > 0 {
		d.P = min(1, 2*SignTest(min(above, below), above+below))
	}
	return d
}

// Unpaired compares variants whose trials have no block in common, such as those
// of two runs: the Mann–Whitney U test (by benchmath), and as the effect the
// Hodges–Lehmann estimate, the median of all ratios a[i]/b[j], with the interval
// that inverts the test (Hollander, Wolfe & Chicken, Nonparametric Statistical
// Methods, section 4.3). Values that are not positive are left out.
func Unpaired(a, b []float64) Difference {
	a, b = positive(a), positive(b)
	d := Difference{P: 1}
	if len(a) == 0 || len(b) == 0 {
		return d
	}
	ratios := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			ratios = append(ratios, x/y)
		}
	}
	slices.Sort(ratios)
	n := len(ratios)
	d.Ratio = Estimate{N: min(len(a), len(b)), Median: (ratios[(n-1)/2] + ratios[n/2]) / 2}
	if k, coverage := rankSumOrder(len(a), len(b)); k > 0 {
		d.Ratio.Lo, d.Ratio.Hi, d.Ratio.Coverage = ratios[k-1], ratios[n-k], coverage
	}
	thresholds := benchmath.DefaultThresholds
	d.P = benchmath.AssumeNothing.Compare(benchmath.NewSample(a, &thresholds), benchmath.NewSample(b, &thresholds)).P
	return d
}

func positive(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return !(v > 0) || math.IsInf(v, 0) })
}

// SignTest is the chance that at most few of n fair coins fall on one side.
func SignTest(few, n int) float64 { return (1 - OrderCoverage(n, few+1)) / 2 }

// BlocksToRefute is with how many blocks one of a family's comparisons can be refuted
// alone: the fewest whose sign test Holm's correction lets stand where all agree.
func BlocksToRefute(comparisons int) int {
	blocks := MinBlocks
	for SignTest(0, blocks)*float64(comparisons) > Alpha {
		blocks++
	}
	return blocks
}

// Holm adjusts the p-values of one family so that each may be compared with the
// chance allowed to the family as a whole (Holm, Scand. J. Statist. 6, 1979).
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	adjusted := make([]float64, len(p))
	highest := 0.0
	for rank, i := range order {
		highest = max(highest, min(1, p[i]*float64(len(p)-rank)))
		adjusted[i] = highest
	}
	return adjusted
}

// exactRankSum bounds the sample sizes for which the distribution of the rank sum
// is counted out; beyond, the normal approximation errs by less than a rank or two.
const exactRankSum = 30

// rankSumOrder is the order k of the k-th smallest and the k-th largest of n·m
// pairwise differences that enclose their true shift with at least LeastCoverage,
// and the coverage reached; 0 when so few values support no interval.
func rankSumOrder(n, m int) (k int, coverage float64) {
	if max(n, m) > exactRankSum {
		mean, sd := rankSumMoments(n, m)
		k := int(math.Floor(mean - distuv.UnitNormal.Quantile(1-Alpha/2)*sd))
		return max(0, k), LeastCoverage
	}
	counts := rankSumCounts(n, m)
	total := 0.0
	for _, c := range counts {
		total += c
	}
	tail := 0.0
	for u, c := range counts {
		tail += c
		if 2*tail/total > Alpha {
			return u, 1 - 2*(tail-c)/total
		}
	}
	return 0, 0
}

func rankSumMoments(n, m int) (mean, sd float64) {
	pairs := float64(n) * float64(m)
	return pairs / 2, math.Sqrt(pairs * float64(n+m+1) / 12)
}

// rankSumCounts counts the arrangements of n and m values by their Mann–Whitney U: the
// coefficients of the Gaussian binomial, the product of (1−q^(m+i))/(1−q^i) for i from 1
// to n (Andrews, The Theory of Partitions, 1976, section 3.2).
func rankSumCounts(n, m int) []float64 {
	counts := make([]float64, n*m+1)
	counts[0] = 1
	for i := 1; i <= n; i++ {
		for u := n * m; u >= m+i; u-- {
			counts[u] -= counts[u-m-i]
		}
		for u := i; u <= n*m; u++ {
			counts[u] += counts[u-i]
		}
	}
	return counts
}
