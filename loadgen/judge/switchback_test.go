package judge

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"c10klab/internal/knob"
	"c10klab/loadgen/plan"
)

// switched is a simulated target: the second arm takes effect times as long as the first, for a
// time after a switch the arm before is still at work, and all drifts and has good and bad moments
// as a machine has.
type switched struct {
	effect        float64
	carry         time.Duration
	slot, discard time.Duration
}

// ratio runs one trial and returns the second arm's median over the first's.
func (s switched) ratio(seed uint64) float64 {
	const window, perSecond = 10 * time.Second, 1000
	l := &Load{Plan: &plan.Plan{Protocol: plan.ProtocolEcho, Window: window}, Answers: true, Arms: knob.Switchback{Knob: "send", Values: []string{"a", "b"}}}
	l.Switchback = plan.NewSwitchback(2, s.slot, s.discard, window, seed)
	w := NewWindow()
	const startNs = int64(time.Hour)
	w.Set(startNs, startNs+int64(window))
	t, random := NewTally(l, w), rand.New(rand.NewPCG(seed, 99))
	moment, order := 0.0, l.Switchback.Order()
	for i := range perSecond * int(window/time.Second) {
		at := time.Duration(i) * time.Second / perSecond
		moment = 0.999*moment + 0.002*random.NormFloat64() // of a second, a few hundredths high
		slot := min(int(max(0, at-s.carry)/s.slot), len(order)-1)
		took := float64(time.Millisecond) * (1 + at.Seconds()/50) * math.Exp(moment+0.3*random.NormFloat64())
		if order[slot] == 1 {
			took *= s.effect
		}
		dueNs := startNs + int64(at)
		t.Offer(dueNs, 0)
		t.Complete(&Request{DueNs: dueNs, AttemptedNs: dueNs, LastByteNs: dueNs}, dueNs+int64(took), 0, 0, 1)
	}
	median := func(arm int) float64 { return float64(t.views[1+arm].Histograms[ResponseTime].ValueNs(0.5)) }
	return median(1) / median(0)
}

// decides measures trials and reports on which side of 1 all of them lie, which chance does in 1 of
// 128 times of eight; 0: on both.
func (s switched) decides(trials int, seed uint64) int {
	var above, below bool
	for i := range trials {
		r := s.ratio(seed + uint64(i))
		above, below = above || r >= 1, below || r <= 1
	}
	switch {
	case above && below:
		return 0
	case above:
		return 1
	}
	return -1
}

// TestSwitchbackKnownAnswers: as many trials as specs plan find an effect of 3 % and its reverse, and
// find nothing in 19 of 20 comparisons of an arm with itself.
func TestSwitchbackKnownAnswers(t *testing.T) {
	const trials, times = 8, 20
	usual := switched{effect: 1, carry: 20 * time.Millisecond, slot: 400 * time.Millisecond, discard: 50 * time.Millisecond}
	for _, c := range []struct {
		name   string
		effect float64
		want   int
		least  int // of times
	}{{"A/A", 1, 0, 19}, {"3 % longer", 1.03, 1, 16}, {"reversed", 1 / 1.03, -1, 16}} {
		target, found := usual, 0
		target.effect = c.effect
		for i := range times {
			if target.decides(trials, uint64(1000*i)) == c.want {
				found++
			}
		}
		if found < c.least {
			t.Errorf("%s: %d of %d comparisons say so", c.name, found, times)
		}
	}
}

// TestSwitchbackLeavesOutWhatIsCarriedOver: with the beginning of each slot left out the effect is whole
// whichever arm comes first; with nothing left out it is not.
func TestSwitchbackLeavesOutWhatIsCarriedOver(t *testing.T) {
	ratio := func(s switched) float64 {
		ratios := make([]float64, 9)
		for i := range ratios {
			ratios[i] = s.ratio(uint64(i))
		}
		slices.Sort(ratios)
		return ratios[len(ratios)/2]
	}
	kept := switched{effect: 2, carry: 45 * time.Millisecond, slot: 250 * time.Millisecond, discard: 50 * time.Millisecond}
	carried := kept
	carried.discard = 0
	reversed := kept
	reversed.effect = 0.5
	if r, back := ratio(kept), ratio(reversed); math.Abs(r/2-1) > 0.02 || math.Abs(r*back-1) > 0.03 {
		t.Errorf("an effect of 2 is measured as %.3f, its reverse as %.3f", r, back)
	}
	if r := ratio(carried); r > 1.95 {
		t.Errorf("with 45 of 250 ms carried over and nothing left out the effect is %.3f", r)
	}
}

func TestArmsAreCountedApart(t *testing.T) {
	l := &Load{Plan: &plan.Plan{Protocol: plan.ProtocolKafka, Window: 4 * time.Second}, Answers: true, Arms: knob.Switchback{Knob: "send", Values: []string{"a", "b"}}}
	l.Switchback = plan.NewSwitchback(2, time.Second, 100*time.Millisecond, l.Window, 1)
	w := NewWindow()
	all := NewTally(l, w)
	w.Set(0, int64(l.Window))
	tally := NewTally(l, w)
	for slot, arm := range l.Switchback.Order() {
		at := int64(slot) * int64(time.Second)
		for _, offset := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} { // the first is left out
			tally.Fetched(at+int64(offset), true, 1e6*(1+arm))
			tally.Consumed(at+int64(offset), 0, at+int64(offset)+int64(1+arm))
			tally.RecordClosedFetch(plan.OfConsumers, at+int64(offset), at+int64(offset)+int64(1+arm))
			tally.NeverAnswered(&Request{DueNs: at + int64(offset)}, at+int64(3*time.Second))
		}
	}
	all.Merge(tally)
	if all.Counts[fetches] != 8 || all.Histograms[EndToEnd].Count() != 8 {
		t.Errorf("the whole has %d fetches and %d batches, want 8 of each", all.Counts[fetches], all.Histograms[EndToEnd].Count())
	}
	for arm, view := range all.views[1:] {
		if view.Counts[fetches] != 2 || view.Counts[tailBytes] != int64(2e6*(1+arm)) || view.Counts[Beyond] != 2 {
			t.Errorf("arm %d has %d fetches, %d bytes, %d requests never answered in time", arm, view.Counts[fetches], view.Counts[tailBytes], view.Counts[Beyond])
		}
		for _, span := range []Span{EndToEnd, FetchServiceTime} {
			if h := view.Histograms[span]; h.Count() != 2 || h.MaxNs() != int64(1+arm) {
				t.Errorf("arm %d: %d durations of span %d, the longest %d", arm, h.Count(), span, h.MaxNs())
			}
		}
	}
}
