package record

// Connections is what a generator's connections were like.
type Connections struct {
	Open int `json:"open"` // all of them
	Idle int `json:"idle"` // those that only stay open
	// Connecting took ConnectNs for all together and at most SlowestConnectNs for one;
	// SlowConnects took a second or longer, as one does whose SYN was dropped at a full
	// backlog.
	ConnectNs        int64 `json:"connect_ns"`
	SlowestConnectNs int64 `json:"slowest_connect_ns"`
	SlowConnects     int   `json:"slow_connects"`
	// What one connection more takes, from before the first to after an answer on each:
	// resident memory of the server without its recorders (0: unknown), of the generator,
	// and of the kernel for both ends, threads' kernel stacks included. The last is the
	// whole machine's, so what else runs disturbs it.
	ServerBytes    float64 `json:"server_bytes_per_connection"`
	GeneratorBytes float64 `json:"generator_bytes_per_connection"`
	KernelBytes    float64 `json:"kernel_bytes_per_connection"`
}

// Availability counts the requests due in the window by whether they were answered,
// without an error, within LimitNs. A request that had no answer yet when the run
// ended counts as Beyond if it was older than that, and not at all if it was younger.
type Availability struct {
	LimitNs int64 `json:"limit_ns"`
	Within  int64 `json:"within"`
	Beyond  int64 `json:"beyond"`
}

// Share is Within of all; false when there is none.
func (a *Availability) Share() (float64, bool) {
	if a == nil || a.Within+a.Beyond == 0 {
		return 0, false
	}
	return float64(a.Within) / float64(a.Within+a.Beyond), true
}

// ThreadStates is how many of the server's threads were in which state, as means over
// ThreadUseNs: Running on a CPU, Waiting for one, Asleep.
type ThreadStates struct{ Running, Waiting, Asleep float64 }

// ThreadStates come from the threads' times; false without them.
func (m *Measurement) ThreadStates() (s ThreadStates, known bool) {
	if m.ThreadUseNs <= 0 || len(m.ThreadUse) == 0 {
		return s, false
	}
	for _, use := range m.ThreadUse {
		running := float64(use.CPUNs) / float64(m.ThreadUseNs)
		waiting := float64(use.RunQueueWaitNs) / float64(m.ThreadUseNs)
		s.Running += running
		s.Waiting += waiting
		s.Asleep += max(0, float64(use.Threads)-running-waiting)
	}
	return s, true
}

// RunQueueWaitNs is how long the server's threads waited for a CPU, for each request;
// false without requests or threads.
func (m *Measurement) RunQueueWaitNs() (perRequest float64, known bool) {
	var ns int64
	for _, use := range m.ThreadUse {
		ns += use.RunQueueWaitNs
	}
	if m.ThreadUseRequests <= 0 {
		return 0, false
	}
	return float64(ns) / float64(m.ThreadUseRequests), true
}

// SwitchesPerRequest are the server's context switches in its window for each request
// that it answered in it, of its threads' own will (a thread waits) and against it (a thread's
// time is up, or another goes first); false without a server or requests.
func (m *Measurement) SwitchesPerRequest() (voluntary, involuntary float64, known bool) {
	requests := m.ServerRequests()
	if m.Server == nil || requests == 0 {
		return 0, 0, false
	}
	return float64(m.Server.VoluntarySwitches) / requests, float64(m.Server.InvoluntarySwitches) / requests, true
}
