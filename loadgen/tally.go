package loadgen

import (
	"cmp"
	"math"
	"sync/atomic"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/internal/sample"
)

// window is the measured time. It is set once, when all connections have had an
// answer; before, nothing lies in it. Any thread may ask.
type window struct{ startNs, endNs atomic.Int64 }

func newWindow() *window {
	w := &window{}
	w.startNs.Store(math.MaxInt64)
	w.endNs.Store(math.MaxInt64)
	return w
}

// set fixes the window; its end comes first so that no instant is ever inside a
// half-set window.
func (w *window) set(startNs, endNs int64) {
	w.endNs.Store(endNs)
	w.startNs.Store(startNs)
}

func (w *window) contains(ns int64) bool { return ns >= w.startNs.Load() && ns < w.endNs.Load() }

// begun reports whether the window is fixed, that is, whether load runs.
func (w *window) begun() bool { return w.startNs.Load() != math.MaxInt64 }

func (w *window) over(ns int64) bool { return ns >= w.endNs.Load() }

// span is one of the durations that the generator measures.
type span int

const (
	responseTime span = iota
	serviceTime
	lateness
	backPressure
	fetchResponseTime // of fetches of a trace, as fetchLateness
	fetchServiceTime
	fetchLateness
	laggingResponseTime // of lagging consumers beside tail ones, as the following two
	laggingServiceTime
	laggingLateness
	endToEnd
	spans
)

// tally is what one thread has counted. Only that thread touches it until the
// thread has ended; then tallies merge.
type tally struct {
	histograms [spans]*hdr.Histogram
	trend      trend // of ResponseTime, in a closed loop of ServiceTime
	// inFlightNs is the integral over the window of the requests due and not answered.
	// It is kept apart from the histograms so that the two can be held against each
	// other by Little's law: requests that percentiles never see, those of a starved
	// connection, are seen here.
	inFlightNs int64
	// carriedInNs is the part of it that belongs to requests due before the window;
	// carriedOutNs is how long those due in the window were in flight after it.
	carriedInNs, carriedOutNs int64
	overTime                  [spans]*series             // nil: not kept for the span
	samples                   *sample.Ring[clientSample] // nil: nothing is sampled

	offered      int64 // due in the window
	offeredBytes int64 // … in record batches
	answered     int64 // producers' answers that came in the window
	acked        int64 // those without an error
	ackedBytes   int64 // … in record batches
	errors       int64 // since the first request, as the following
	ackedRecords int64
	// firstError is the Kafka error code of the first error answer.
	firstError int16

	availability record.Availability

	fetches int64 // fetch answers in the window
	// fetchErrors are fetch answers with a retriable error, since the first request,
	// firstFetchError the code of the first.
	fetchErrors     int64
	firstFetchError int16

	tailBytes    int64 // record bytes of tail consumers' answers in the window
	laggingBytes int64 // … of lagging consumers'

	traced [tracedKinds][]traced // where a trace is wanted
}

// newTally makes all histograms at once: making one costs a page fault per page,
// too much for a measured window.
func newTally() *tally {
	t := &tally{}
	for i := range t.histograms {
		t.histograms[i] = hdr.NewHistogram()
	}
	return t
}

// overTimeSpans are those whose course over the window is kept.
var overTimeSpans = []span{responseTime, fetchServiceTime}

// watchOverTime keeps series of a window.
func (t *tally) watchOverTime(window time.Duration) {
	for _, s := range overTimeSpans {
		t.overTime[s] = newSeries(window)
	}
}

// enter counts a duration of a request that fell due, or a fetch that was asked for, at fromNs.
func (t *tally) enter(s span, fromNs, ns int64, w *window) {
	t.histograms[s].Record(ns)
	t.overTime[s].record(fromNs-w.startNs.Load(), ns)
}

// fetched counts a fetch answer that came in the window.
func (t *tally) fetched(of *readers, recordBytes int) {
	t.fetches++
	if of.tail {
		t.tailBytes += int64(recordBytes)
	} else {
		t.laggingBytes += int64(recordBytes)
	}
}

// fetchRefused counts a fetch answer with a retriable error.
func (t *tally) fetchRefused(errorCode int16) {
	t.fetchErrors++
	t.firstFetchError = cmp.Or(t.firstFetchError, errorCode)
}

// inFlight changes the number of requests in flight by delta at an instant: what that
// adds to the integral over the window, or takes from it, is known at once, so events
// may come in any order and on any thread's tally. Nothing is in flight when the window
// is fixed.
func (t *tally) inFlight(delta, atNs int64, w *window) {
	startNs, endNs := w.startNs.Load(), w.endNs.Load()
	t.inFlightNs += delta * (endNs - min(max(atNs, startNs), endNs))
}

