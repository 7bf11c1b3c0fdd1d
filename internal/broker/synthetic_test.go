package broker

import (
	"math"
	"runtime"
	"testing"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/knob"

	"golang.org/x/sys/unix"
)

func TestConstantCostIsTheSameForAll(t *testing.T) {
	s := NewSynthetic(SyntheticConfig{Cost: time.Millisecond})
	for n := range uint64(10) {
		if got := s.cost(n); got != time.Millisecond {
			t.Fatalf("request %d costs %v", n, got)
		}
	}
}

// An exponential distribution's mean and standard deviation are equal.
func TestExponentialCostHasMeanAndSpread(t *testing.T) {
	const draws, mean = 200_000, float64(time.Millisecond)
	s := NewSynthetic(SyntheticConfig{Cost: time.Millisecond, Exponential: true, Seed: 1})
	sum, squares := 0.0, 0.0
	for n := range uint64(draws) {
		c := float64(s.cost(n))
		if c < 0 {
			t.Fatalf("request %d costs %v", n, c)
		}
		sum, squares = sum+c, squares+c*c
	}
	got := sum / draws
	deviation := math.Sqrt(squares/draws - got*got)
	if math.Abs(got/mean-1) > 0.01 || math.Abs(deviation/mean-1) > 0.02 {
		t.Errorf("mean %v, standard deviation %v, want both about 1ms", time.Duration(got), time.Duration(deviation))
	}
}

func TestSeedDecidesTheCosts(t *testing.T) {
	cost := func(seed, n uint64) time.Duration {
		return NewSynthetic(SyntheticConfig{Cost: time.Second, Exponential: true, Seed: seed}).cost(n)
	}
	first, again := cost(1, 5), cost(1, 5)
	if first != again || first == cost(2, 5) || first == cost(1, 6) {
		t.Error("costs do not follow from seed and order")
	}
}

func TestCostIsSpent(t *testing.T) {
	for _, sleep := range []bool{false, true} {
		s := NewSynthetic(SyntheticConfig{Cost: 2 * time.Millisecond, Sleep: sleep})
		start := clock.Now()
		s.spend(s.config.Cost)
		if spent := clock.Now() - start; spent < int64(2*time.Millisecond) {
			t.Errorf("sleep %v: spent only %v", sleep, time.Duration(spent))
		}
	}
}

func TestKnobsReachTheConfigurations(t *testing.T) {
	v := knob.NewTable(Knobs).Defaults()
	if c := LogConfigFrom(v); !c.AutoCreateTopics || c.DefaultPartitions != 1 || c.FetchMaxBytes != 55<<20 {
		t.Errorf("log defaults are %+v", c)
	}
	if c := SyntheticConfigFrom(v); c.Cost != 0 || c.Exponential || c.Sleep {
		t.Errorf("synthetic defaults are %+v", c)
	}
	for name, text := range map[string]string{"cost": "10ms", "cost-distribution": "exponential", "cost-kind": "sleep", "cost-seed": "9"} {
		if err := v.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	if c := SyntheticConfigFrom(v); c != (SyntheticConfig{Cost: 10 * time.Millisecond, Exponential: true, Sleep: true, Seed: 9}) {
		t.Errorf("set values read as %+v", c)
	}
}

// A request costs the machine its processor time, also where threads take turns on a CPU.
func TestSpinningCostsProcessorTimeHoweverManyThreadsShareACPU(t *testing.T) {
	const threads, cost = 8, 5 * time.Millisecond
	used := make(chan int64, threads)
	for range threads {
		go func() {
			runtime.LockOSThread()
			var one unix.CPUSet
			one.Set(0)
			unix.SchedSetaffinity(0, &one) // this thread ends with its goroutine
			before := clock.ThreadCPU()
			NewSynthetic(SyntheticConfig{Cost: cost}).spend(cost)
			used <- clock.ThreadCPU() - before
		}()
	}
	for range threads {
		if ns := <-used; ns < int64(cost) {
			t.Errorf("a request that costs %v used %v of the processor", cost, time.Duration(ns))
		}
	}
}
