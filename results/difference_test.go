package results

import (
	"math"
	"math/rand/v2"
	"testing"
)

// simulatedTrials draws eight trials of a metric with 10 % of noise, log-normal.
func simulatedTrials(rng *rand.Rand, median float64) []float64 {
	values := make([]float64, 8)
	for i := range values {
		values[i] = median * math.Exp(0.1*rng.NormFloat64())
	}
	return values
}

// shareCalledDifferent compares two variants again and again whose true ratio is known.
func shareCalledDifferent(ratio float64, compare func(a, b []float64) Difference) float64 {
	const comparisons = 10_000
	rng := rand.New(rand.NewPCG(1, 2))
	different := 0
	for range comparisons {
		if compare(simulatedTrials(rng, ratio), simulatedTrials(rng, 1)).Different() {
			different++
		}
	}
	return float64(different) / comparisons
}

func TestEqualVariantsAreSeldomCalledDifferentAndUnequalOnesAlmostAlways(t *testing.T) {
	for name, compare := range map[string]func(a, b []float64) Difference{"paired": Paired, "unpaired": Unpaired} {
		if share := shareCalledDifferent(1, compare); share > 0.055 {
			t.Errorf("%s: %.4f of equal variants are called different", name, share)
		}
		if share := shareCalledDifferent(1.5, compare); share < 0.90 {
			t.Errorf("%s: %.4f of variants with a ratio of 1.5 are called different", name, share)
		}
	}
}

// The interval of the unpaired ratio and the test that it inverts agree.
func TestUnpairedIntervalAgreesWithMannWhitney(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		d := Unpaired(simulatedTrials(rng, 1.12), simulatedTrials(rng, 1))
		if d.Different() != (d.P <= Alpha) {
			t.Fatalf("interval %v, p = %g", d.Ratio, d.P)
		}
	}
}

// Critical values of the two-sided test at 5 % (Hollander, Wolfe & Chicken, table
// A.6, as orders of the differences).
func TestRankSumOrders(t *testing.T) {
	for _, c := range []struct{ n, m, k int }{{4, 4, 1}, {5, 5, 3}, {8, 8, 14}, {10, 10, 24}, {5, 8, 7}, {3, 3, 0}} {
		if k, coverage := rankSumOrder(c.n, c.m); k != c.k || k > 0 && coverage < LeastCoverage {
			t.Errorf("%d and %d values: order %d with coverage %g, want %d", c.n, c.m, k, coverage, c.k)
		}
	}
	exact, _ := rankSumOrder(exactRankSum, exactRankSum)
	mean, sd := rankSumMoments(exactRankSum, exactRankSum)
	if normal := mean - 1.96*sd; math.Abs(normal-float64(exact)) > 2 {
		t.Errorf("order %d counted out, %g by the normal approximation", exact, normal)
	}
}

func TestDifferencesOfTooFewTrialsAreNone(t *testing.T) {
	if d := Unpaired([]float64{1, 2}, []float64{100, 200}); d.Different() || d.Ratio.Bounded() {
		t.Errorf("two trials against two: %v", d)
	}
	for _, d := range []Difference{Unpaired(nil, []float64{1}), Unpaired([]float64{0, math.NaN(), math.Inf(1)}, []float64{1}), Paired(nil, nil)} {
		if d.Ratio.N != 0 || d.P != 1 {
			t.Errorf("nothing compared gives %+v", d)
		}
	}
}

// The example of Holm's method in many textbooks.
func TestHolmAdjustsInOrder(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("adjusted %v", got)
			break
		}
	}
	if got := Holm([]float64{0.9, 0.8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("adjusted chances above one: %v", got)
	}
}

func TestTrendsAreFoundWithinBlocks(t *testing.T) {
	rising, none := make([][]float64, 8), make([][]float64, 8)
	rng := rand.New(rand.NewPCG(5, 6))
	for block := range rising {
		height := 10 * rng.Float64() // blocks differ more than levels
		rising[block] = []float64{height + 1, height + 2, math.NaN(), height + 3, height + 4}
		none[block] = []float64{rng.Float64(), rng.Float64(), rng.Float64(), rng.Float64()}
	}
	if got := MedianOf(Taus(rising)); got.N != 8 || got.Lo != 1 {
		t.Errorf("rising: %+v", got)
	}
	if got := MedianOf(Taus(none)); got.Lo > 0 || got.Hi < 0 {
		t.Errorf("without a trend: %+v", got)
	}
	if got := Taus([][]float64{{1, 1, 1}, {math.NaN(), 2}}); len(got) != 1 || got[0] != 0 {
		t.Errorf("all equal: %+v", got)
	}
}

func TestEffectsThatReverseAreFlagged(t *testing.T) {
	level := func(factor float64) map[int]float64 {
		values := map[int]float64{}
		for block := 1; block <= 8; block++ {
			values[block] = factor * float64(block)
		}
		return values
	}
	e := Effect{Pairs: []PairEffect{NewPairEffect("rate=1", level(2), level(1)), NewPairEffect("rate=2", level(8), level(1))}}
	if e.Combine(); e.Ratio.Median != 4 || e.Reversed {
		t.Errorf("both slower: %v, reversed %v", e.Ratio, e.Reversed)
	}
	e.Pairs[1] = NewPairEffect("rate=2", level(0.5), level(1))
	if e.Combine(); e.Ratio.Median != 1 || !e.Reversed {
		t.Errorf("one slower, one faster: %v, reversed %v", e.Ratio, e.Reversed)
	}
	delete(e.Pairs[0].ByBlock, 3)
	if e.Combine(); e.Ratio.N != 7 {
		t.Errorf("%d blocks counted, want those that all pairs have", e.Ratio.N)
	}
}
