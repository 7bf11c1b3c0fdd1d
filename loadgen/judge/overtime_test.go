package judge

import (
	"math/rand/v2"
	"testing"
	"time"

	"c10klab/internal/record"
)

func parts(mean func(part int) float64) []float64 {
	means := make([]float64, trendParts)
	for i := range means {
		means[i] = mean(i)
	}
	return means
}

func TestATrendIsToldFromABurst(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	noise := func() float64 { return 0.8 + 0.4*random.Float64() }
	for name, c := range map[string]struct {
		means  []float64
		oneWay bool
	}{
		"even":                {parts(func(int) float64 { return 5 }), false},
		"noise":               {parts(func(int) float64 { return noise() }), false},
		"a stall in between":  {parts(func(p int) float64 { return map[bool]float64{p >= 9 && p <= 11: 100}[true] + noise() }), false},
		"a queue that grows":  {parts(func(p int) float64 { return float64(1+p) * noise() }), true},
		"a slow warm-up":      {parts(func(p int) float64 { return 100/float64(1+p) + noise() }), true},
		"a drift of a tenth":  {parts(func(p int) float64 { return 1 + 0.005*float64(p) }), true},
		"nothing measured":    {parts(func(int) float64 { return 0 }), false},
		"one part much later": {parts(func(p int) float64 { return map[bool]float64{p == trendParts-1: 50}[true] + noise() }), false},
	} {
		if got := oneWay(c.means); got != c.oneWay {
			t.Errorf("%s: goes one way: %v", name, got)
		}
	}
}

// A target that takes 2 % less than is offered answers 20 ms later each second.
func TestRisingIsTheShareThatTheTargetFallsBehind(t *testing.T) {
	f := soundFacts()
	f.m.MeanTimeNs = parts(func(p int) float64 { return 1e6 + 0.02*float64(f.load.Window)*float64(p)/trendParts })
	if got := rising(f); !got.applies || got.value < 1.99 || got.value > 2.01 || got.most != 1 {
		t.Errorf("falls behind by %.3f %%, limit %.3f %%, judged %v", got.value, got.most, got.applies)
	}
	f.m.MeanTimeNs = parts(func(p int) float64 { return 4e8 - 1e7*float64(p) })
	if got := rising(f); got.value != 0 {
		t.Errorf("a falling response time counts as %.3f %%", got.value)
	}
}

func TestTrendSumsByPartOfTheWindow(t *testing.T) {
	w := NewWindow()
	w.Set(1000, 1000+20*trendParts)
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

func TestATimeSeriesCountsByStepAndBucket(t *testing.T) {
	s := newTimeSeries(10 * time.Second)
	const ms = int64(time.Millisecond)
	s.record(0, ms)
	s.record(99*ms, ms)
	s.record(100*ms, 20*ms)
	s.record(-1, ms)        // due before the window
	s.record(10_000*ms, ms) // due after it
	other := newTimeSeries(10 * time.Second)
	other.record(9_999*ms, 3*ms)
	s.merge(other)
	d, counted := s.document(7)
	if !counted || d.StartNs != 7 || d.StepNs != 100*ms || len(d.Steps) != 100 {
		t.Fatalf("document from %d in %d steps of %d ns", d.StartNs, len(d.Steps), d.StepNs)
	}
	want := map[int][]int64{
		0:  {int64(record.SeriesBucket(ms)), 2},
		1:  {int64(record.SeriesBucket(20 * ms)), 1},
		99: {int64(record.SeriesBucket(3 * ms)), 1},
	}
	for i, step := range d.Steps {
		if len(step) != len(want[i]) {
			t.Errorf("step %d holds %v, want %v", i, step, want[i])
			continue
		}
		for j := range step {
			if step[j] != want[i][j] {
				t.Errorf("step %d holds %v, want %v", i, step, want[i])
			}
		}
	}
}
