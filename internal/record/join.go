package record

import "c10klab/internal/sample"

// Samples are what a server has kept of sampled requests.
type Samples struct {
	Requests     []ServerSample `json:"requests"`       // in the order in which they ended
	Lost         int            `json:"lost"`           // given up for newer ones
	ClockErrorNs int64          `json:"clock_error_ns"` // bounds how wrong the conversion of the kernel's stamps is
	KernelStamps bool           `json:"kernel_stamps"`
}

// ServerSample is one request's boundaries, CLOCK_MONOTONIC nanoseconds; 0: not stamped.
type ServerSample struct {
	API string `json:"api"`
	ID  int32  `json:"id"` // correlation id
	// BoundariesNs are in the order of package stage: stage number i of package measure
	// lies between number i and the next.
	BoundariesNs []int64 `json:"boundaries_ns"`
	LastSend     int64   `json:"last_send"` // the last send call began
}

// Join is what sampled requests say when the stamps of both sides are put together
// by correlation id.
type Join struct {
	Rule sample.Rule `json:"rule"`
	// Client is how many samples due in the window the generator has kept, Server how
	// many of the whole run the server has; Joined are those that both have.
	Client int `json:"client"`
	Server int `json:"server"`
	Joined int `json:"joined"`
	Lost   int `json:"lost"` // samples that either side gave up for newer ones
	// OneSegment: requests and answers fit into a TCP segment and a connection has one
	// in flight, so that the kernel's stamps are exact. Otherwise SocketQueue is a lower
	// bound, and no single request is checked.
	OneSegment bool `json:"one_segment"`
	// KernelStamps of the server and the client; without the server's, SocketQueue is
	// within RequestWire.
	ServerKernelStamps bool  `json:"server_kernel_stamps"`
	ClientKernelStamps bool  `json:"client_kernel_stamps"`
	ClockErrorNs       int64 `json:"clock_error_ns"` // of both sides together

	// Terms add up to ResponseTime, ServiceTime in closed-loop mode, in every joined
	// request. Beside are no terms: they overlap them or lie after the answer.
	Terms          []JoinTerm `json:"terms"`
	Beside         []JoinTerm `json:"beside"`
	MeanResponseNs float64    `json:"mean_response_ns"`
	WiresErrorNs   float64    `json:"wires_error_ns"` // standard error of the mean of their two wires together
	// TermsOverResponse is the sum of mean terms over the mean response time of all
	// requests of the window: the wires' means are the joined requests', all others
	// those of the two sides' own histograms. 0: not known.
	TermsOverResponse float64 `json:"terms_over_response"`
	// BelowClockError are joined requests with a term that is below zero by more than
	// the clocks' error; 0 where OneSegment is false.
	BelowClockError int `json:"below_clock_error"`
	// RunQueue is how long the threads of each group of the server, the Go runtime's among
	// them, waited for a CPU, which is where ServerSnapshot.Hides says so.
	RunQueue []RunQueueWait  `json:"run_queue,omitempty"`
	Slowest  []JoinedRequest `json:"slowest,omitempty"` // the joined requests with the longest response times
}

// JoinTerm is one stretch of the joined requests' time, in nanoseconds; a percentile
// that the samples do not support is null.
type JoinTerm struct {
	Name   string  `json:"name"`
	MeanNs float64 `json:"mean_ns"`
	MinNs  int64   `json:"min_ns"`
	P50Ns  *int64  `json:"p50_ns"`
	P99Ns  *int64  `json:"p99_ns"`
	MaxNs  int64   `json:"max_ns"`
}

// RunQueueWait is how long the threads of one group waited for a CPU, for each
// request answered, both since the server's start.
type RunQueueWait struct {
	Group     string  `json:"group"`
	MeanNs    float64 `json:"mean_ns"`
	Threads   int     `json:"threads"`
	TotalWait int64   `json:"total_ns"`
}

// JoinedRequest is one request's terms in the order of Join.Terms.
type JoinedRequest struct {
	ID         int32   `json:"id"`
	ResponseNs int64   `json:"response_ns"`
	TermsNs    []int64 `json:"terms_ns"`
}
