package judge

import (
	"cmp"
	"math"
	"sync/atomic"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/internal/sample"
	"c10klab/loadgen/plan"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Window is the measured time, or what of it belongs to one arm of a switchback. It is set
// once, when all connections have had an answer; before, nothing lies in it. Any thread may ask.
type Window struct {
	*edges
	slots *plan.Switchback // nil: all of it
	arm   int
}

type edges struct{ startNs, endNs atomic.Int64 }

// NewWindow makes one that is not set.
func NewWindow() *Window {
	w := &Window{edges: &edges{}}
	w.startNs.Store(math.MaxInt64)
	w.endNs.Store(math.MaxInt64)
	return w
}

// Set fixes the window; its end comes first so that no instant is ever inside a half-set window.
func (w *Window) Set(startNs, endNs int64) {
	w.endNs.Store(endNs)
	w.startNs.Store(startNs)
}

// StartNs and EndNs are its edges, CLOCK_MONOTONIC.
func (w *Window) StartNs() int64 { return w.startNs.Load() }
func (w *Window) EndNs() int64   { return w.endNs.Load() }

// Contains reports whether an instant lies in it, Over whether after it, and Begun whether
// the window is set, that is, whether load runs.
func (w *Window) Contains(ns int64) bool {
	startNs := w.startNs.Load()
	return ns >= startNs && ns < w.endNs.Load() && (w.slots == nil || w.slots.Counts(ns-startNs, w.arm))
}
func (w *Window) Over(ns int64) bool { return ns >= w.endNs.Load() }
func (w *Window) Begun() bool        { return w.startNs.Load() != math.MaxInt64 }

// Request is one request's stamps, CLOCK_MONOTONIC; 0: not yet.
type Request struct {
	ID          int32 // correlation id
	DueNs       int64
	AttemptedNs int64
	FirstByteNs int64 // the target's socket accepted the first byte
	LastByteNs  int64 // … and the last
	BegunNs     int64 // its first send call began; of sampled requests only
}

// Arrival is a batch that reached a tail consumer.
type Arrival struct {
	DueNs     int64 // its Produce request, by which that is found again
	ArrivedNs int64 // the kernel had its last byte; where that is not known, the consumer
}

// Sample is a sampled request that was answered without error.
type Sample struct {
	Request
	ArrivedNs  int64 // the kernel had the answer; 0: not known
	AnsweredNs int64
}

// Span is one of the durations that the generator measures.
type Span int

const (
	ResponseTime Span = iota
	ServiceTime
	Lateness
	BackPressure
	FetchResponseTime // of fetches that fall due, as FetchLateness
	FetchServiceTime
	FetchLateness
	LaggingResponseTime // of lagging consumers beside tail ones, as the following two
	LaggingServiceTime
	LaggingLateness
	EndToEnd
	Delivery
	Spans
)

// spansOf are the spans of requests of a kind; a closed loop's fetches have service times only.
var spansOf = [plan.Kinds]struct{ response, service, lateness Span }{
	plan.OfProducers:        {ResponseTime, ServiceTime, Lateness},
	plan.OfConsumers:        {FetchResponseTime, FetchServiceTime, FetchLateness},
	plan.OfLaggingConsumers: {LaggingResponseTime, LaggingServiceTime, LaggingLateness},
}

// keys names the spans.
func (l *Load) keys() (names [Spans]hdr.Key) {
	for kind, api := range plan.APIs(l.Protocol) {
		of := spansOf[kind]
		names[of.response] = measure.ResponseTime.Key(api)
		names[of.service] = measure.ServiceTime.Key(api)
		names[of.lateness] = measure.Lateness.Key(api)
	}
	names[BackPressure] = measure.BackPressure.Key(l.API())
	names[EndToEnd] = measure.EndToEnd.Key(measure.Fetch)
	names[Delivery] = measure.Delivery.Key(measure.Fetch)
	return names
}

// Counter is one of the sums that a Tally keeps.
type Counter int

// What is counted of producers' requests, "due" and "answers" in the window unless said
// otherwise, and of consumers' fetches.
const (
	Offered         Counter = iota // due
	offeredBytes                   // … in record batches
	Answered                       // answers
	acked                          // those without an error
	ackedBytes                     // … in record batches
	failed                         // answers with an error, since the first request
	refusedForRoom                 // … with the one by which a server without room refuses
	LostConnections                // that broke, or whose partition another broker leads now, since the first request
	SentAgain                      // requests of which those had sent something
	AckedRecords                   // since the first request
	Within                         // due, answered without an error within availableWithin
	Beyond                         // due, and not
	fetches                        // answers to fetches
	failedFetches                  // with a retriable error, since the first request
	tailBytes                      // record bytes of tail consumers' answers
	laggingBytes                   // … of lagging consumers'
	// InFlightNs is the integral over the window of the requests due and not answered,
	// which sees requests that percentiles never see, those of a starved connection.
	InFlightNs
	carriedInNs      // the part of it that belongs to requests due before the window and answered in it
	carriedThroughNs // … and to those due before it and not answered by its end
	carriedOutNs     // how long those due in the window were in flight after it
	Counters
)

// Tally is what one thread has counted. Only that thread touches it until the
// thread has ended; then tallies merge. Counting allocates nothing.
type Tally struct {
	load   *Load
	window *Window
	// views are the tally itself and, of a switchback, one for each arm, which counts what is
	// of the window in the arm's part of it.
	views      []*Tally
	Histograms [Spans]*hdr.Histogram
	censored   [Spans]record.Censored
	outlasting [Spans][]int64        // ages at the window's end of a closed loop's requests that were in flight over all of it
	trend      trend                 // of ResponseTime, in a closed loop of ServiceTime
	overTime   [Spans]timeSeries     // of the spans whose course is kept
	Samples    *sample.Ring[Sample]  // nil: nothing is sampled
	Arrivals   *sample.Ring[Arrival] // of a receiver of tail consumers; nil: nothing is sampled
	Counts     [Counters]int64
	Recording  plan.Recording // of the requests that the thread has offered, where a trace is wanted
	// firstError and firstFetchError are Kafka's codes of the first such answers.
	firstError, firstFetchError int16
}

// NewTally makes all histograms at once: making one costs a page fault per page,
// too much for a measured window.
func NewTally(l *Load, w *Window) *Tally {
	t := newView(l, w)
	if l.Switchback != nil {
		for arm := range l.Arms.Values {
			t.views = append(t.views, newView(l, &Window{w.edges, l.Switchback, arm}))
		}
	}
	return t
}

func newView(l *Load, w *Window) *Tally {
	t := &Tally{load: l, window: w}
	t.views = []*Tally{t}
	for i := range t.Histograms {
		t.Histograms[i] = hdr.NewHistogram()
	}
	for _, s := range []Span{ResponseTime, FetchServiceTime, EndToEnd, Delivery} {
		t.overTime[s] = newTimeSeries(l.Window)
	}
	return t
}

// enter counts a duration of a request that fell due, or a fetch that was asked for, at fromNs.
func (t *Tally) enter(s Span, fromNs, ns int64) {
	t.Histograms[s].Record(ns)
	t.overTime[s].record(fromNs-t.window.StartNs(), ns)
}

// within calls count for the tally and each arm's part of it whose window contains an instant.
func (t *Tally) within(ns int64, count func(view *Tally)) {
	for _, view := range t.views {
		if view.window.Contains(ns) {
			count(view)
		}
	}
}

// Offer counts a producers' request that is due in the window, with the bytes of its record batch.
func (t *Tally) Offer(dueNs int64, batchBytes int) {
	t.within(dueNs, func(t *Tally) {
		t.Counts[Offered]++
		t.Counts[offeredBytes] += int64(batchBytes)
	})
}

// InFlight changes the number of requests in flight by delta at an instant: what that adds to the
// integral over the window, or takes from it, is known at once, so events may come in any order and
// on any thread's tally. Nothing is in flight when the window is fixed.
func (t *Tally) InFlight(delta, atNs int64) {
	startNs, endNs := t.window.StartNs(), t.window.EndNs()
	t.Counts[InFlightNs] += delta * (endNs - min(max(atNs, startNs), endNs))
}

// carry enters what the window's edges cut of a request's time in flight.
func (t *Tally) carry(r *Request, doneNs int64) {
	startNs, endNs := t.window.StartNs(), t.window.EndNs()
	switch {
	case r.DueNs >= endNs:
	case r.DueNs >= startNs:
		t.Counts[carriedOutNs] += max(0, doneNs-endNs)
	case doneNs < endNs:
		t.Counts[carriedInNs] += max(0, doneNs-startNs)
	default:
		t.Counts[carriedThroughNs] += endNs - startNs
		if t.load.Closed {
			t.outlast(ServiceTime, r.AttemptedNs)
		}
	}
}

// outlast notes a request of a closed loop that was attempted before the window and had no
// answer by its end: its connection offered none within, so none stands for it. An answer
// that comes once the load is over says nothing of the load, so the age at the end counts.
func (t *Tally) outlast(s Span, attemptedNs int64) {
	for _, view := range t.views {
		view.outlasting[s] = append(view.outlasting[s], t.window.EndNs()-attemptedNs)
	}
}

// censor notes that a duration that is entered is an age.
func (t *Tally) censor(s Span, ageNs int64) {
	t.censored[s].Add(record.Censored{Count: 1, LeastNs: ageNs, MostNs: ageNs})
}

// enterOutlasting enters what outlasted the window into the histograms of a bundle, and tells which of
// their durations are ages, by STAGE/API. It ends the counting: rules compare the histograms without.
func (t *Tally) enterOutlasting(b hdr.Bundle) map[string]record.Censored {
	ages := map[string]record.Censored{}
	for i, key := range t.load.keys() {
		for _, ageNs := range t.outlasting[i] {
			t.Histograms[i].Record(ageNs)
			t.censor(Span(i), ageNs)
			b[key] = t.Histograms[i]
		}
		if t.censored[i].Count > 0 {
			ages[key.String()] = t.censored[i]
		}
	}
	return ages
}

// availableWithin is how soon a request must be answered for its user to call the target available.
const availableWithin = time.Second

// Complete counts a producers' request that was answered, or with acks 0 sent, at doneNs,
// with the size of its record batch.
func (t *Tally) Complete(r *Request, doneNs int64, errorCode int16, batchBytes, records int) {
	t.carry(r, doneNs)
	ok := errorCode == 0
	if ok {
		t.Counts[AckedRecords] += int64(records)
	} else {
		t.Counts[failed]++
		if errorCode == kerr.ThrottlingQuotaExceeded.Code {
			t.Counts[refusedForRoom]++
		}
		t.firstError = cmp.Or(t.firstError, errorCode)
	}
	t.within(doneNs, func(t *Tally) {
		t.Counts[Answered]++
		if ok {
			t.Counts[acked]++
			t.Counts[ackedBytes] += int64(batchBytes)
		}
	})
	t.within(r.DueNs, func(t *Tally) {
		if ok && doneNs-r.DueNs <= int64(availableWithin) {
			t.Counts[Within]++
		} else {
			t.Counts[Beyond]++
		}
		t.record(r, doneNs)
	})
}

// NeverAnswered enters a producers' request without an answer at the end of the run, with
// its age; it reports whether it was due in the window, or in a closed loop before its end.
func (t *Tally) NeverAnswered(r *Request, endNs int64) bool {
	t.carry(r, endNs)
	if !t.window.Contains(r.DueNs) {
		return t.load.Closed && r.DueNs < t.window.StartNs()
	}
	t.within(r.DueNs, func(t *Tally) {
		if endNs-r.DueNs > int64(availableWithin) { // nobody knows what a younger one would have had
			t.Counts[Beyond]++
		}
		t.record(r, endNs)
		if r.LastByteNs == 0 {
			t.censor(BackPressure, endNs-r.AttemptedNs)
		}
		if t.load.Answers {
			t.censor(ServiceTime, endNs-r.AttemptedNs)
		}
		if t.load.Answers && !t.load.Closed {
			t.censor(ResponseTime, endNs-r.DueNs)
		}
	})
	return true
}

// record enters the spans of a request that is due in the window.
func (t *Tally) record(r *Request, doneNs int64) {
	lastByteNs := r.LastByteNs
	if lastByteNs == 0 {
		lastByteNs = doneNs // never wholly accepted
	}
	t.Histograms[BackPressure].Record(lastByteNs - r.AttemptedNs)
	if t.load.Answers {
		t.Histograms[ServiceTime].Record(doneNs - r.AttemptedNs)
		t.trend.record(t.window, r.DueNs, doneNs-r.DueNs)
	}
	if t.load.Closed {
		return // a closed loop has no due times
	}
	t.Histograms[Lateness].Record(r.AttemptedNs - r.DueNs)
	if t.load.Answers {
		t.enter(ResponseTime, r.DueNs, doneNs-r.DueNs)
	}
}

// Fetched counts a fetch answer of tail or lagging consumers if it came in the window.
func (t *Tally) Fetched(doneNs int64, tail bool, recordBytes int) {
	bytes := laggingBytes
	if tail {
		bytes = tailBytes
	}
	t.within(doneNs, func(t *Tally) {
		t.Counts[fetches]++
		t.Counts[bytes] += int64(recordBytes)
	})
}

// Consumed enters a batch that reached a tail consumer, the kernel at arrivedNs (0: not known); it
// counts if it was due in the window.
func (t *Tally) Consumed(dueNs, arrivedNs, doneNs int64) {
	t.within(dueNs, func(t *Tally) { t.enter(EndToEnd, dueNs, doneNs-dueNs) })
	if t.Arrivals != nil && t.window.Contains(dueNs) {
		t.Arrivals.Put(Arrival{dueNs, cmp.Or(arrivedNs, doneNs)})
	}
}

// deliver enters how long the batches of joined requests were under way to their consumers. Two
// requests due at the same instant cannot be told apart and are left out.
func (t *Tally) deliver(requests []joined, arrivals []Arrival) {
	at := map[int64]int64{}
	for _, a := range arrivals {
		if _, twice := at[a.DueNs]; twice {
			a.ArrivedNs = 0
		}
		at[a.DueNs] = a.ArrivedNs
	}
	for _, j := range requests {
		if arrivedNs := at[j.client.DueNs]; arrivedNs != 0 {
			t.within(j.client.DueNs, func(t *Tally) { t.enter(Delivery, j.client.DueNs, max(0, arrivedNs-j.at(localDone))) })
		}
	}
}

// FetchRefused counts a fetch answer with a retriable error.
func (t *Tally) FetchRefused(errorCode int16) {
	t.Counts[failedFetches]++
	t.firstFetchError = cmp.Or(t.firstFetchError, errorCode)
}

// RecordFetch enters a fetch that fell due and was answered; it counts if it was due in the window.
func (t *Tally) RecordFetch(kind plan.Kind, dueNs, attemptedNs, doneNs int64) {
	of := spansOf[kind]
	t.within(dueNs, func(t *Tally) {
		t.Histograms[of.lateness].Record(attemptedNs - dueNs)
		t.enter(of.service, attemptedNs, doneNs-attemptedNs)
		t.enter(of.response, dueNs, doneNs-dueNs)
	})
}

// RecordClosedFetch enters a fetch of a consumer's own accord; it counts if it was
// attempted in the window, or outlasts it.
func (t *Tally) RecordClosedFetch(kind plan.Kind, attemptedNs, doneNs int64) {
	service := spansOf[kind].service
	t.within(attemptedNs, func(t *Tally) { t.enter(service, attemptedNs, doneNs-attemptedNs) })
	if attemptedNs < t.window.StartNs() && t.window.Over(doneNs) {
		t.outlast(service, attemptedNs)
	}
}

// FetchNeverAnswered enters a fetch without an answer at the end of the run, as NeverAnswered
// a producers' request; dueNs 0: it is of a consumer's own accord.
func (t *Tally) FetchNeverAnswered(kind plan.Kind, dueNs, attemptedNs, endNs int64) bool {
	of := spansOf[kind]
	if dueNs == 0 {
		t.RecordClosedFetch(kind, attemptedNs, endNs)
	} else {
		t.RecordFetch(kind, dueNs, attemptedNs, endNs)
	}
	if !t.window.Contains(cmp.Or(dueNs, attemptedNs)) {
		return dueNs == 0 && attemptedNs < t.window.StartNs()
	}
	t.within(cmp.Or(dueNs, attemptedNs), func(t *Tally) {
		t.censor(of.service, endNs-attemptedNs)
		if dueNs != 0 {
			t.censor(of.response, endNs-dueNs)
		}
	})
	return true
}

// Merge adds what another thread has counted.
func (t *Tally) Merge(other *Tally) {
	for i, h := range other.Histograms {
		t.Histograms[i].Merge(h)
		t.overTime[i].merge(other.overTime[i])
		t.censored[i].Add(other.censored[i])
		t.outlasting[i] = append(t.outlasting[i], other.outlasting[i]...)
	}
	for i, n := range other.Counts {
		t.Counts[i] += n
	}
	for i, view := range other.views[1:] {
		t.views[1+i].Merge(view)
	}
	t.trend.merge(&other.trend)
	t.Recording.Merge(&other.Recording)
	t.firstError = cmp.Or(t.firstError, other.firstError)
	t.firstFetchError = cmp.Or(t.firstFetchError, other.firstFetchError)
}

// bundle names the histograms that counted anything.
func (t *Tally) bundle() hdr.Bundle {
	b := hdr.Bundle{}
	for i, key := range t.load.keys() {
		if h := t.Histograms[i]; h.Count()+h.OutOfRange() > 0 {
			b[key] = h
		}
	}
	return b
}

// timeSeries names the time series that counted anything.
func (t *Tally) timeSeries() (named []record.TimeSeries) {
	for i, key := range t.load.keys() {
		if d, counted := t.overTime[i].document(t.window.StartNs()); counted {
			d.Stage, d.API = key.Stage, key.API
			named = append(named, d)
		}
	}
	return named
}
