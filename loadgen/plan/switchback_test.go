package plan

import (
	"testing"
	"time"
)

func TestSwitchbackGivesEachArmOneSlotARound(t *testing.T) {
	const window, slot, discard = 10 * time.Second, 300 * time.Millisecond, 50 * time.Millisecond
	s := NewSwitchback(3, slot, discard, window, 7)
	if n := len(s.Order()); n != 33 { // 11 rounds; 100 ms are left
		t.Fatalf("%d slots of 300 ms in 10 s, want 11 rounds of 3", n)
	}
	firsts := map[int]int{}
	for round := 0; round < len(s.Order()); round += 3 {
		seen := map[int]bool{}
		for _, arm := range s.Order()[round : round+3] {
			seen[arm] = true
		}
		if len(seen) != 3 {
			t.Errorf("round %v", s.Order()[round:round+3])
		}
		firsts[s.Order()[round]]++
	}
	if len(firsts) != 3 {
		t.Errorf("first arms %v: the order is always the same", firsts)
	}
	var sum [3]time.Duration
	for at := time.Duration(0); at < window; at += time.Millisecond {
		arms := 0
		for arm := range sum {
			if s.Counts(int64(at), arm) {
				sum[arm] += time.Millisecond
				arms++
			}
		}
		if inRound := at < 33*slot; arms > 1 || (arms == 1) != (inRound && at%slot >= discard) {
			t.Fatalf("%v into the window belongs to %d arms", at, arms)
		}
	}
	for arm, time := range sum {
		if time != s.Time() {
			t.Errorf("arm %d has %v, want %v", arm, time, s.Time())
		}
	}
	if s.Counts(-1, 0) || s.Begins(2) != 2*slot {
		t.Error("what is due before the window belongs to an arm, or slots do not follow each other")
	}
	for i, arm := range NewSwitchback(3, slot, discard, window, 7).Order() {
		if arm != s.Order()[i] {
			t.Fatal("the same seed gives another order")
		}
	}
	if NewSwitchback(2, slot, discard, slot, 1).Time() != 0 {
		t.Error("half a round counts")
	}
}
