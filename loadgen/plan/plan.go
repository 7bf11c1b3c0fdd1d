// Package plan says what a load generator sends, and when: schedules, recorded traces, the first
// requests of a closed loop, and how a sender sleeps until they fall due. All are values without a
// clock: equal plans give equal arrivals, on any machine and against any target.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Arrival is one planned request.
type Arrival struct {
	OffsetNs   int64 // from the load's beginning
	Connection int   // among those of the request's Kind
	Size       int   // index into the plan's Sizes of that Kind
}

// Source returns requests in order of time, false when there are no more. One goroutine at
// a time uses it.
type Source func() (Arrival, bool)

// Kind is whose request one is.
type Kind int

const (
	OfProducers Kind = iota
	OfConsumers      // of tail consumers, or of lagging ones where they are alone
	OfLaggingConsumers
	Kinds
)

// Plan is what one run offers.
type Plan struct {
	Protocol string
	// Closed: producers keep InFlight requests outstanding per connection, so only the
	// first ones are planned.
	Closed   bool
	InFlight int
	Schedule Schedule // of the producers; with a Trace its mean rate
	Fetches  Schedule // of all consumers together; PerSecond 0: they go in a closed loop
	Trace    *Trace   // nil: the schedules' requests
	// The measured window begins after WarmUp.
	WarmUp, Window time.Duration
	Senders        int        // that the producers' connections are divided among
	Connections    [Kinds]int // of each kind
	Bytes          [Kinds]int // of requests, where no Trace says
}

// Requests returns the producers' requests that one of the Senders offers.
func (p *Plan) Requests(sender int) Source {
	switch {
	case p.Closed:
		return p.opening(sender)
	case p.Trace != nil:
		return p.Trace.source(OfProducers, sender, p.Senders, p.Connections[OfProducers])
	}
	s := p.Schedule.Stream(sender, p.Senders, p.Connections[OfProducers])
	return func() (Arrival, bool) { return s.Next(), true }
}

// FetchesOf returns what OffersFetches says that there is.
func (p *Plan) FetchesOf(kind Kind) Source {
	if p.replays(kind) {
		return p.Trace.source(kind, 0, 1, p.Connections[kind])
	}
	s := p.FetchSchedule(kind).Stream(0, 1, p.Connections[kind])
	return func() (Arrival, bool) { return s.Next(), true }
}

// FetchSchedule is the share of Fetches of one kind of consumers: each connection has the
// same. Its draws are other ones than the producers'.
func (p *Plan) FetchSchedule(kind Kind) Schedule {
	s, own := p.Fetches, p.Connections[kind]
	if own > 0 {
		s.PerSecond *= float64(own) / float64(p.Connections[OfConsumers]+p.Connections[OfLaggingConsumers])
	}
	s.Seed += uint64(kind) << 32
	return s
}

// longestOpening is the time over which a closed loop's first requests are spread: all
// at once, connections would go on in step with each other.
const longestOpening = 100 * time.Millisecond

// opening returns the first requests of a closed loop, evenly over the beginning of the
// warm-up, connections in turn.
func (p *Plan) opening(sender int) Source {
	s := Schedule{Kind: Constant, PerSecond: float64(p.Depth()) / max(min(p.WarmUp, longestOpening), 1).Seconds()}.Stream(sender, p.Senders, p.Connections[OfProducers])
	left := s.own() * p.InFlight
	return func() (Arrival, bool) {
		left--
		return s.Next(), left >= 0
	}
}

// Depth is how many requests a closed loop keeps in flight.
func (p *Plan) Depth() int { return p.Connections[OfProducers] * p.InFlight }

// Hash identifies the planned arrivals of the window.
func (p *Plan) Hash() string {
	var hash string
	if p.Trace != nil {
		hash = p.Trace.hash(p.WarmUp, p.Window, p.Protocol, p.Connections)
	} else {
		hash = p.Schedule.Hash(p.WarmUp, p.Window, p.Senders, p.Connections[OfProducers])
	}
	for kind := range Kinds {
		if p.OffersFetches(kind) && !p.replays(kind) {
			sum := sha256.Sum256([]byte(hash + p.FetchSchedule(kind).Hash(p.WarmUp, p.Window, 1, p.Connections[kind])))
			hash = hex.EncodeToString(sum[:])
		}
	}
	return hash
}

// Sizes lists the different sizes of requests of a kind: of record batches, of echo
// payloads, or the most record bytes that a fetch asks for.
func (p *Plan) Sizes(kind Kind) []int {
	if p.Trace != nil && len(p.Trace.lists[kind].sizes) > 0 {
		return p.Trace.lists[kind].sizes
	}
	return []int{p.Bytes[kind]}
}

// replays reports whether consumers of a kind fetch when the trace says.
func (p *Plan) replays(kind Kind) bool {
	return kind != OfProducers && p.Trace != nil && p.Trace.Holds(kind)
}

// OffersFetches reports whether fetches of a kind of consumers fall due, by a schedule or
// the trace, instead of following each other in a closed loop; OffersAnyFetches whether any do.
func (p *Plan) OffersFetches(kind Kind) bool {
	return p.replays(kind) || kind != OfProducers && p.Fetches.PerSecond > 0 && p.Connections[kind] > 0
}
func (p *Plan) OffersAnyFetches() bool {
	return p.OffersFetches(OfConsumers) || p.OffersFetches(OfLaggingConsumers)
}

// API names the producers' requests.
func (p *Plan) API() string { return APIs(p.Protocol)[OfProducers] }

// OffersRequests reports whether producers' requests fall due by a schedule or a trace,
// OffersAny whether anybody's do.
func (p *Plan) OffersRequests() bool { return !p.Closed && p.Connections[OfProducers] > 0 }
func (p *Plan) OffersAny() bool      { return p.OffersRequests() || p.OffersAnyFetches() }

// Bounds of what a trace's requests occupy: each size has a template and frames.
const (
	mostTraceSizes = 4096
	mostTraceBytes = 256 << 20
)

// CheckTrace refuses a trace that cannot be replayed as it is.
func (p *Plan) CheckTrace() error {
	sizes, sum := p.Sizes(OfProducers), 0
	for _, bytes := range sizes {
		sum += bytes
	}
	offers, api := p.Trace.Holds(OfProducers), p.API()
	switch planned := p.WarmUp + p.Window; {
	case p.Closed:
		return errors.New("a closed loop has no plan; use mode open")
	case planned > p.Trace.Length():
		return fmt.Errorf("it lasts %v, shorter than warm-up and window, %v together", p.Trace.Length(), planned)
	case offers && p.Connections[OfProducers] == 0:
		return fmt.Errorf("it holds %s, and producers=0 leaves none to send them", api)
	case !offers && p.Connections[OfProducers] > 0:
		return fmt.Errorf("it holds no %s; use producers 0", api)
	case len(sizes) > mostTraceSizes || sum > mostTraceBytes:
		return fmt.Errorf("requests of %d different sizes, %d bytes together; at most %d and %d can be replayed", len(sizes), sum, mostTraceSizes, mostTraceBytes)
	}
	return nil
}
