// Package judge says what a finished run of the load generator is worth: what its threads
// have counted (Tally), what it has left behind (Evidence), the stamps of both sides put
// together (record.Join), the rules that every run is asked, and the search for the highest
// rate that holds a service level objective (FindMax). It opens no socket.
package judge

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"c10klab/internal/hdr"
	"c10klab/internal/measure"
	"c10klab/internal/record"
	"c10klab/loadgen/plan"
)

// The thresholds of self-judgement; docs/loadgen.md tabulates them.
const (
	latestOfAll   = 100 * time.Millisecond // that any single request may be
	pairsShare    = 0.95                   // of the generator's CPUs
	receiverShare = 0.90                   // of a CPU
	longestQueued = 250 * time.Microsecond // mean wait for a CPU
	depthShare    = 0.05                   // in flight below what a closed loop keeps there
	stealShare    = 0.05                   // of all CPU time
	foreignShare  = 0.20                   // of all CPU time
	errorShare    = 0.01                   // of offered requests
	missingShare  = 0.05                   // of offered requests
	littleShare   = 0.05                   // in-flight count against rate × time
	unseenShare   = 0.05                   // of a closed loop's requests in flight, which no percentile counts
	behindShare   = 0.01                   // growth of the mean time within the window, of the time that passes
	trendFactor   = 2.0                    // mean time of the last quarter of the window against the first
	lateMarkShare = 0.10                   // of the window, at whose beginning the server did not count yet
	starvedShare  = 0.05                   // of connections; chance alone leaves 1.8 % of them with so few answers
)

// rule is one question to a run, and the run's answer. It passes while value ≤ most.
type rule struct {
	name, unit string
	limit      string         // in words
	then       record.Outcome // of a run that fails the rule; record.Valid makes it evidence only
	answer
}

type answer struct {
	value, most float64
	applies     bool // false: the question does not apply to the run
}

// rules is everything that a run is judged by, the gravest outcomes first. docs/loadgen.md
// tabulates it.
func rules(f *facts) []rule {
	offered, join := float64(f.m.OfferedRequests), cmp.Or(f.m.Join, &record.Join{})
	var collections int64
	var belowWindow float64
	processes, windows := false, false
	for i := range f.m.Servers {
		s := &f.m.Servers[i]
		if s.Process != nil {
			collections, processes = collections+s.Process.GCCycles, true
		}
		if s.Window != nil {
			belowWindow, windows = max(belowWindow, missing(float64(f.m.ServerNs(s)), float64(f.load.Window))), true
		}
	}
	return []rule{
		{"requests answered with an error, but for want of room", "%", "1 %", record.Failed,
			answer{100 * f.errors / max(1, offered, f.answered), 100 * errorShare, max(offered, f.answered) > 0}},
		{"connections that a c10klab server gave up", "connections", "0", record.Failed,
			answer{float64(f.m.Outages.Lost()), 0, f.m.Broker().StageSource != record.StagesNone}},
		{record.LatenessRule, "ms", "knob `lateness-limit`, 1 ms", record.GeneratorLimited,
			f.latest(f.load.LatenessLimit, func(q float64, late *hdr.Histogram) int64 { return late.ValueNs(q - f.stolen()) })},
		{"Lateness, maximum", "ms", "100 ms", record.GeneratorLimited,
			f.latest(latestOfAll, func(_ float64, late *hdr.Histogram) int64 { return late.MaxNs() })},
		{"CPU time of the busiest receiver thread", "%", "90 % of a CPU", record.GeneratorLimited,
			answer{100 * f.busiestReceiver(), 100 * receiverShare, f.load.OffersAny()}},
		{"CPU time of senders and receivers", "%", "95 % of the generator's CPUs; not where senders busy-wait", record.GeneratorLimited,
			answer{100 * f.busyPairs(), 100 * pairsShare, f.load.OffersAny() && f.load.CPUs > 0 && !f.load.SendersBusyWait}},
		{"receiver thread's wait for a CPU, mean", "ms", "0.25 ms", record.GeneratorLimited,
			answer{ms(f.queued()), ms(float64(longestQueued)), f.load.OffersAny()}},
		{"count of requests in flight against rate × time of the same", "%", "5 %", record.GeneratorLimited, littlesLaw(f)},
		{"requests due that no percentile counts", "requests", "0", record.GeneratorLimited, uncounted(f)},
		{"closed loop: requests in flight below its depth", "%", "5 %", record.GeneratorLimited,
			answer{missing(f.depth, float64(f.load.Depth())), 100 * depthShare, f.load.Closed && f.load.Depth() > 0}},
		{"answers counted by only one of server and generator", "requests", "0 beyond those in flight", record.GeneratorLimited,
			answer{f.countGap, 0, f.countGap >= 0}},
		{"latest switch of a switchback after its slot's beginning", "ms", "the part that counts for no arm", record.GeneratorLimited, latestSwitch(f)},
		{"CPU time stolen by other machines", "%", "5 % of all CPU time", record.EnvironmentLimited,
			answer{100 * f.shareOfCPU(f.m.Host.StealNs), 100 * stealShare, true}},
		{"CPU time of foreign processes", "%", "20 % of all CPU time", record.EnvironmentLimited,
			answer{100 * f.shareOfCPU(f.m.Host.ForeignNs), 100 * foreignShare, f.m.Host.ForeignNs >= 0}},
		{"garbage collections of the generator", "collections", "0", record.EnvironmentLimited, answer{float64(f.m.Generator.GCCycles), 0, true}},
		{"garbage collections of the server", "collections", "0", record.EnvironmentLimited, answer{float64(collections), 0, processes}},
		{"wall clock steps", "steps", "0", record.EnvironmentLimited, answer{float64(f.clockSteps), 0, true}},
		{"lagging consumers caught up", "consumers", "0", record.EnvironmentLimited, answer{float64(f.m.LaggingCaughtUp), 0, f.load.MustLag}},
		{"acknowledged below offered requests", "%", "5 %", record.Saturated, answer{missing(float64(f.acked), offered), 100 * missingShare, offered > 0}},
		{"requests never answered", "requests", "0", record.Saturated,
			answer{float64(f.m.InFlightAtEnd), 0, f.load.Connections != [plan.Kinds]int{}}},
		{"closed loop: rate × time against active connections", "%", "5 %, and what the window's edges cut", record.Saturated, littlesLawOfAll(f)},
		{"closed loop: consumers without an answer in the window", "%", "5 %", record.Saturated, unansweredConsumers(f)},
		{"batches that reached no tail consumer", "batches", "0", record.Saturated, answer{float64(f.unconsumed), 0, f.load.Tails}},
		{"ResponseTime rises within the window", "%", "1 % of the time that passes", record.Saturated, rising(f)},
		{"server's window below the client's", "%", "10 %", record.Valid, answer{belowWindow, 100 * lateMarkShare, windows}},
		{"steady state: change of the mean time", "×", "2 ×, last quarter against first", record.Valid, unsteady(f)},
		{"sum of mean terms against the mean response time", "%", "5 %, and what the window's edges cut and the sample leaves open", record.Valid, addUp(f, join)},
		{"joined requests with a term below the clocks' error", "requests", "0", record.Valid, answer{float64(join.BelowClockError), 0, join.OneSegment}},
		{"starvation: connections with less than half of the mean number of answers", "%", "5 %", record.Valid,
			answer{f.starved, 100 * starvedShare, f.starved >= 0}},
	}
}

