package results

import (
	"c10klab/internal/record"
	"hash/maphash"
	"maps"
	"math/bits"
	"sync"
	"unique"
)

// shared makes trials share what they have in common: knobs, the names of checks and
// threads. Else a run of thousands of trials is mostly copies of these in memory. Any
// goroutine may use it; who reads trials must not change such a map.
type shared struct {
	seed maphash.Seed
	mu   sync.Mutex
	maps map[uint64]map[string]string
}

func newShared() *shared {
	return &shared{seed: maphash.MakeSeed(), maps: map[uint64]map[string]string{}}
}

func (s *shared) trial(t *record.Trial) {
	s.settings(&t.Knobs)
	text(&t.Experiment, &t.Cell)
	for i := range t.Disks {
		d := &t.Disks[i]
		s.settings(&d.Knobs)
		s.settings(&d.Settings)
		text(&d.Model, &d.Mount, &d.Control, &d.Base)
	}
	if !t.Measured() {
		return
	}
	m := t.Measurement
	s.settings(&m.Knobs)
	text(&m.ScheduleHash)
	for i := range m.Checks {
		text(&m.Checks[i].Name, &m.Checks[i].Unit)
	}
	for i := range m.GeneratorThreads {
		text(&m.GeneratorThreads[i].Name, &m.GeneratorThreads[i].State)
	}
	after := m.Broker().After
	if after == nil {
		return
	}
	s.settings(&after.Knobs)
	for i := range after.Census.Threads {
		text(&after.Census.Threads[i].Name, &after.Census.Threads[i].State)
	}
	for i := range after.Census.Runtime {
		text(&after.Census.Runtime[i].Name, &after.Census.Runtime[i].State)
	}
}

// settings replaces a map by an equal one that was met before.
func (s *shared) settings(m *map[string]string) {
	var sum uint64
	for name, value := range *m {
		sum += maphash.String(s.seed, name) ^ bits.RotateLeft64(maphash.String(s.seed, value), 1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, met := s.maps[sum]; !met {
		s.maps[sum] = *m
	} else if maps.Equal(known, *m) {
		*m = known
	}
}

// text replaces texts by the one copy that all share.
func text(strings ...*string) {
	for _, s := range strings {
		*s = unique.Make(*s).Value()
	}
}
