// Package measure is the registry of what c10klab measures. Every span of a request's
// life and every number of a trial is declared here once, with its unit, its meaning and
// whose clock it is by; recorders, predictions, tables, figures, the report, lists and
// documents ask this package and keep no names of their own (a test looks for them).
//
// There are two kinds of measures, since two things are done with them. A Span has a
// histogram for each API, so that trials merge and percentiles come from all requests;
// its unit is always the nanosecond. A Number is one value of a trial, so that a cell has
// its median. A Metric names one value of either kind, as predictions and commands do:
// the word is that of `list metrics` and of the key in specs, and means nothing else.
//
// The order of declaration is the order in which everything is shown, and the order of
// the stages is that of a request's journey: stage number i of package stage is Stages[i].
package measure

import (
	"fmt"
	"slices"
	"sync"

	"c10klab/internal/hdr"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Clock says who took the instants that a measure is the difference of.
type Clock string

// Server, Client, Disk and Machine are one party's own. Both: one instant is the
// server's, the other the client's, put together by a request's correlation id.
const (
	Server  Clock = "server"
	Client  Clock = "client"
	Both    Clock = "both"
	Disk    Clock = "disk"
	Machine Clock = "machine"
)

// View is a set of tables and figures.
type View uint

// The tables and figures that show some measures and not others.
const (
	ClientTable      View = 1 << iota // what clients saw, a row for each cell
	BrokerTable                       // where requests of one API spent their time, as Kafka divides it
	StageTable                        // the same, stage by stage
	ConnectionsTable                  // what connections take
	ServersTable                      // what each of several servers takes
	StageFigure                       // tails of an API's stages, side by side
	Sweep                             // a panel over the levels of a knob
	Comparisons                       // effects of knobs, and differences between runs
	Judged                            // no table: what spoils the numbers of others
)

// APIs that code names. Others come with the services that answer them.
const (
	Produce = "Produce"
	Fetch   = "Fetch"
	Echo    = "Echo"
	// LaggingFetch is how the generator names fetches of lagging consumers when there
	// are tail consumers too, whose fetches are Fetch. It is never the server's.
	LaggingFetch = "LaggingFetch"
	// AllLoops stands in the place of an API where a span is of network threads.
	AllLoops = "loops"
)

var ownAPIs = []string{Produce, Fetch, LaggingFetch, Echo, AllLoops}

// kafkasAPIs are all that a server may be asked.
var kafkasAPIs = sync.OnceValue(func() (names []string) {
	for key := range kmsg.MaxKey + 1 {
		if name := kmsg.NameForKey(int16(key)); name != "Unknown" {
			names = append(names, name)
		}
	}
	return names
})

// Span is a stretch of time that histograms are kept of, by API.
type Span struct {
	Name    string
	Meaning string
	Clock   Clock
	Kafka   string // the same thing in Kafka's RequestMetrics; empty: it has none
	// WaitsBehind is the queue or thread that a request waits behind in the span; empty
	// where it is worked on, or where waits and work lie in it together.
	WaitsBehind string
	In          View
	Before      *Span  // the one that views show it before; nil: the next declared
	Title       string // what figures and sentences call it
	Beside      bool   // it is not taken once a request
	Kept        bool   // there are histograms though the clock is Both
}

var (
	spans []*Span
	// Stages divide a request's time at the server without gap or overlap.
	Stages []*Span
)

func span(s Span) *Span {
	if slices.ContainsFunc(spans, func(other *Span) bool { return other.Name == s.Name }) {
		panic(fmt.Sprintf("measure: span %s is declared twice", s.Name))
	}
	spans = append(spans, &s)
	return &s
}

func stage(s Span) *Span {
	s.Clock = Server
	Stages = append(Stages, span(s))
	return Stages[len(Stages)-1]
}

// The stages, in the order of a request's journey.
var (
	SocketQueue = stage(Span{Name: "SocketQueue", Meaning: "in the server's socket buffer before it was read",
		WaitsBehind: "the thread that reads the connection", In: StageTable})
	Receive = stage(Span{Name: "Receive", Meaning: "from the first read to the complete frame",
		In: StageTable})
	Dispatch = stage(Span{Name: "Dispatch", Meaning: "from the complete frame to the put into the request queue",
		WaitsBehind: "the reading thread's other frames", In: StageTable})
	RequestQueue = stage(Span{Name: "RequestQueue", Meaning: "in the request queue, a blocked put included",
		Kafka: "RequestQueueTimeMs", WaitsBehind: "the request queue, for a handler thread", In: BrokerTable | StageTable | StageFigure})
	LocalTime = stage(Span{Name: "LocalTime", Meaning: "in the handler",
		Kafka: "LocalTimeMs", In: BrokerTable | StageTable | StageFigure})
	RemoteTime = stage(Span{Name: "RemoteTime", Meaning: "waiting for others after the handler returned",
		Kafka: "RemoteTimeMs", WaitsBehind: "delayed operations: replicas, or records not there yet", In: BrokerTable | StageTable})
	ResponseQueue = stage(Span{Name: "ResponseQueue", Meaning: "complete and not yet taken up by the sending thread",
		Kafka: "ResponseQueueTimeMs", WaitsBehind: "the response queue, for the thread that sends", In: BrokerTable | StageTable | StageFigure})
	SendWait = stage(Span{Name: "SendWait", Meaning: "taken up and not yet being written",
		WaitsBehind: "the sending thread's other responses", In: StageTable})
	Send = stage(Span{Name: "Send", Meaning: "from the first write to the last byte accepted",
		In: StageTable})
	Reap = stage(Span{Name: "Reap", Meaning: "from the last byte to the end of bookkeeping",
		In: StageTable})
)

// What the server has beside the stages.
var (
	ResponseSend = span(Span{Name: "ResponseSend", Meaning: "Kafka's ResponseSendTime: SendWait, Send and Reap",
		Clock: Server, Kafka: "ResponseSendTimeMs", In: BrokerTable | StageFigure})
	Total = span(Span{Name: "Total", Meaning: "Kafka's TotalTime: RequestQueue to Reap",
		Clock: Server, Kafka: "TotalTimeMs", In: BrokerTable | StageTable})
	SocketAndDispatch = span(Span{Name: "SocketQueue+Dispatch", Meaning: "the waits before the queue that Kafka's clock cannot see",
		Clock: Server, Before: RequestQueue, WaitsBehind: "the thread that reads the connection", In: BrokerTable | StageFigure})
	BlockedOnDisk = span(Span{Name: "BlockedOnDisk", Meaning: "one send call of file bytes: asleep in it, which a non-blocking socket leaves to the disk",
		Clock: Server, WaitsBehind: "the disk", Beside: true})
	LoopLag = span(Span{Name: "LoopLag", Meaning: "a network thread (API loops): from the end of one poll to the next, in which it attends to no other connection",
		Clock: Server, Beside: true})
)

// What clients see.
var (
	ResponseTime = span(Span{Name: "ResponseTime", Title: "response time", Meaning: "due until answered",
		Clock: Client, In: ClientTable | Sweep})
	ServiceTime = span(Span{Name: "ServiceTime", Title: "service time", Meaning: "attempted until answered; with consumers=both, API Fetch is the tail consumers' and LaggingFetch the lagging ones'",
		Clock: Client, In: ClientTable | Sweep})
	Lateness = span(Span{Name: "Lateness", Meaning: "due until attempted, the generator's own delay",
		Clock: Client, WaitsBehind: "the generator's own thread", In: Judged})
	BackPressure = span(Span{Name: "BackPressure", Meaning: "attempted until the last byte was accepted",
		Clock: Client, WaitsBehind: "the connection's earlier requests, and the socket's buffers, which the server empties"})
	// Delivery has a histogram although it is of joined requests alone: it is what a way to send is
	// compared by, without what the producer and the handler do before.
	Delivery = span(Span{Name: "Delivery", Title: "delivery", Meaning: "the handler had appended a batch until its bytes are at a tail consumer, of sampled Produce requests; 0 where a fetch was quicker than the handler's return",
		Clock: Both, Kept: true, In: ClientTable})
	EndToEnd = span(Span{Name: "EndToEnd", Title: "end to end", Meaning: "a record's due time until its bytes are at a consumer",
		Clock: Client, In: ClientTable | Sweep})
)

// Stretches between a stamp of the one side and a stamp of the other. They are known of
// sampled requests alone (record.Join) and have no histogram.
var (
	RequestWire = span(Span{Name: "RequestWire", Meaning: "attempted until the server's kernel had the request",
		Clock: Both})
	ResponseWire = span(Span{Name: "ResponseWire", Meaning: "last byte accepted until the client had read the answer",
		Clock: Both})
	ConnectionWait = span(Span{Name: "ConnectionWait", Meaning: "attempted until the send call began",
		Clock: Both, WaitsBehind: "the connection's earlier requests"})
	RequestNetwork = span(Span{Name: "RequestNetwork", Meaning: "begin of the client's send call until the server's kernel had the request",
		Clock: Both})
	ResponseNetwork = span(Span{Name: "ResponseNetwork", Meaning: "begin of the server's last send call until the client's kernel had the answer",
		Clock: Both})
	AnswerRead = span(Span{Name: "AnswerRead", Meaning: "the client's kernel had the answer until the client had read it",
		Clock: Both, WaitsBehind: "the generator's receiving thread"})
)

// Key names the span's histogram for an API.
func (s *Span) Key(api string) hdr.Key { return hdr.Key{Stage: s.Name, API: api} }

// Is reports whether a key is of the span, for any API.
func (s *Span) Is(key hdr.Key) bool { return key.Stage == s.Name }

// Recorded reports whether histograms are kept of the span.
func (s *Span) Recorded() bool { return s.Clock != Both || s.Kept }

// Spans are those that match, all if matches is nil, in the order of declaration.
func Spans(matches func(*Span) bool) []*Span {
	all := slices.Clone(spans)
	if matches == nil {
		return all
	}
	return slices.DeleteFunc(all, func(s *Span) bool { return !matches(s) })
}

// SpansIn are those that any of the views shows, in its order.
func SpansIn(v View) []*Span {
	shown := Spans(func(s *Span) bool { return s.In&v != 0 })
	for from, s := range shown {
		if to := slices.Index(shown, s.Before); to >= 0 {
			shown = slices.Insert(slices.Delete(shown, from, from+1), to, s)
		}
	}
	return shown
}

// Shown reports whether any table or figure shows a histogram.
func Shown(key hdr.Key) bool {
	s := SpanNamed(key.Stage)
	return s != nil && s.In != 0
}

func NamesOf(spans []*Span) []string {
	names := make([]string, len(spans))
	for i, s := range spans {
		names[i] = s.Name
	}
	return names
}

func ByClock(c Clock) []*Span { return Spans(func(s *Span) bool { return s.Clock == c }) }

// SpanNamed finds a span; nil: there is none of that name.
func SpanNamed(name string) *Span {
	if i := slices.IndexFunc(spans, func(s *Span) bool { return s.Name == name }); i >= 0 {
		return spans[i]
	}
	return nil
}

// Clients picks from the keys of histograms those that say how long clients waited, in
// the order of the spans. ServiceTime is left out where there is ResponseTime of the same
// API, which says more.
func Clients(keys []hdr.Key) []hdr.Key {
	var all []hdr.Key
	for _, s := range SpansIn(ClientTable) {
		for _, api := range APIs(keys) {
			key := s.Key(api)
			if slices.Contains(keys, key) && !(s == ServiceTime && slices.Contains(all, ResponseTime.Key(api))) {
				all = append(all, key)
			}
		}
	}
	return all
}

// APIs are those of the requests that a load consists of, of which keys are: first those
// that fall due, then by name. What else a server answers belongs to no load. Clients
// measure their own; of Produce and Fetch there may be the server's part alone, since older
// evidence has no more.
func APIs(keys []hdr.Key) []string {
	var due, others []string
	for _, key := range keys {
		s := SpanNamed(key.Stage)
		switch {
		case s == ResponseTime:
			due = append(due, key.API)
		case s != nil && s.Clock == Client, key.API == Produce, key.API == Fetch:
			others = append(others, key.API)
		}
	}
	slices.Sort(due)
	slices.Sort(others)
	others = slices.DeleteFunc(slices.Compact(others), func(api string) bool { return slices.Contains(due, api) })
	return append(due, others...)
}
