package results

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What blocks are said to resolve is what simulated runs with lognormal ratios decide.
func TestResolvableRatiosAreThoseThatRunsDecide(t *testing.T) {
	const runs, sd, threshold = 10_000, 0.3, 1.5
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{8, 12, 25} {
		for _, share := range []float64{0.5, 0.9} {
			far := math.Exp(sd * Resolvable(n, share))
			above, below, reached := 0, 0, 0
			for range runs {
				var over, under []float64
				for range n {
					ratio := math.Exp(sd * rng.NormFloat64())
					over, under = append(over, threshold*far*ratio), append(under, threshold/far*ratio)
				}
				e := MedianOf(over)
				if Decide(e, ">=", threshold) == Reproduced {
					above++
				}
				if Decide(MedianOf(under), ">=", threshold) == Refuted {
					below++
				}
				if e.Hi/(threshold*far) <= far {
					reached++
				}
			}
			for what, count := range map[string]int{"reproduced": above, "refuted": below, "no wider": reached} {
				if got := float64(count) / runs; math.Abs(got-share) > 0.02 {
					t.Errorf("%d blocks, ×%.2f: %s in %.3f of runs, want %v", n, far, what, got, share)
				}
			}
		}
	}
	if z := Resolvable(8, 0.5); math.Abs(z-1.3847) > 0.001 {
		t.Errorf("eight blocks: %v", z)
	}
	if !math.IsInf(Resolvable(5, 0.5), 1) {
		t.Error("five blocks resolve something")
	}
}