// Names of the generator's threads, by which records tell them apart.
const (
	ReceiverPrefix = "recv-"  // of those that take producers' answers
	SenderPrefix   = "send-"  // of those that offer requests
	ConsumerPrefix = "fetch-" // of those that take consumers' answers, one for each kind
	TailConsumers  = "tail"
)

// stampsAnswers reports whether ResponseTime or EndToEnd rest on the stamps of the
// thread of that name.
func stampsAnswers(name string) bool {
	return strings.HasPrefix(name, ReceiverPrefix) || name == ConsumerPrefix+TailConsumers
}

// latestSwitch holds the target's switches against the part of a slot that counts for no arm.
func latestSwitch(f *facts) answer {
	if f.load.Switchback == nil {
		return answer{}
	}
	return answer{ms(float64(f.latestSwitch)), ms(float64(f.load.Switchback.Discard())), true}
}

// littlesLaw holds the mean number in flight, counted as requests fall due and are
// answered, against the rate of the requests due in the window times their mean time, from
// the histograms. Both are of the same requests, with what the window's edges cut: it says
// whether the generator counts right, and nothing of requests that are in neither.
func littlesLaw(f *facts) answer {
	rateTime := f.rateTime()
	if rateTime == 0 || f.inFlight == 0 {
		return answer{}
	}
	return answer{100 * math.Abs(f.inFlight-rateTime) / max(f.inFlight, rateTime), 100 * littleShare, true}
}

// rateTime is the rate of the producers' requests due in the window, in a closed loop as many
// as were answered in it, times their mean time; 0: not known.
func (f *facts) rateTime() float64 {
	times := f.span(measure.ResponseTime)
	if f.load.Closed {
		times = f.span(measure.ServiceTime)
	}
	if times == nil {
		return 0
	}
	return float64(times.Count()) * times.MeanNs() / float64(f.load.Window)
}

// littlesLawOfAll holds rate × time against what a closed loop had in flight, its depth on
// every active connection. What lacks waits unseen. Unless more than the limit
// are known to, each connection may have one time between answers too much or too little in the window.
func littlesLawOfAll(f *facts) answer {
	if !f.load.Closed || f.depth == 0 {
		return answer{}
	}
	unseen, edges := float64(f.outlasting[plan.OfProducers])/f.depth, 0.0
	if times := f.span(measure.ServiceTime); times != nil && unseen <= unseenShare {
		edges = times.MeanNs() / float64(f.load.Window)
	}
	return answer{100 * max(unseen, math.Abs(f.depth-f.rateTime())/f.depth), 100 * (unseenShare + edges), true}
}

