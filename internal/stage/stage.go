// Package stage defines the boundaries that one request passes inside a server,
// the stages between them, and the recorder that turns a finished request's
// stamps into histograms.
//
//	arrived · readStart · frameComplete · enqueueStart · dequeued · localDone ·
//	responseComplete · responseDequeued · firstWrite · lastByte · reaped
//
// Stages are the differences of neighbours, so they neither overlap nor leave
// gaps. Kafka's names are kept where Kafka has the thing (RequestChannel.Request):
// its ResponseSend and Total are derived here and labelled so.
package stage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"c10klab/internal/knob"
	"c10klab/internal/measure"
)

// Boundary is an instant in a request's life, stamped once.
type Boundary int

const (
	Arrived          Boundary = iota // the kernel received the frame's first bytes
	ReadStart                        // the server began to read them
	FrameComplete                    // the frame's last byte was read
	EnqueueStart                     // the receiving thread began to hand the request on
	Dequeued                         // the thread that handles it took it
	LocalDone                        // the handler returned, or the response was complete before
	ResponseComplete                 // the response was complete
	ResponseDequeued                 // the thread that sends took it
	FirstWrite                       // the first send call began
	LastByte                         // the kernel accepted the last byte
	Reaped                           // the request is over: accounted, connection unmuted
	Boundaries
)

// Stamps are CLOCK_MONOTONIC nanoseconds by boundary; 0 means not stamped.
type Stamps [Boundaries]int64

// Stage is the time between boundary Stage and the next, or another of the server's
// spans of package measure, which are in the same order.
type Stage int

const (
	SocketQueue Stage = iota
	Receive
	Dispatch
	RequestQueue
	LocalTime
	RemoteTime
	ResponseQueue
	SendWait
	Send
	Reap
	ResponseSend
	Total
	SocketAndDispatch
	BlockedOnDisk // of one send call of file bytes, on a thread whose socket does not wait (osthread.BlockedMeter)
	LoopLag       // of one poll; its API is measure.AllLoops
	measures

	stages = ResponseSend  // those before are differences of neighbouring boundaries
	spans  = BlockedOnDisk // those before are taken once a request
)

var names = func() (names [measures]string) {
	for i, s := range measure.ByClock(measure.Server) {
		names[i] = s.Name
	}
	return names
}()

func (s Stage) String() string { return names[s] }

// spans returns the durations of the stages and derived spans in nanoseconds; bit s of
// known tells that the boundaries of number s were stamped.
func (st *Stamps) spans() (ns [spans]int64, known uint32) {
	for s := range stages {
		ns[s] = st[s+1] - st[s]
		if st[s] != 0 {
			known |= 1 << s
		}
	}
	ns[ResponseSend], ns[Total], ns[SocketAndDispatch] = st[Reaped]-st[ResponseDequeued], st[Reaped]-st[EnqueueStart], ns[SocketQueue]+ns[Dispatch]
	known |= 1<<ResponseSend | 1<<Total
	return ns, known | known>>SocketQueue&1<<SocketAndDispatch
}

// Plant is a delay put into one stage of every request, for known-answer tests.
// The zero Plant delays nothing.
type Plant struct {
	stage Stage
	delay time.Duration
}

// ParsePlant reads "STAGE=DURATION"; empty text plants nothing.
func ParsePlant(text string) (Plant, error) {
	if text == "" {
		return Plant{}, nil
	}
	name, duration, _ := strings.Cut(text, "=")
	s := slices.Index(names[:stages], name)
	if s < 0 {
		return Plant{}, fmt.Errorf("plant %q: no stage is named %q%s", text, name, knob.DidYouMean(name, names[:stages]))
	}
	delay, err := time.ParseDuration(duration)
	if err != nil || delay <= 0 {
		return Plant{}, fmt.Errorf("plant %q: %q is no positive duration", text, duration)
	}
	return Plant{stage: Stage(s), delay: delay}, nil
}

// In sleeps if the delay is planted in stage s; the calling thread blocks.
func (p *Plant) In(s Stage) {
	if p.Planted(s) {
		time.Sleep(p.delay)
	}
}

// Planted reports whether the delay is planted in stage s.
func (p *Plant) Planted(s Stage) bool { return p.delay != 0 && p.stage == s }
