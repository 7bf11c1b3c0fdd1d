package judge

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/record"
	"c10klab/loadgen/plan"
)

// TestAvailabilityCountsFromTheDueTime goes through the ages at which a request may be
// answered, or not.
func TestAvailabilityCountsFromTheDueTime(t *testing.T) {
	const limitNs = int64(availableWithin)
	for _, c := range []struct {
		name           string
		count          func(*Tally)
		within, beyond int64
	}{
		{"at the limit", func(t *Tally) { t.Complete(&Request{DueNs: 5}, 5+limitNs, 0, 0, 0) }, 1, 0},
		{"past the limit", func(t *Tally) { t.Complete(&Request{DueNs: 5}, 5+limitNs+1, 0, 0, 0) }, 0, 1},
		{"an error", func(t *Tally) { t.Complete(&Request{DueNs: 5}, 6, 1, 0, 0) }, 0, 1},
		{"no answer, old", func(t *Tally) { t.NeverAnswered(&Request{DueNs: 5}, 5+limitNs+1) }, 0, 1},
		{"no answer, young", func(t *Tally) { t.NeverAnswered(&Request{DueNs: 5}, 5+limitNs) }, 0, 0},
	} {
		w := NewWindow()
		w.Set(0, 100)
		got := NewTally(&Load{Plan: &plan.Plan{}}, w)
		c.count(got)
		if within, beyond := got.Counts[Within], got.Counts[Beyond]; within != c.within || beyond != c.beyond {
			t.Errorf("%s: %d and %d, want %d within and %d beyond", c.name, within, beyond, c.within, c.beyond)
		}
	}
}

func TestRequestsInFlightAreIntegratedOverTheWindowInAnyOrder(t *testing.T) {
	w := NewWindow()
	w.Set(1000, 2000)
	l := &Load{Plan: &plan.Plan{}}
	sender, receiver := NewTally(l, w), NewTally(l, w)
	for _, dueNs := range []int64{500, 1300, 1900, 2500} {
		sender.InFlight(1, dueNs)
	}
	for _, doneNs := range []int64{2200, 1100, 2600} { // one is never answered
		receiver.InFlight(-1, doneNs)
	}
	sender.carry(&Request{DueNs: 500}, 1100)
	receiver.carry(&Request{DueNs: 1300}, 2200)
	receiver.carry(&Request{DueNs: 1900}, 2600)
	receiver.carry(&Request{DueNs: 2500}, 2700)
	sender.Merge(receiver)
	// In the window: 500–1100 for 100, 1300–2200 for 700, 1900–2600 for 100.
	if sender.Counts[InFlightNs] != 100+700+100 {
		t.Errorf("%d request-nanoseconds, want 900", sender.Counts[InFlightNs])
	}
	if sender.Counts[carriedInNs] != 100 || sender.Counts[carriedOutNs] != 200+600 {
		t.Errorf("%d carried in and %d out, want 100 and 800", sender.Counts[carriedInNs], sender.Counts[carriedOutNs])
	}
}

