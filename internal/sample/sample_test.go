package sample

import (
	"math"
	"slices"
	"testing"
)

// Ids that stand close together, as those of one connection do, must be picked
// like coins tossed: the share within what chance allows, and no two seeds alike.
func TestPickerPicksItsShareOfConsecutiveIDs(t *testing.T) {
	const n = 200_000
	for _, share := range []float64{0.01, 0.25, 1} {
		for _, stride := range []int32{1, 30, 64, 10_000} {
			first, second, both := 0, 0, 0
			a, b := Rule{Seed: 1, Share: share}.Picker(), Rule{Seed: 2, Share: share}.Picker()
			for i := range int32(n) {
				pa, pb := a.Picks(i*stride), b.Picks(i*stride)
				if pa {
					first++
				}
				if pb {
					second++
				}
				if pa && pb {
					both++
				}
			}
			tolerance := 6 * math.Sqrt(n*share*(1-share))
			if math.Abs(float64(first)-n*share) > tolerance || math.Abs(float64(second)-n*share) > tolerance {
				t.Errorf("share %g, stride %d: %d and %d of %d were picked", share, stride, first, second, n)
			}
			joint := share * share
			if math.Abs(float64(both)-n*joint) > 6*math.Sqrt(n*joint*(1-joint)) {
				t.Errorf("share %g, stride %d: two seeds agree on %d of %d", share, stride, both, n)
			}
		}
	}
	if (Picker{}).Picks(7) {
		t.Error("the zero picker picks")
	}
}

func TestRulesThatCannotBeFollowedAreRefused(t *testing.T) {
	for _, r := range []Rule{{Share: 0, Keep: 1}, {Share: 1.1, Keep: 1}, {Share: math.NaN(), Keep: 1}, {Share: 1}, {Share: 1, Keep: MostKept + 1}} {
		if r.Check() == nil {
			t.Errorf("%+v was accepted", r)
		}
	}
	if err := (Rule{Share: 1, Keep: 1}).Check(); err != nil {
		t.Error(err)
	}
}

func TestRingKeepsTheNewest(t *testing.T) {
	r := NewRing[int](3)
	for n, want := range [][]int{{}, {1}, {1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}} {
		if n > 0 {
			r.Put(n)
		}
		kept, lost := r.Kept()
		if !slices.Equal(kept, want) || lost != max(0, n-3) {
			t.Errorf("after %d: %v, %d lost", n, kept, lost)
		}
	}
}
