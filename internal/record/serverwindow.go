package record

// ServerWindow is a server's window by its own counts and clock: what it did between
// the snapshots at the edges of the client's. An overloaded server gives them late, so
// that this window and the client's differ, and what is divided by requests or seconds
// must be divided by these.
type ServerWindow struct {
	Ns       int64 `json:"ns"`
	Requests int64 `json:"requests"` // answered; 0 with stages off, which count them
	Bytes    int64 `json:"bytes"`    // of record batches, appended and fetched
}

// ServerWindowSince is the time between two snapshots.
func (s *ServerSnapshot) ServerWindowSince(earlier *ServerSnapshot) *ServerWindow {
	bytes := func(c Counters) int64 { return c.AppendedBytes + c.FetchedBytes }
	return &ServerWindow{
		Ns:       s.MonotonicNs - earlier.MonotonicNs,
		Requests: s.Counters.AllResponses() - earlier.Counters.AllResponses(),
		Bytes:    bytes(s.Counters) - bytes(earlier.Counters),
	}
}

// ServerNs is the time in which the server did what Server, ThreadIO and the like say:
// by its own clock, or the client's window in records of versions without that.
func (m *Measurement) ServerNs() int64 {
	if m.ServerWindow != nil && m.ServerWindow.Ns > 0 {
		return m.ServerWindow.Ns
	}
	return m.WindowNs
}

// ServerSeconds is ServerNs in seconds.
func (m *Measurement) ServerSeconds() float64 { return float64(m.ServerNs()) / 1e9 }

// ServerRequests is how many requests the server answered in that time: by its own
// count, or by the client's rate where it has none.
func (m *Measurement) ServerRequests() float64 {
	if m.ServerWindow != nil && m.ServerWindow.Requests > 0 {
		return float64(m.ServerWindow.Requests)
	}
	return m.RequestsPerSec * m.ServerSeconds()
}

// ServerBytes is how many bytes of record batches the server appended or had fetched
// in that time: by its own count, or by the client's rate where it has none.
func (m *Measurement) ServerBytes() float64 {
	if m.ServerWindow != nil && m.ServerWindow.Bytes > 0 {
		return float64(m.ServerWindow.Bytes)
	}
	return (m.AckedMBps + m.FetchedMBps) * 1e6 * m.ServerSeconds()
}

// ServerCores is the server's processor time for each second; 0 without a server.
func (m *Measurement) ServerCores() float64 {
	if m.Server == nil || m.ServerNs() == 0 {
		return 0
	}
	return float64(m.Server.CPUNs) / float64(m.ServerNs())
}

// WindowSpan is the client's window on CLOCK_MONOTONIC, which all processes of a machine
// share; false without it and without a snapshot that was taken at its end.
func (m *Measurement) WindowSpan() (startNs, endNs int64, known bool) {
	startNs = m.WindowStartNs
	if startNs == 0 {
		if m.After == nil {
			return 0, 0, false
		}
		startNs = m.After.MonotonicNs - m.WindowNs
	}
	return startNs, startNs + m.WindowNs, true
}
