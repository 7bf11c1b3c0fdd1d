// Package record holds the documents that pass between c10klab's processes and
// end in a run directory: what a server tells over its admin port, and what a
// load generator measured. All are plain JSON.
package record

import (
	"encoding/json"
	"fmt"

	"c10klab/internal/hdr"
	"c10klab/internal/osthread"
)

// ServerReady is the one line that serve prints on stdout when it accepts
// connections.
type ServerReady struct {
	Listen string `json:"listen"`
	Admin  string `json:"admin"`
	PID    int    `json:"pid"`
}

const (
	// MarkPath is where the admin port, asked by POST, begins a window: it
	// divides the histograms and answers with a ServerSnapshot that lacks them and
	// the census, which takes next to no time of the server's.
	MarkPath = "/mark"
	// MarkWindow is the query by which it is told how long the window will be, a duration: then
	// the snapshot after it has series of the spans.
	MarkWindow = "window"
	// SnapshotPath is where it answers with a whole ServerSnapshot.
	SnapshotPath = "/snapshot"
	// SamplePath is where it begins to sample requests by the sample.Rule that is
	// POSTed, and where it answers a GET with Samples. 409: its stages are off.
	SamplePath = "/sample"
	// SwitchPath is where it tells the server's knob.Switchback, if it has one, and, asked
	// by POST, puts the value SwitchTo in use.
	SwitchPath = "/switch"
	SwitchTo   = "to"
	// MetricsPath is a page for Prometheus. Reading it costs the server milliseconds;
	// who measures never does within a window.
	MetricsPath = "/metrics"
)

// ServerSnapshot is the server's cumulative state at one instant; a window is
// the difference of two.
type ServerSnapshot struct {
	MonotonicNs int64             `json:"monotonic_ns"` // when it was taken, CLOCK_MONOTONIC
	Knobs       map[string]string `json:"knobs"`
	Histograms  hdr.Bundle        `json:"histograms"`         // stages since the start
	AtMark      hdr.Bundle        `json:"histograms_at_mark"` // as they were when the last window began
	Series      []TimeSeries      `json:"series,omitempty"`   // of spans, since the last mark that told of a window
	Process     Process           `json:"process"`
	Counters    Counters          `json:"counters"`
	// Census lists the threads, unless a group of them is too long a list; ThreadUse has
	// the sums of each group since its threads started.
	Census    osthread.Census         `json:"census"`
	ThreadUse map[string]osthread.Use `json:"thread_use,omitempty"`
	// CensusAtNs is when the census was taken, CLOCK_MONOTONIC, and CensusResponses how
	// many requests had been answered then: counting thousands of threads takes a while.
	CensusAtNs        int64 `json:"census_at_ns,omitempty"`
	CensusResponses   int64 `json:"census_responses,omitempty"`
	ConnectionsByLoop []int `json:"connections_by_loop,omitempty"` // over network threads
	// LoopTimes is what each network thread did with its time; empty where there is
	// none, or with knob stages off.
	LoopTimes     []LoopTimes      `json:"loop_times,omitempty"`
	ThreadIO      []ThreadIO       `json:"thread_io,omitempty"`
	Queues        []QueueLength    `json:"queues,omitempty"`
	HandlerIdle   []HandlerIdle    `json:"handler_idle,omitempty"`
	Hides         string           `json:"hides,omitempty"`     // in which stages the threading model's own waits show
	Residency     *ResidencyProbes `json:"residency,omitempty"` // of send strategy resident
	Store         *StoreActivity   `json:"store,omitempty"`     // since the mark
	RecorderBytes int              `json:"recorder_bytes"`
	Problems      []string         `json:"problems,omitempty"` // storage failures, clock steps …
}

// LoopTimes divides a network thread's time since its start, in nanoseconds; it is
// brought up to date within a tenth of a second of activity. Shares of WallNs are
// Kafka's io-wait-ratio and io-ratio (Selector metrics). What is left of WallNs was
// spent waiting for room in the request queue.
type LoopTimes struct {
	Name     string `json:"name"`
	WallNs   int64  `json:"wall_ns"`
	IOWaitNs int64  `json:"io_wait_ns"` // in epoll_wait
	// IONs is the rest of each turn: receiving and sending, sendfile included, and
	// handling where network threads handle requests.
	IONs int64 `json:"io_ns"`
}