// carry enters what the window's edges cut of a request's time in flight.
func (t *tally) carry(dueNs, doneNs int64, w *window) {
	startNs, endNs := w.startNs.Load(), w.endNs.Load()
	switch {
	case dueNs >= endNs:
	case dueNs < startNs:
		t.carriedInNs += max(0, min(doneNs, endNs)-startNs)
	default:
		t.carriedOutNs += max(0, doneNs-endNs)
	}
}

// offer counts a request that is due in the window.
func (t *tally) offer(p protocol) {
	batchBytes, _ := p.batch()
	t.offered++
	t.offeredBytes += int64(batchBytes)
}

// complete counts a request that was answered, or with acks 0 sent, at doneNs.
func (t *tally) complete(r *request, doneNs int64, errorCode int16, l *load) {
	batchBytes, records := l.sizes[r.size].batch()
	t.carry(r.dueNs, doneNs, l.window)
	ok := errorCode == 0
	if ok {
		t.ackedRecords += int64(records)
	} else {
		t.errors++
		t.firstError = cmp.Or(t.firstError, errorCode)
	}
	if l.window.contains(doneNs) {
		t.answered++
		if ok {
			t.acked++
			t.ackedBytes += int64(batchBytes)
		}
	}
	if l.window.contains(r.dueNs) {
		if ok {
			l.ackedDue.Add(1)
		}
		t.answeredAfter(doneNs-r.dueNs, ok)
		t.record(r, doneNs, l)
	}
}

// record enters the spans of a request that is due in the window.
func (t *tally) record(r *request, doneNs int64, l *load) {
	lastByteNs := r.lastByteNs
	if lastByteNs == 0 {
		lastByteNs = doneNs // never wholly accepted
	}
	t.histograms[backPressure].Record(lastByteNs - r.attemptedNs)
	if l.protocol.answers() {
		t.histograms[serviceTime].Record(doneNs - r.attemptedNs)
		t.trend.record(l.window, r.dueNs, doneNs-r.dueNs)
	}
	if l.cfg.Closed {
		return // a closed loop has no due times
	}
	t.histograms[lateness].Record(r.attemptedNs - r.dueNs)
	if l.protocol.answers() {
		t.enter(responseTime, r.dueNs, doneNs-r.dueNs, l.window)
	}
}

// merge adds what another thread has counted.
func (t *tally) merge(other *tally) {
	for i, h := range other.histograms {
		t.histograms[i].Merge(h)
		t.overTime[i].merge(other.overTime[i])
	}
	t.inFlightNs += other.inFlightNs
	t.carriedInNs += other.carriedInNs
	t.carriedOutNs += other.carriedOutNs
	t.trend.merge(&other.trend)
	t.offered += other.offered
	t.availability.Within += other.availability.Within
	t.availability.Beyond += other.availability.Beyond
	t.answered += other.answered
	t.acked += other.acked
	t.errors += other.errors
	t.offeredBytes += other.offeredBytes
	t.ackedBytes += other.ackedBytes
	t.ackedRecords += other.ackedRecords
	for kind, requests := range other.traced {
		t.traced[kind] = append(t.traced[kind], requests...)
	}
	t.firstError = cmp.Or(t.firstError, other.firstError)
	t.fetches += other.fetches
	t.fetchErrors += other.fetchErrors
	t.firstFetchError = cmp.Or(t.firstFetchError, other.firstFetchError)
	t.tailBytes += other.tailBytes
	t.laggingBytes += other.laggingBytes
}

// spanKeys names the spans, with the API of the protocol.
func spanKeys(api string) [spans]hdr.Key {
	return [spans]hdr.Key{
		responseTime:        measure.ResponseTime.Key(api),
		serviceTime:         measure.ServiceTime.Key(api),
		lateness:            measure.Lateness.Key(api),
		backPressure:        measure.BackPressure.Key(api),
		fetchResponseTime:   measure.ResponseTime.Key(measure.Fetch),
		fetchServiceTime:    measure.ServiceTime.Key(measure.Fetch),
		fetchLateness:       measure.Lateness.Key(measure.Fetch),
		laggingResponseTime: measure.ResponseTime.Key(measure.LaggingFetch),
		laggingServiceTime:  measure.ServiceTime.Key(measure.LaggingFetch),
		laggingLateness:     measure.Lateness.Key(measure.LaggingFetch),
		endToEnd:            measure.EndToEnd.Key(measure.Fetch),
	}
}

// bundle names the histograms that counted anything.
func (t *tally) bundle(api string) hdr.Bundle {
	b := hdr.Bundle{}
	for i, key := range spanKeys(api) {
		if h := t.histograms[i]; h.Count()+h.OutOfRange() > 0 {
			b[key] = h
		}
	}
	return b
}

// series names the series that counted anything in a window from startNs.
func (t *tally) series(api string, startNs int64) []record.TimeSeries {
	var named []record.TimeSeries
	for i, key := range spanKeys(api) {
		if d, counted := t.overTime[i].document(startNs); counted {
			d.Stage, d.API = key.Stage, key.API
			named = append(named, d)
		}
	}
	return named
}
