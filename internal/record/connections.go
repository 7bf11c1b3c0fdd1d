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

// Outages are the times that connections were without a broker: it closed them, could not be reached, or
// led their partition no more.
type Outages struct {
	Connections int64 `json:"connections"` // a connection as often as it broke
	SentAgain   int64 `json:"sent_again"`  // requests of which something had been sent
	LongestNs   int64 `json:"longest_ns"`  // until a connection stood again; 0: none did
}

// Lost is the number of connections; of nil 0.
func (o *Outages) Lost() int64 {
	if o == nil {
		return 0
	}
	return o.Connections
}
