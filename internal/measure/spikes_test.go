package measure

import (
	"math"
	"slices"
	"testing"

	"c10klab/internal/record"
)

const ms = int64(1e6)

// spikyTrial is a window of 10 s from 100 s on with 10,000 appends, of which the ten
// slowest end at the given times.
func spikyTrial(tookMs int64, endMs ...int64) record.Trial {
	a := &record.StoreActivity{Appends: 10_000}
	for _, end := range endMs {
		a.SlowestAppends = append(a.SlowestAppends, record.SlowAppend{AtNs: (100_000 + end) * ms, TookNs: tookMs * ms})
	}
	return record.Trial{Measurement: &record.Measurement{
		WindowNs: 10_000 * ms, Servers: []record.ServerUse{{Name: record.Broker, After: &record.ServerSnapshot{MonotonicNs: 110_000 * ms, Store: a}}},
	}}
}

func TestSpikesAreHeldAgainstChance(t *testing.T) {
	every := []int64{500, 1500, 2500, 3500, 4500, 5500, 6500, 7500, 8500, 9500}
	for name, c := range map[string]struct {
		trial record.Trial
		rolls [][2]int64 // end and duration, ms
		want  float64
	}{
		"all at rolls":         {spikyTrial(2, every...), [][2]int64{{500, 5}, {1500, 5}, {2500, 5}, {3500, 5}, {4500, 5}, {5500, 5}, {6500, 5}, {7500, 5}, {8500, 5}, {9500, 5}}, 1},
		"none at rolls":        {spikyTrial(2, every...), [][2]int64{{1000, 8}}, -0.003},
		"no roll":              {spikyTrial(2, every...), nil, 0},
		"half, which is there": {spikyTrial(0, every...), [][2]int64{{4990, 4980}}, 0},
		"just before":          {spikyTrial(2, 490, 491, 492, 493, 494, 495, 496, 497, 498, 499), [][2]int64{{500, 0}}, 1},
		"reaches into one":     {spikyTrial(300, 800, 800, 800, 800, 800, 800, 800, 800, 800, 800), [][2]int64{{500, 0}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range c.rolls {
				c.trial.Measurement.Broker().After.Store.Events = append(c.trial.Measurement.Broker().After.Store.Events,
					record.StoreEvent{Kind: record.EventRoll, AtNs: (100_000 + r[0]) * ms, TookNs: r[1] * ms},
					record.StoreEvent{Kind: record.EventFsync, AtNs: 105_000 * ms, TookNs: 5_000 * ms})
			}
			got, ok := spikesAt(eventsOf(record.EventRoll))(c.trial.Measurement)
			if !ok || math.Abs(got-c.want) > 0.001 {
				t.Errorf("got %v, %v; want %v", got, ok, c.want)
			}
		})
	}
}

func TestSpikesAreUnsupportedWhereTheyCannotBeKnown(t *testing.T) {
	whole := spikyTrial(2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	for name, spoil := range map[string]func(*record.Measurement){
		"no store":         func(m *record.Measurement) { m.Broker().After.Store = nil },
		"no server":        func(m *record.Measurement) { m.Broker().After = nil },
		"few appends":      func(m *record.Measurement) { m.Broker().After.Store.Appends = 3999 },
		"too many to keep": func(m *record.Measurement) { m.Broker().After.Store.Appends = 11_000 },
		"events lost":      func(m *record.Measurement) { m.Broker().After.Store.LostEvents = 1 },
		"always there": func(m *record.Measurement) {
			m.Broker().After.Store.Events = []record.StoreEvent{{Kind: record.EventRoll, AtNs: 111_000 * ms, TookNs: 12_000 * ms}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, after, store := *whole.Measurement, *whole.Measurement.Broker().After, *whole.Measurement.Broker().After.Store
			m.Servers = slices.Clone(m.Servers)
			m.Broker().After, after.Store = &after, &store
			spoil(&m)
			if got, ok := spikesAt(eventsOf(record.EventRoll))(&m); ok {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestSpikesAtWriteBackFollowTheSamples(t *testing.T) {
	trial := spikyTrial(2, 950, 955, 960, 965, 970, 975, 980, 985, 990, 995)
	a := trial.Measurement.Broker().After.Store
	for i := int64(0); i <= 100; i++ {
		s := record.WriteBackSample{AtNs: (100_000 + 100*i) * ms, DirtyLimitPages: 3000, BackgroundPages: 1000, DirtyPages: 500}
		if i == 10 {
			s.WrittenPages = 7
		}
		if i == 50 {
			s.WritebackPages = 1501
		}
		a.WriteBack = append(a.WriteBack, s)
	}
	if got, ok := spikesAt(samplesWith(writingBack))(trial.Measurement); !ok || got != 1 {
		t.Errorf("write-back: %v, %v", got, ok)
	}
	if got, ok := spikesAt(samplesWith(dirtyBeyondHalfway))(trial.Measurement); !ok || got >= 0 {
		t.Errorf("throttle: %v, %v", got, ok)
	}
}
