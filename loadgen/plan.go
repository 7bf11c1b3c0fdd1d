package loadgen

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// APIs of producers' requests, as histograms and traces name them.
const (
	produceAPI = "Produce"
	echoAPI    = "Echo"
)

// api names the producers' requests.
func (c Config) api() string {
	if c.Protocol == ProtocolEcho {
		return echoAPI
	}
	return produceAPI
}

// plan returns the requests that one of the pairs' senders offers, in order of time:
// those of the trace or of the schedule, or the first ones of a closed loop.
func (c Config) plan(part int) func() (Arrival, bool) {
	switch {
	case c.Closed:
		return c.opening(part)
	case c.Trace != nil:
		return c.Trace.stream(part, c.pairs(), c.Producers)
	}
	s := c.Schedule.Stream(part, c.pairs(), c.Producers)
	return func() (Arrival, bool) { return s.Next(), true }
}

// longestOpening is the time over which a closed loop's first requests are spread: all
// at once, connections would go on in step with each other.
const longestOpening = 100 * time.Millisecond

// opening returns the first requests of a closed loop, evenly over the beginning of the
// warm-up, connections in turn.
func (c Config) opening(part int) func() (Arrival, bool) {
	all := float64(c.Producers * c.InFlight)
	s := Schedule{Kind: Constant, PerSecond: all / max(min(c.WarmUp, longestOpening), 1).Seconds()}.Stream(part, c.pairs(), c.Producers)
	left := s.own() * c.InFlight
	return func() (Arrival, bool) {
		left--
		return s.Next(), left >= 0
	}
}

// planHash identifies the planned arrivals of the window.
func (c Config) planHash() string {
	if c.Trace != nil {
		return c.Trace.hash(c.WarmUp, c.Window, c.Producers)
	}
	return c.Schedule.Hash(c.WarmUp, c.Window, c.pairs(), c.Producers)
}

// sizes lists the different sizes of requests: of record batches, or of echo payloads.
func (c Config) sizes() []int {
	switch {
	case c.Trace != nil:
		return c.Trace.sizes
	case c.Protocol == ProtocolEcho:
		return []int{c.EchoBytes}
	}
	return []int{c.BatchBytes}
}

// sizeKnob names what says how large requests are.
func (c Config) sizeKnob(ownName string) string {
	if c.Trace != nil {
		return "knobs trace"
	}
	return ownName
}

// Bounds of what a trace's requests occupy: each size has a template and frames.
const (
	mostTraceSizes = 4096
	mostTraceBytes = 256 << 20
	mostEchoBytes  = 64 << 20
)

// checkTrace refuses a trace that cannot be replayed as it is.
func (c Config) checkTrace() error {
	smallest, largest, sum := slices.Min(c.Trace.sizes), slices.Max(c.Trace.sizes), 0
	for _, bytes := range c.Trace.sizes {
		sum += bytes
	}
	switch planned := c.WarmUp + c.Window; {
	case c.Closed:
		return errors.New("knob trace: a closed loop has no plan; use mode open")
	case planned > c.Trace.length():
		return fmt.Errorf("knob trace: it lasts %v, shorter than warm-up and window, %v together", c.Trace.length(), planned)
	case len(c.Trace.sizes) > mostTraceSizes || sum > mostTraceBytes:
		return fmt.Errorf("knob trace: requests of %d different sizes, %d bytes together; at most %d and %d can be replayed", len(c.Trace.sizes), sum, mostTraceSizes, mostTraceBytes)
	case c.Protocol == ProtocolEcho && (smallest < correlationBytes || largest > mostEchoBytes):
		return fmt.Errorf("knob trace: echo payloads of %d to %d bytes; they have %d to %d", smallest, largest, correlationBytes, mostEchoBytes)
	}
	return nil
}
