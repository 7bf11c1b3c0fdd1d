package record

import (
	"encoding/json"
	"maps"
	"slices"

	"c10klab/internal/osthread"
)

// Broker is the name of the server that the generator loads.
const Broker = "broker"

// Where a server's stages come from.
const (
	StagesAdmin = "admin" // a c10klab server's admin port
	StagesNone  = "none"  // nowhere: any other broker
)

// ServerUse is what one server of a trial did within the measured window, by its own
// counts and clock. Its stages are among Measurement.Histograms.
type ServerUse struct {
	Name        string `json:"name"`
	StageSource string `json:"stage_source"` // StagesAdmin or StagesNone
	// Process is its use of the machine within Window, nil where that is not known;
	// Window is nil in records of versions without it.
	Process  *Process      `json:"process,omitempty"`
	Window   *ServerWindow `json:"window,omitempty"`
	Counters *Counters     `json:"counters,omitempty"` // within Window
	// ThreadUse is what its groups of threads did within ThreadUseNs: from before the
	// warm-up, when every connection had had an answer, to after the window.
	ThreadUse         map[string]osthread.Use `json:"thread_use,omitempty"`
	ThreadUseNs       int64                   `json:"thread_use_ns,omitempty"`
	ThreadUseRequests int64                   `json:"thread_use_requests,omitempty"` // answered, by its count, in that time
	// LoopTimes, ThreadIO and HandlerIdle are those of Window.
	LoopTimes   []LoopTimes     `json:"loop_times,omitempty"`
	ThreadIO    []ThreadIO      `json:"thread_io,omitempty"`
	HandlerIdle []HandlerIdle   `json:"handler_idle,omitempty"`
	After       *ServerSnapshot `json:"at_end,omitempty"` // without histograms
}

// ServerWindow is a server's window by its own counts and clock: what it did between
// the snapshots at the edges of the client's. An overloaded server gives them late, so
// that this window and the client's differ, and what is divided by requests or seconds
// must be divided by these.
type ServerWindow struct {
	Ns       int64 `json:"ns"`
	Requests int64 `json:"requests"` // answered; 0 with stages off, which count them
	Bytes    int64 `json:"bytes"`    // of record batches, appended and fetched
}

// UseOf is what a server did between the snapshots at the edges of a window; its
// threads are counted since an earlier one, ahead.
func UseOf(name string, ahead, before, after *ServerSnapshot) ServerUse {
	process, counters := Since(after.Process, before.Process), Since(after.Counters, before.Counters)
	return ServerUse{
		Name: name, StageSource: StagesAdmin, Process: &process, Counters: &counters,
		Window: &ServerWindow{
			Ns:       after.MonotonicNs - before.MonotonicNs,
			Requests: counters.AllResponses(),
			Bytes:    counters.Counts[AppendedBytes] + counters.Counts[FetchedBytes],
		},
		ThreadUse:         Since(after.ThreadUse, ahead.ThreadUse),
		ThreadUseNs:       after.CensusAtNs - ahead.CensusAtNs,
		ThreadUseRequests: after.CensusResponses - ahead.CensusResponses,
		LoopTimes:         Since(after.LoopTimes, before.LoopTimes),
		ThreadIO:          Since(after.ThreadIO, before.ThreadIO),
		HandlerIdle:       Since(after.HandlerIdle, before.HandlerIdle),
		After:             after,
	}
}

// Server is what the server of a name did; one that nothing is known of where there is
// none. The caller must not change it.
func (m *Measurement) Server(name string) *ServerUse {
	if m != nil {
		for i := range m.Servers {
			if m.Servers[i].Name == name {
				return &m.Servers[i]
			}
		}
	}
	return &ServerUse{Name: name, StageSource: StagesNone}
}

func (m *Measurement) Broker() *ServerUse { return m.Server(Broker) }

// ServerNs is the time in which a server did what its ServerUse says: by its own
// clock, or the client's window in records of versions without that.
func (m *Measurement) ServerNs(s *ServerUse) int64 {
	if s.Window != nil && s.Window.Ns > 0 {
		return s.Window.Ns
	}
	return m.WindowNs
}

