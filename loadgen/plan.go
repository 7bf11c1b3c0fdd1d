package loadgen

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"c10klab/internal/measure"
)

// api names the producers' requests.
func (c Config) api() string {
	if c.Protocol == ProtocolEcho {
		return measure.Echo
	}
	return measure.Produce
}

// plan returns the requests that one of the pairs' senders offers, in order of time:
// those of the trace or of the schedule, or the first ones of a closed loop.
func (c Config) plan(part int) func() (Arrival, bool) {
	switch {
	case c.Closed:
		return c.opening(part)
	case c.Trace != nil:
		return c.Trace.lists[ofProducers].stream(part, c.pairs(), c.Producers)
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
		connections := [tracedKinds]int{c.Producers, c.readersOf(ofReaders), c.readersOf(ofLaggingReaders)}
		return c.Trace.hash(c.WarmUp, c.Window, c.Protocol, connections)
	}
	return c.Schedule.Hash(c.WarmUp, c.Window, c.pairs(), c.Producers)
}

// sizesOf lists the different sizes of requests of a kind: of record batches, of echo
// payloads, or the most record bytes that a fetch asks for.
func (c Config) sizesOf(kind tracedKind) []int {
	switch {
	case c.Trace != nil && len(c.Trace.lists[kind].sizes) > 0:
		return c.Trace.lists[kind].sizes
	case kind != ofProducers:
		return []int{c.FetchMaxBytes}
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
	mostFetchBytes = 1 << 30
)

// checkTrace refuses a trace that cannot be replayed as it is.
func (c Config) checkTrace() error {
	sizes, sum := c.sizesOf(ofProducers), 0
	for _, bytes := range sizes {
		sum += bytes
	}
	smallest, largest := slices.Min(sizes), slices.Max(sizes)
	offers := len(c.Trace.lists[ofProducers].requests) > 0
	switch planned := c.WarmUp + c.Window; {
	case c.Closed:
		return errors.New("knob trace: a closed loop has no plan; use mode open")
	case planned > c.Trace.length():
		return fmt.Errorf("knob trace: it lasts %v, shorter than warm-up and window, %v together", c.Trace.length(), planned)
	case offers && c.Producers == 0:
		return fmt.Errorf("knob trace: it holds %s, and producers=0 leaves none to send them", c.api())
	case !offers && c.Producers > 0:
		return fmt.Errorf("knob trace: it holds no %s; use producers 0", c.api())
	case len(sizes) > mostTraceSizes || sum > mostTraceBytes:
		return fmt.Errorf("knob trace: requests of %d different sizes, %d bytes together; at most %d and %d can be replayed", len(sizes), sum, mostTraceSizes, mostTraceBytes)
	case c.Protocol == ProtocolEcho && (smallest < correlationBytes || largest > mostEchoBytes):
		return fmt.Errorf("knob trace: echo payloads of %d to %d bytes; they have %d to %d", smallest, largest, correlationBytes, mostEchoBytes)
	}
	return c.checkReplay()
}
