package results

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

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
