package judge

import (
	"testing"

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
	sender.carry(500, 1100)
	receiver.carry(1300, 2200)
	receiver.carry(1900, 2600)
	receiver.carry(2500, 2700)
	sender.Merge(receiver)
	// In the window: 500–1100 for 100, 1300–2200 for 700, 1900–2600 for 100.
	if sender.Counts[InFlightNs] != 100+700+100 {
		t.Errorf("%d request-nanoseconds, want 900", sender.Counts[InFlightNs])
	}
	if sender.Counts[carriedInNs] != 100 || sender.Counts[carriedOutNs] != 200+600 {
		t.Errorf("%d carried in and %d out, want 100 and 800", sender.Counts[carriedInNs], sender.Counts[carriedOutNs])
	}
}
