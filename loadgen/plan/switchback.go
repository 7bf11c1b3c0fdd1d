package plan

import (
	"math/rand/v2"
	"time"
)

// Switchback divides a window into slots, in each of which the target is in one of several
// arms. They come in rounds of one slot an arm, in random order, so that what changes slowly
// meets all arms alike. What falls due early in a slot belongs to no arm, since something of
// the arm before may be under way, and so does what is due after the last whole round.
// It is immutable; any thread may read it.
type Switchback struct {
	slot, discard time.Duration
	order         []int // arm by slot
	rounds        int
}

func NewSwitchback(arms int, slot, discard, window time.Duration, seed uint64) *Switchback {
	s := &Switchback{slot: slot, discard: discard, rounds: int(window / (slot * time.Duration(arms)))}
	random := rand.New(rand.NewPCG(seed, uint64(arms)))
	for range s.rounds {
		s.order = append(s.order, random.Perm(arms)...)
	}
	return s
}

// Order lists the arm of each slot.
func (s *Switchback) Order() []int { return s.order }

// Begins is when a slot does, after the window's beginning.
func (s *Switchback) Begins(slot int) time.Duration { return time.Duration(slot) * s.slot }

// Counts reports whether what is due at an offset into the window belongs to an arm.
func (s *Switchback) Counts(offsetNs int64, arm int) bool {
	slot := int(offsetNs / int64(s.slot))
	return offsetNs >= 0 && slot < len(s.order) && s.order[slot] == arm && offsetNs%int64(s.slot) >= int64(s.discard)
}

// Discard is how much of a slot's beginning belongs to no arm.
func (s *Switchback) Discard() time.Duration { return s.discard }

// Time is how much of the window belongs to each arm.
func (s *Switchback) Time() time.Duration { return time.Duration(s.rounds) * (s.slot - s.discard) }
