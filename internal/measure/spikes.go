package measure

import (
	"cmp"
	"math"
	"slices"

	"c10klab/internal/record"
)

const (
	spikeShare    = 0.001 // of all appends, the slowest: those beyond the p99.9
	leastSpikes   = 5     // of fewer, a share says nothing
	spikeMarginNs = 10e6  // how far before or after a suspect a spike may lie
)

// A suspect is what slow appends may fall together with: when it was.
type suspect func(*record.StoreActivity) []stretch

// stretch is one of time, CLOCK_MONOTONIC.
type stretch struct{ fromNs, toNs int64 }

func eventsOf(kind string) suspect {
	return func(a *record.StoreActivity) (stretches []stretch) {
		for _, e := range a.Events {
			if e.Kind == kind {
				stretches = append(stretches, stretch{e.AtNs - e.TookNs, e.AtNs})
			}
		}
		return stretches
	}
}

// samplesWith is the time of the samples that match, each from the one before it.
func samplesWith(matches func(record.WriteBackSample) bool) suspect {
	return func(a *record.StoreActivity) (stretches []stretch) {
		for i, s := range a.WriteBack {
			if i > 0 && matches(s) {
				stretches = append(stretches, stretch{a.WriteBack[i-1].AtNs, s.AtNs})
			}
		}
		return stretches
	}
}

func writingBack(s record.WriteBackSample) bool { return s.WrittenPages > 0 }

// dirtyBeyondHalfway: writers have to wait (balance_dirty_pages).
func dirtyBeyondHalfway(s record.WriteBackSample) bool {
	return s.DirtyPages+s.WritebackPages > (s.DirtyLimitPages+s.BackgroundPages)/2
}

// spikesAt is the share of the slowest thousandth of appends that lie within 10 ms of
// a suspect, beyond chance: 0 if they do no more often than stretches of the same
// lengths anywhere in the window would, 1 if all of them do (Cohen's kappa). Without
// any event of the suspect it is 0; it is unsupported with too few spikes, with events
// or samples lost, and where the suspect is there all the time.
func spikesAt(when suspect) func(*record.Measurement) (float64, bool) {
	return func(m *record.Measurement) (float64, bool) { return spikesBeyondChance(m, when) }
}

func spikesBeyondChance(m *record.Measurement, when suspect) (float64, bool) {
	after := m.Broker().After
	if after == nil || after.Store == nil {
		return 0, false
	}
	a := after.Store
	spikes := int(math.Ceil(spikeShare * float64(a.Appends)))
	if spikes < leastSpikes || spikes > len(a.SlowestAppends) || a.LostEvents+a.LostSamples > 0 {
		return 0, false
	}
	window := stretch{after.MonotonicNs - m.ServerNs(m.Broker()), after.MonotonicNs}
	stretches := when(a)
	var hits, chance float64
	for _, s := range a.SlowestAppends[:spikes] {
		// An append that ends at an instant touches a suspect if that instant lies in
		// the suspect's stretch, longer by the append's own length.
		near := widen(stretches, spikeMarginNs, spikeMarginNs+s.TookNs)
		chance += covered(near, window)
		if slices.ContainsFunc(near, func(n stretch) bool { return n.fromNs <= s.AtNs && s.AtNs <= n.toNs }) {
			hits++
		}
	}
	share, expected := hits/float64(spikes), chance/float64(spikes)
	if expected >= 1 {
		return 0, false
	}
	return (share - expected) / (1 - expected), true
}

func widen(stretches []stretch, before, after int64) []stretch {
	wide := make([]stretch, len(stretches))
	for i, s := range stretches {
		wide[i] = stretch{s.fromNs - before, s.toNs + after}
	}
	return wide
}

// covered is the share of the window that lies in any of the stretches.
func covered(stretches []stretch, window stretch) float64 {
	sorted := slices.SortedFunc(slices.Values(stretches), func(a, b stretch) int { return cmp.Compare(a.fromNs, b.fromNs) })
	sum, reached := int64(0), window.fromNs
	for _, s := range sorted {
		from, to := max(s.fromNs, reached), min(s.toNs, window.toNs)
		if to > from {
			sum += to - from
			reached = to
		}
	}
	return float64(sum) / float64(window.toNs-window.fromNs)
}
