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

// rankSumCounts counts the arrangements of n and m values by their Mann–Whitney U,
// with the recurrence of Mann and Whitney (Ann. Math. Statist. 18, 1947): the
// largest value belongs to the one sample or to the other.
func rankSumCounts(n, m int) []float64 {
	table := make([][]float64, n+1) // of the current m
	for i := range table {
		table[i] = []float64{1}
	}
	for j := 1; j <= m; j++ {
		next := make([][]float64, n+1)
		next[0] = []float64{1}
		for i := 1; i <= n; i++ {
			next[i] = make([]float64, i*j+1)
			for u, c := range table[i] { // the largest is of the second sample
				next[i][u] += c
			}
			for u, c := range next[i-1] { // it is of the first, above all j
				next[i][u+j] += c
			}
		}
		table = next
	}
	return table[n]
}