func (m *Measurement) ServerSeconds(s *ServerUse) float64 { return float64(m.ServerNs(s)) / 1e9 }

// ServerRequests is how many requests a server answered in that time: by its own
// count, or by the client's rate where it has none.
func (m *Measurement) ServerRequests(s *ServerUse) float64 {
	switch {
	case s.Window != nil && s.Window.Requests > 0:
		return float64(s.Window.Requests)
	case s.Name == Broker:
		return m.RequestsPerSec * m.ServerSeconds(s)
	}
	return 0
}

// ServerBytes is how many bytes of record batches a server appended or had fetched
// in that time: by its own count, or by the client's rate where it has none.
func (m *Measurement) ServerBytes(s *ServerUse) float64 {
	switch {
	case s.Window != nil && s.Window.Bytes > 0:
		return float64(s.Window.Bytes)
	case s.Name == Broker:
		return (m.AckedMBps + m.FetchedMBps) * 1e6 * m.ServerSeconds(s)
	}
	return 0
}

// ServerCores is a server's processor time for each second; 0 where it is not known.
func (m *Measurement) ServerCores(s *ServerUse) float64 {
	if s.Process == nil || m.ServerNs(s) == 0 {
		return 0
	}
	return float64(s.Process.CPUNs) / float64(m.ServerNs(s))
}

// ThreadStates is how many of a server's threads were in which state, as means over
// ThreadUseNs: Running on a CPU, Waiting for one, Asleep.
type ThreadStates struct{ Running, Waiting, Asleep float64 }

// ThreadStates come from the threads' times; false without them.
func (s *ServerUse) ThreadStates() (states ThreadStates, known bool) {
	if s.ThreadUseNs <= 0 || len(s.ThreadUse) == 0 {
		return states, false
	}
	for _, group := range slices.Sorted(maps.Keys(s.ThreadUse)) { // so that sums are the same each time
		use := s.ThreadUse[group]
		running := float64(use.CPUNs) / float64(s.ThreadUseNs)
		waiting := float64(use.RunQueueWaitNs) / float64(s.ThreadUseNs)
		states.Running += running
		states.Waiting += waiting
		states.Asleep += max(0, float64(use.Threads)-running-waiting)
	}
	return states, true
}

// RunQueueWaitNs is how long a server's threads waited for a CPU, for each request;
// false without requests or threads.
func (s *ServerUse) RunQueueWaitNs() (perRequest float64, known bool) {
	var ns int64
	for _, use := range s.ThreadUse {
		ns += use.RunQueueWaitNs
	}
	if s.ThreadUseRequests <= 0 {
		return 0, false
	}
	return float64(ns) / float64(s.ThreadUseRequests), true
}

// WindowSpan is the client's window on CLOCK_MONOTONIC, which all processes of a machine
// share; false without it and without a snapshot that was taken at its end.
func (m *Measurement) WindowSpan() (startNs, endNs int64, known bool) {
	startNs = m.WindowStartNs
	if startNs == 0 {
		after := m.Broker().After
		if after == nil {
			return 0, 0, false
		}
		startNs = after.MonotonicNs - m.WindowNs
	}
	return startNs, startNs + m.WindowNs, true
}

// UnmarshalJSON reads also what versions wrote that knew one server only, and had what
// is of it beside all else.
func (m *Measurement) UnmarshalJSON(text []byte) error {
	type plain Measurement // without this method
	if err := json.Unmarshal(text, (*plain)(m)); err != nil || m.Servers != nil {
		return err
	}
	var older struct {
		ServerUse
		Process *Process        `json:"server"`
		Window  *ServerWindow   `json:"server_window"`
		After   *ServerSnapshot `json:"server_at_end"`
	}
	if err := json.Unmarshal(text, &older); err != nil {
		return err
	}
	s := older.ServerUse
	s.Name, s.Process, s.Window, s.After = Broker, older.Process, older.Window, older.After
	switch {
	case s.StageSource != "":
	case s.After != nil: // of versions that knew no other source
		s.StageSource = StagesAdmin
	default:
		return nil
	}
	m.Servers = []ServerUse{s}
	return nil
}