// unansweredConsumers is the worst share of consumers of a kind whose fetch of their own
// accord had no answer from before the window to its end, where none may be held back so long.
func unansweredConsumers(f *facts) (a answer) {
	for _, kind := range []plan.Kind{plan.OfConsumers, plan.OfLaggingConsumers} {
		if n := f.load.Connections[kind]; n > 0 && !f.load.OffersFetches(kind) && f.load.FetchMaxWait < f.load.Window {
			a = answer{max(a.value, 100*float64(f.outlasting[kind])/float64(n)), 100 * unseenShare, true}
		}
	}
	return a
}

// uncounted compares the requests due with those in the histograms, with their time or their age.
func uncounted(f *facts) answer {
	h := f.span(measure.BackPressure)
	if f.load.Answers {
		h = f.span(measure.ResponseTime)
	}
	if h == nil {
		return answer{float64(f.m.OfferedRequests), 0, f.load.OffersRequests()}
	}
	return answer{math.Abs(float64(f.m.OfferedRequests - h.Count() - h.OutOfRange())), 0, f.load.OffersRequests()}
}

func judge(f *facts) (checks []record.Check, notJudged []string, outcome record.Outcome) {
	outcome = record.Valid
	for _, r := range rules(f) {
		if !r.applies {
			notJudged = append(notJudged, r.name)
			continue
		}
		c := record.Check{Name: r.name, Value: r.value, Limit: r.most, Unit: r.unit, OK: r.value <= r.most, Else: r.then}
		checks = append(checks, c)
		if !c.OK && outcome == record.Valid {
			outcome = r.then // rules stand in order of gravity
		}
	}
	return checks, notJudged, outcome
}

// latest asks about Lateness of producers' requests and of each kind of fetches that a trace
// planned, at the highest percentile shown of each, and returns the greatest answer.
func (f *facts) latest(most time.Duration, ask func(q float64, late *hdr.Histogram) (ns int64)) (latest answer) {
	for _, api := range []string{f.load.API(), measure.Fetch, measure.LaggingFetch} {
		late := f.m.Histograms[measure.Lateness.Key(api)]
		if late != nil {
			latest = answer{max(latest.value, ms(float64(ask(f.highestShown(api, late), late)))), ms(float64(most)), true}
		}
	}
	return latest
}

// judgedQuantiles are those at which Lateness may be judged.
var judgedQuantiles = []float64{0.999, 0.99, 0.9}

// highestShown is the highest of them that will be shown of an API's ResponseTime: that
// its independent samples support, or where nothing answers Lateness's.
func (f *facts) highestShown(api string, late *hdr.Histogram) float64 {
	key := measure.ResponseTime.Key(api)
	h, sizes := f.m.Histograms[key], f.clusters[key.String()]
	if h == nil {
		h, sizes = late, nil
	}
	for _, q := range judgedQuantiles {
		size := 1.0
		if i := slices.Index(hdr.Quantiles[:], q); i >= 0 && i < len(sizes) {
			size = max(1, sizes[i])
		}
		if hdr.Supports(int64(float64(h.Count())/size), q) {
			return q
		}
	}
	return 0.5
}

// span is a histogram of the producers' requests, nil when it holds nothing.
func (f *facts) span(s *measure.Span) *hdr.Histogram {
	return f.m.Histograms[s.Key(f.load.API())]
}

// busiestReceiver is the share of the window in which the busiest of the threads that
// stamp answers was on a CPU.
func (f *facts) busiestReceiver() (share float64) {
	for _, e := range f.m.GeneratorThreads {
		if stampsAnswers(e.Name) {
			share = max(share, float64(e.CPUNs)/float64(f.load.Window))
		}
	}
	return share
}

// busyPairs is the share of the generator's CPUs in which senders and receivers ran. Once
// they have no time left they hold the load back, though nobody is late.
func (f *facts) busyPairs() float64 {
	var ns int64
	for _, e := range f.m.GeneratorThreads {
		if strings.HasPrefix(e.Name, ReceiverPrefix) || strings.HasPrefix(e.Name, SenderPrefix) {
			ns += e.CPUNs
		}
	}
	return float64(ns) / float64(f.load.Window) / float64(f.load.CPUs)
}

// queued is how long such a thread waited for a CPU each time that it became ready, on
// average: by so much its stamps are late.
func (f *facts) queued() (ns float64) {
	for _, e := range f.m.GeneratorThreads {
		if stampsAnswers(e.Name) && e.TimeSlices > 0 {
			ns = max(ns, float64(e.RunQueueWaitNs)/float64(e.TimeSlices))
		}
	}
	return ns
}

func (f *facts) shareOfCPU(ns int64) float64 {
	return float64(ns) / (float64(f.load.Window) * float64(max(1, f.m.Host.CPUs)))
}

// stolen is the share of the window in which the generator's CPU may have belonged
// to another virtual machine.
func (f *facts) stolen() float64 {
	return min(stealShare, float64(f.m.Host.StealNs)/float64(f.load.Window))
}

// missing is by how many per cent got falls short of want.
func missing(got, want float64) float64 {
	if want == 0 {
		return 0
	}
	return max(0, 100*(1-got/want))
}

func ms(ns float64) float64 { return ns / float64(time.Millisecond) }
