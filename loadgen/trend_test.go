package loadgen

import (
	"math/rand/v2"
	"testing"
)

func parts(mean func(part int) float64) []float64 {
	means := make([]float64, trendParts)
	for i := range means {
		means[i] = mean(i)
	}
	return means
}

func TestChangeTellsATrendFromABurst(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	noise := func() float64 { return 0.8 + 0.4*random.Float64() }
	for name, c := range map[string]struct {
		means []float64
		least float64
		most  float64
	}{
		"even":                {parts(func(int) float64 { return 5 }), 1, 1},
		"noise":               {parts(func(int) float64 { return noise() }), 1, 1},
		"a stall in between":  {parts(func(p int) float64 { return map[bool]float64{p >= 9 && p <= 11: 100}[true] + noise() }), 1, 1},
		"a queue that grows":  {parts(func(p int) float64 { return float64(1+p) * noise() }), 4, 9},
		"a slow warm-up":      {parts(func(p int) float64 { return 100/float64(1+p) + noise() }), 0.05, 0.3},
		"a drift of a tenth":  {parts(func(p int) float64 { return 1 + 0.005*float64(p) }), 1.05, 1.1},
		"nothing measured":    {parts(func(int) float64 { return 0 }), 1, 1},
		"one part much later": {parts(func(p int) float64 { return map[bool]float64{p == trendParts-1: 50}[true] + noise() }), 1, 1},
	} {
		if got := change(c.means); got < c.least || got > c.most {
			t.Errorf("%s: changes by %.2f, want %.2f to %.2f", name, got, c.least, c.most)
		}
	}
}

func TestTrendSumsByPartOfTheWindow(t *testing.T) {
	w := newWindow()
	w.set(1000, 1000+20*trendParts)
	var one, two trend
	one.record(w, 1000, 7)
	one.record(w, 1000+20*trendParts-1, 9)
	two.record(w, 1019, 9)
	one.merge(&two)
	means := one.means()
	if means[0] != 8 || means[trendParts-1] != 9 || means[1] != 0 || one.leastCount() != 0 {
		t.Errorf("means %v, least count %d", means, one.leastCount())
	}
}