// ThreadIO is what the threads of one name have moved through sockets since their
// start: connections' threads are "conn" together. Times are 0 with stages off.
type ThreadIO struct {
	Name          string `json:"name"`
	ReceiveCalls  int64  `json:"receive_calls"` // also those that found nothing
	ReceivedBytes int64  `json:"received_bytes"`
	ReceiveNs     int64  `json:"receive_ns"` // in calls that brought bytes, without waiting for them
	SendCalls     int64  `json:"send_calls"` // send and sendfile
	SentBytes     int64  `json:"sent_bytes"`
	SendNs        int64  `json:"send_ns"`    // in them
	BlockedNs     int64  `json:"blocked_ns"` // of SendNs, asleep in calls with file bytes
}

// QueueLength is how many items wait in a queue: "requests" and "requests/POOL" (of
// an isolated class), "responses/THREAD", "connections/THREAD", "send".
type QueueLength struct {
	Name    string `json:"name"`
	Now     int    `json:"now"`
	Longest int    `json:"longest"` // since the last mark
}

// HandlerIdle is how long a handler pool's threads have waited for requests,
// summed, since their start (Kafka: RequestHandlerAvgIdlePercent).
type HandlerIdle struct {
	Pool    string `json:"pool"`
	Threads int    `json:"threads" since:"level"`
	IdleNs  int64  `json:"idle_ns"`
	WallNs  int64  `json:"wall_ns"` // of one thread
}

// ResidencyProbes counts since the start.
type ResidencyProbes struct {
	Probes int64 `json:"probes"` // chunks that the page cache was asked about
	Hot    int64 `json:"hot"`    // of them called resident, and sent by the network thread
	// FalseHot are hot chunks whose sending slept for more than 20 µs all the same;
	// FalseHotBlockedNs is for how long, in all. Without blocked-time, of chunks of files
	// hot for a second only every 16th is watched.
	FalseHot          int64 `json:"false_hot"`
	FalseHotBlockedNs int64 `json:"false_hot_blocked_ns"`
}

// Names of counts that this program reads by name.
const (
	AppendedBytes = "appended_bytes" // of record batches, written to the log
	FetchedBytes  = "fetched_bytes"  // of files, named in fetch responses
	Scrapes       = "metrics_scrapes"
)

// Counters count since the start. In JSON all are members of one object, so that a name
// that this version does not know is kept.
type Counters struct {
	Requests  map[string]int64 // by API, complete frames received
	Responses map[string]int64 // by API, sent to the last byte (or with none to send)
	Counts    map[string]int64 // all others, by the names that package measure declares
}

// MarshalJSON writes the counts beside requests and responses.
func (c Counters) MarshalJSON() ([]byte, error) {
	all := map[string]any{"requests": c.Requests, "responses": c.Responses}
	for name, n := range c.Counts {
		all[name] = n
	}
	return json.Marshal(all)
}

func (c *Counters) UnmarshalJSON(text []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*c = Counters{Counts: map[string]int64{}}
	for name, value := range all {
		var err error
		switch name {
		case "requests":
			err = json.Unmarshal(value, &c.Requests)
		case "responses":
			err = json.Unmarshal(value, &c.Responses)
		default:
			var n int64
			err = json.Unmarshal(value, &n)
			c.Counts[name] = n
		}
		if err != nil {
			return fmt.Errorf("counter %s: %w", name, err)
		}
	}
	return nil
}

func (c Counters) AllResponses() (n int64) {
	for _, responses := range c.Responses {
		n += responses
	}
	return n
}

// Process is one process's use of the machine since its start.
type Process struct {
	PID                 int   `json:"pid" since:"level"`
	CPUNs               int64 `json:"cpu_ns"`
	VoluntarySwitches   int64 `json:"voluntary_switches"`
	InvoluntarySwitches int64 `json:"involuntary_switches"`
	PeakRSSBytes        int64 `json:"peak_rss_bytes" since:"level"`
	GOMAXPROCS          int   `json:"gomaxprocs" since:"level"`
	GCCycles            int64 `json:"gc_cycles"`
	GCPauseNs           int64 `json:"gc_pause_ns"`
	AllocatedObjects    int64 `json:"allocated_objects"`
	AllocatedBytes      int64 `json:"allocated_bytes"`
}
