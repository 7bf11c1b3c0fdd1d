package plan

import (
	"math"
	"slices"
	"testing"
	"time"
)

func take(s *Stream, n int) []Arrival {
	arrivals := make([]Arrival, n)
	for i := range arrivals {
		arrivals[i] = s.Next()
	}
	return arrivals
}

func TestConstantScheduleIsEvenAndTakesConnectionsInTurn(t *testing.T) {
	s := Schedule{Kind: Constant, PerSecond: 3000}
	for i, a := range take(s.Stream(0, 1, 7), 10_000) {
		if want := int64(float64(i) * 1e9 / 3000); math.Abs(float64(a.OffsetNs-want)) > 1 {
			t.Fatalf("arrival %d is due at %d ns, want %d", i, a.OffsetNs, want)
		}
		if a.Connection != i%7 {
			t.Fatalf("arrival %d goes to connection %d, want %d", i, a.Connection, i%7)
		}
	}
}

func TestConstantScheduleIsTheSameInAnyNumberOfParts(t *testing.T) {
	const connections, each = 10, 300
	s := Schedule{Kind: Constant, PerSecond: 12345}
	whole := take(s.Stream(0, 1, connections), each*connections)
	var parts []Arrival
	for part, own := range []int{4, 3, 3} {
		parts = append(parts, take(s.Stream(part, 3, connections), each*own)...)
	}
	slices.SortFunc(parts, func(a, b Arrival) int { return int(a.OffsetNs - b.OffsetNs) })
	if !slices.Equal(whole, parts) {
		t.Error("three parts do not make the whole schedule")
	}
}

// TestPoissonGapsAreExponential is a Kolmogorov–Smirnov test at a fixed seed.
func TestPoissonGapsAreExponential(t *testing.T) {
	const n, perSecond = 20_000, 1500.0
	for _, part := range []int{0, 1} {
		arrivals := take(Schedule{Kind: Poisson, PerSecond: perSecond, Seed: 7}.Stream(part, 2, 30), n)
		gaps := make([]float64, n)
		last := int64(0)
		for i, a := range arrivals {
			gaps[i] = float64(a.OffsetNs-last) / 1e9
			last = a.OffsetNs
		}
		slices.Sort(gaps)
		worst := 0.0
		for i, gap := range gaps {
			want := 1 - math.Exp(-gap*perSecond/2) // a part has half of the connections
			worst = max(worst, math.Abs(want-float64(i)/n), math.Abs(want-float64(i+1)/n))
		}
		if limit := 1.36 / math.Sqrt(n); worst > limit { // 5 % level
			t.Errorf("part %d: Kolmogorov–Smirnov distance %.4f, above %.4f", part, worst, limit)
		}
	}
}

func TestPoissonScheduleUsesAllConnectionsOfItsPartEqually(t *testing.T) {
	const n, connections = 30_000, 10
	counts := map[int]int{}
	for _, a := range take(Schedule{Kind: Poisson, PerSecond: 1000, Seed: 3}.Stream(1, 3, connections), n) {
		counts[a.Connection]++
	}
	if len(counts) != 3 {
		t.Fatalf("part 1 of 3 uses connections %v, want 1, 4, 7", counts)
	}
	for _, c := range []int{1, 4, 7} {
		if got := counts[c]; got < n/3-500 || got > n/3+500 {
			t.Errorf("connection %d gets %d of %d arrivals, want about a third", c, got, n)
		}
	}
}

func TestSameSeedSameArrivals(t *testing.T) {
	s := Schedule{Kind: Poisson, PerSecond: 1000, Seed: 1}
	if !slices.Equal(take(s.Stream(0, 1, 5), 1000), take(s.Stream(0, 1, 5), 1000)) {
		t.Error("the same schedule gave different arrivals")
	}
	other := Schedule{Kind: Poisson, PerSecond: 1000, Seed: 2}
	if slices.Equal(take(s.Stream(0, 1, 5), 1000), take(other.Stream(0, 1, 5), 1000)) {
		t.Error("different seeds gave the same arrivals")
	}
}

func TestHashTellsArrivalsApart(t *testing.T) {
	s := Schedule{Kind: Poisson, PerSecond: 1000, Seed: 1}
	base := s.Hash(time.Second, time.Second, 1, 5)
	if base != s.Hash(time.Second, time.Second, 1, 5) {
		t.Error("the same window hashed differently")
	}
	reseeded := s
	reseeded.Seed = 2
	for name, other := range map[string]string{
		"seed":        reseeded.Hash(time.Second, time.Second, 1, 5),
		"warm-up":     s.Hash(2*time.Second, time.Second, 1, 5),
		"window":      s.Hash(time.Second, 2*time.Second, 1, 5),
		"parts":       s.Hash(time.Second, time.Second, 2, 5),
		"connections": s.Hash(time.Second, time.Second, 1, 6),
	} {
		if other == base {
			t.Errorf("another %s has the same hash", name)
		}
	}
}

func TestScheduleAllocatesNothing(t *testing.T) {
	for _, kind := range []string{Constant, Poisson} {
		s := Schedule{Kind: kind, PerSecond: 1000}.Stream(0, 1, 5)
		if allocs := testing.AllocsPerRun(1000, func() { s.Next() }); allocs != 0 {
			t.Errorf("%s: %v allocations per arrival", kind, allocs)
		}
	}
}