// A window of a closed loop in which one request in fifty is not answered by its end, planted
// among answers whose distribution is known: below the least age percentiles are those of the
// distribution, beyond they are its ages.
func TestRequestsWithoutAnAnswerCountWithTheirAge(t *testing.T) {
	const answered, waiting = 9_800, 200
	const startNs, windowNs, fastestNs, slowestNs = int64(10 * time.Second), int64(2 * time.Second), int64(time.Millisecond), int64(101 * time.Millisecond)
	w := NewWindow()
	w.Set(startNs, startNs+windowNs)
	parts := []*Tally{NewTally(&Load{Plan: &plan.Plan{Closed: true, Protocol: plan.ProtocolEcho}, Answers: true}, w)}
	parts = append(parts, NewTally(parts[0].load, w))
	for i, n := range rand.New(rand.NewPCG(1, 2)).Perm(answered) { // even between the fastest and the slowest
		dueNs := startNs + int64(i)*(windowNs-slowestNs)/answered
		parts[i%2].Complete(&Request{DueNs: dueNs, AttemptedNs: dueNs, LastByteNs: dueNs}, dueNs+fastestNs+int64(n)*(slowestNs-fastestNs)/answered, 0, 0, 0)
	}
	for i := range int64(waiting) { // since 1 to 200 ms before the window; one in two has an answer after it
		r := Request{DueNs: startNs - (i+1)*int64(time.Millisecond), LastByteNs: startNs}
		r.AttemptedNs = r.DueNs
		if i%2 == 0 {
			parts[0].Complete(&r, startNs+windowNs+int64(time.Second), 0, 0, 0)
		} else if !parts[1].NeverAnswered(&r, startNs+windowNs+int64(3*time.Second)) {
			t.Fatal("a closed loop's request from before the window is not among those without an answer")
		}
	}
	parts[0].Merge(parts[1])
	b := parts[0].bundle()
	key := hdr.Key{Stage: "ServiceTime", API: "Echo"}
	if n := b[key].Count(); n != answered {
		t.Fatalf("%d durations before ages are entered, want those of the %d answers", n, answered)
	}
	ages := parts[0].enterOutlasting(b)
	want := record.Censored{Count: waiting, LeastNs: windowNs + int64(time.Millisecond), MostNs: windowNs + int64(waiting*time.Millisecond)}
	if !maps.Equal(ages, map[string]record.Censored{key.String(): want}) {
		t.Errorf("ages %+v, want %+v of %s alone", ages, want, key)
	}
	h := b[key]
	if h.Count() != answered+waiting {
		t.Fatalf("%d durations, want %d", h.Count(), answered+waiting)
	}
	// The p50 of all is the answers' at 0.5·10 000/9 800: exact, as nothing that waits is shorter.
	median := float64(fastestNs) + 0.5*(answered+waiting)/answered*float64(slowestNs-fastestNs)
	if got := float64(h.ValueNs(0.5)); got < 0.998*median || got > 1.002*median || got >= float64(want.LeastNs) {
		t.Errorf("p50 is %v, want %v", time.Duration(got), time.Duration(median))
	}
	if got := h.ValueNs(0.99); got < want.LeastNs {
		t.Errorf("p99 is %v among requests of which 2 %% waited for more than %v", time.Duration(got), time.Duration(want.LeastNs))
	}
}

func TestOnlyTheStarvedAreCalledStarved(t *testing.T) {
	even := func(n int, answers int64) []int64 {
		all := make([]int64, n)
		for i := range all {
			all[i] = answers
		}
		return all
	}
	poisson := func(mean float64) []int64 {
		random, all := rand.New(rand.NewPCG(3, 4)), make([]int64, 1000)
		for i := range all {
			for passed := random.ExpFloat64(); passed < mean; passed += random.ExpFloat64() {
				all[i]++
			}
		}
		return all
	}
	for _, c := range []struct {
		name        string
		answers     []int64
		least, most float64
	}{
		{"one connection", even(1, 100), -1, -1},
		{"all alike", even(100, 100), 0, 0},
		{"a tenth with a third of the others'", append(even(90, 300), even(10, 100)...), 10, 10},
		{"a tenth with two thirds of the others'", append(even(90, 300), even(10, 200)...), 0, 0},
		{"most with nothing", append(even(100, 2000), even(900, 0)...), 90, 90},
		{"most with nothing, and few answers", append(even(100, 20), even(900, 0)...), 90, 90},
		{"one answer each", even(100, 1), -1, -1},
		{"no answer at all", even(100, 0), -1, -1},
		{"by chance, 20 each", poisson(20), 0, 2},
		{"by chance, 9 each", poisson(9), 0, 2},
		{"by chance, 4.5 each", poisson(4.5), 0, 2.5},
		{"by chance, 2 each", poisson(2), -1, -1},
	} {
		if got := starved(c.answers); got < c.least || got > c.most {
			t.Errorf("%s: %g %% starved, want %g to %g", c.name, got, c.least, c.most)
		}
	}
}
