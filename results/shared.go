package results

import (
	"fmt"
	"sync"
	"unique"

	"c10klab/internal/record"
)

// shared makes trials share what they have in common: knobs, the names of checks and
// threads. Else a run of thousands of trials is mostly copies of these in memory. Any
// goroutine may use it; who reads trials must not change such a map.
type shared struct {
	maps sync.Map // by what they hold, as text
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
	known, _ := s.maps.LoadOrStore(fmt.Sprintf("%q", *m), *m) // in the order of names
	*m = known.(map[string]string)
}

// text replaces texts by the one copy that all share.
func text(strings ...*string) {
	for _, s := range strings {
		*s = unique.Make(*s).Value()
	}
}
