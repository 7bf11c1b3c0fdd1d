package judge

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"c10klab/internal/knob"
	"c10klab/internal/measure"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
	"c10klab/loadgen/plan"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Load is what was offered, as far as counting and judging ask.
type Load struct {
	*plan.Plan
	Drain   time.Duration
	Answers bool // producers' requests are answered
	// MostInFlight is how many requests that the target counts under the producers' API may
	// be unanswered at once.
	MostInFlight    int64
	Tails           bool          // there are tail consumers
	MustLag         bool          // there are lagging consumers, which may not reach the log's end
	FetchMaxWait    time.Duration // for which the target may hold back an answer to consumers
	CPUs            int           // of the generator's own; 0: none
	SendersBusyWait bool
	LatenessLimit   time.Duration // at the highest percentile shown
	// Arms are what the target is switched between, by Switchback; nil: nothing is switched.
	Arms       knob.Switchback
	Switchback *plan.Switchback
}

// Snapshot is what is known of both sides at one instant.
type Snapshot struct {
	AtNs    int64
	Process record.Process   // the generator's
	Threads []osthread.Entry // … and its threads', those that have ended too
	Machine record.HostUse   // cumulative
	// Servers holds a record.ServerSnapshot as JSON for each of Evidence.Servers, which
	// stays undecoded until the window is over; nil: no admin port.
	Servers [][]byte
	// Producers' answers right before and right after the broker took its
	// snapshot, which happened in between.
	AnswersBefore, AnswersAfter int64
}

// Evidence is all that a finished run has left behind.
type Evidence struct {
	Load              *Load
	Window            *Window
	Counted           *Tally   // over all threads
	ConnectionAnswers []int64  // in the window, of each producer's connection
	Servers           []string // names of those that were asked, the broker's first
	Ahead             Snapshot // of the load: its servers' only
	Before, After     Snapshot // of the window
	LatestSwitchNs    int64    // after its slot's beginning a switch of the target had come about
	Unanswered        int64    // due in the window, in a closed loop also before, without an answer
	Unsent            int64    // those of which the target took no byte
	Unconsumed        int64    // acknowledged batches of the window that tail consumers still owe
	LogEndRecords     int64    // growth of the producers' topic; −1: not asked
	LongestOutageNs   int64    // that a connection was without a broker
	ClockSteps        int64    // of the wall clock
	Samples           *Samples // nil: nothing was sampled
}

// Judge enters what was counted, at both sides, into a measurement that describes the run,
// and judges it.
func (e *Evidence) Judge(m *record.Measurement) error {
	t := e.Counted
	requests, err := e.Samples.pair(e.Load.API())
	if err != nil {
		return err
	}
	if e.Samples != nil {
		t.deliver(requests, e.Samples.Arrivals)
	}
	e.count(m, t, e.Load.Window)
	for i, view := range t.views[1:] {
		arm := &record.Measurement{Arm: e.Load.Arms.Values[i], WindowStartUnixMs: m.WindowStartUnixMs}
		e.count(arm, view, e.Load.Switchback.Time())
		m.Arms = append(m.Arms, arm)
	}
	m.InFlightAtEnd, m.MeanTimeNs = e.Unanswered, t.trend.means()
	m.Errors, m.FetchErrors = t.Counts[failed], t.Counts[failedFetches]
	m.AckedRecords, m.LogEndRecords = t.Counts[AckedRecords], e.LogEndRecords
	if n := t.Counts[LostConnections]; n > 0 {
		m.Outages = &record.Outages{Connections: n, SentAgain: t.Counts[SentAgain], LongestNs: e.LongestOutageNs}
	}
	m.Generator = record.Since(e.After.Process, e.Before.Process)
	m.GeneratorThreads = threadsSince(e.After.Threads, e.Before.Threads)
	gap, err := e.addServers(m)
	if err != nil {
		return err
	}
	m.Host = hostUse(&e.Before, &e.After, m)
	m.Join = e.Samples.join(m, requests, e.Load.API())
	m.Problems = append(m.Problems, e.problems(m)...)
	f := e.facts(m, gap)
	if e.Load.Connections[plan.OfProducers] > 0 {
		m.Numbers = map[string]float64{measure.InFlight.Name: f.inFlight}
	}
	if f.starved >= 0 {
		m.Numbers[measure.Starved.Name] = f.starved
	}
	m.Checks, m.NotJudged, m.Outcome = judge(f)
	m.Censored = t.enterOutlasting(m.Histograms)
	for i, arm := range m.Arms {
		arm.Censored = t.views[1+i].enterOutlasting(arm.Histograms)
	}
	return nil
}

// count enters what was counted in a window, or an arm's part of one, that lasted as long.
func (e *Evidence) count(m *record.Measurement, t *Tally, lasted time.Duration) {
	mbps := func(counters ...Counter) (sum float64) { // 10⁶ bytes a second
		for _, c := range counters {
			sum += float64(t.Counts[c])
		}
		return sum / 1e6 / lasted.Seconds()
	}
	m.WindowStartNs, m.WindowNs = e.Window.StartNs(), int64(e.Load.Window)
	m.OfferedRequests, m.Answered = t.Counts[Offered], t.Counts[Answered]
	m.OfferedMBps, m.AckedMBps = mbps(offeredBytes), mbps(ackedBytes)
	m.TailMBps, m.LaggingMBps, m.FetchedMBps = mbps(tailBytes), mbps(laggingBytes), mbps(tailBytes, laggingBytes)
	m.RequestsPerSec = float64(t.Counts[Answered]+t.Counts[fetches]) / lasted.Seconds()
	if e.Load.OffersRequests() && e.Load.Answers {
		m.Availability = &record.Availability{LimitNs: int64(availableWithin), Within: t.Counts[Within], Beyond: t.Counts[Beyond]}
	}
	m.Histograms, m.OverTime = t.bundle(), t.timeSeries()
}

// threadsSince is what each thread did between two snapshots.
func threadsSince(after, before []osthread.Entry) []osthread.Entry {
	earlier := make(map[int]osthread.Entry, len(before))
	for _, e := range before {
		earlier[e.TID] = e
	}
	since := make([]osthread.Entry, len(after))
	for i, e := range after {
		since[i] = record.Since(e, earlier[e.TID])
	}
	return since
}

// addServers enters what each server's snapshots say about the window, and returns the
// broker's countGap; −1: not known.
func (e *Evidence) addServers(m *record.Measurement) (gap float64, err error) {
	gap = -1
	for i, name := range e.Servers {
		use, err := e.serverUse(i, name, m)
		if err != nil {
			return gap, fmt.Errorf("server %s: %w", name, err)
		}
		m.Servers = append(m.Servers, use)
		if name == record.Broker && e.Load.Answers && use.After != nil && use.After.Counters.AllResponses() > 0 { // with stages off it counts none
			gap = e.countGap(use.Counters.Responses[e.Load.API()])
		}
	}
	return gap, nil
}

// serverUse is what one server did; its stages and problems are the measurement's.
func (e *Evidence) serverUse(i int, name string, m *record.Measurement) (use record.ServerUse, err error) {
	var read [3]record.ServerSnapshot
	for k, s := range []*Snapshot{&e.Ahead, &e.Before, &e.After} {
		if s.Servers[i] == nil {
			return record.ServerUse{Name: name, StageSource: record.StagesNone}, nil
		}
		if err := json.Unmarshal(s.Servers[i], &read[k]); err != nil {
			return use, fmt.Errorf("decode a server's snapshot: %w", err)
		}
	}
	after := read[2]
	stages, err := after.Histograms.Since(after.AtMark)
	if err != nil {
		return use, fmt.Errorf("its window: %w", err)
	}
	whose := "server"
	if name != record.Broker {
		whose, stages = name, stages.At(name)
	}
	m.Histograms.Merge(stages)
	for _, s := range after.Series {
		if name != record.Broker {
			s.Server = name
		}
		m.OverTime = append(m.OverTime, s)
	}
	use = record.UseOf(name, &read[0], &read[1], &after)
	if n := use.Counters.Counts[record.Scrapes]; n > 0 {
		m.Problems = append(m.Problems, fmt.Sprintf("%s: its metrics page was read %d times within the window", whose, n))
	}
	for _, problem := range after.Problems {
		m.Problems = append(m.Problems, whose+": "+problem)
	}
	after.Histograms, after.AtMark, after.Series = nil, nil, nil
	return use, nil
}

// countGap compares answers between the two snapshots. At each, the counts may differ by what is in
// flight, either way: an answer counts at the server a moment after it can be read here.
func (e *Evidence) countGap(served int64) float64 {
	least := e.After.AnswersBefore - e.Before.AnswersAfter - 2*e.Load.MostInFlight
	most := e.After.AnswersAfter - e.Before.AnswersBefore + 2*e.Load.MostInFlight
	return float64(max(0, least-served, served-most))
}

// leastServerWindow is the share of the client's window for which a server's own stands.
const leastServerWindow = 0.5

// hostUse is the machine's use between two snapshots. What a server used then follows
// from its use within its own window, which may lie later; where one's is too short for it,
// or not known, nobody knows what other processes used.
func hostUse(before, after *Snapshot, m *record.Measurement) record.HostUse {
	use := record.Since(after.Machine, before.Machine)
	use.ForeignNs = -1
	windowNs := float64(after.AtNs - before.AtNs)
	ownNs := m.Generator.CPUNs
	for i := range m.Servers {
		s := &m.Servers[i]
		if s.Process == nil || float64(m.ServerNs(s)) < leastServerWindow*windowNs {
			return use
		}
		ownNs += int64(m.ServerCores(s) * windowNs)
	}
	use.ForeignNs = max(0, use.BusyNs-ownNs) // ticks are coarser than processes' times
	return use
}

// problems tells in words what a reader of the numbers must know.
func (e *Evidence) problems(m *record.Measurement) (lines []string) {
	add := func(applies bool, format string, args ...any) {
		if applies {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	add(m.Errors > 0, "%d requests were answered with an error, the first with %v", m.Errors, kerr.ErrorForCode(e.Counted.firstError))
	if o := m.Outages; o != nil {
		add(true, "connections broke or lost their leader %d times, for up to %v; %d requests were sent again, which may be in the log twice", o.Connections, time.Duration(o.LongestNs).Round(time.Millisecond), o.SentAgain)
	}
	add(m.FetchErrors > 0, "%d fetches were answered with an error and tried again, the first with %v", m.FetchErrors, kerr.ErrorForCode(e.Counted.firstFetchError))
	add(e.Unanswered > 0, "%d requests of the window had no answer %v after it (%d of them not a byte sent); they are recorded with their age, so percentiles from the least of these on are lower bounds", e.Unanswered, e.Load.Drain, e.Unsent)
	for s, key := range e.Load.keys() {
		ages := e.Counted.outlasting[s]
		add(len(ages) > 0, "%d requests of %s had no answer from before the window to its end; they are recorded with their age there, so percentiles from the least of these on are lower bounds", len(ages), key)
	}
	add(e.Unconsumed > 0, "%d acknowledged batches of the window did not reach their consumer within %v", e.Unconsumed, e.Load.Drain)
	add(m.Errors == 0 && m.Outages == nil && e.Unanswered == 0 && m.LogEndRecords >= 0 && m.LogEndRecords != m.AckedRecords, "the log grew by %d records while %d were acknowledged", m.LogEndRecords, m.AckedRecords)
	for _, key := range m.Histograms.Keys() {
		n := m.Histograms[key].OutOfRange()
		add(n > 0, "%d durations of %s are outside what a histogram holds", n, key)
	}
	return lines
}

// facts are what rules ask about.
type facts struct {
	load  *Load
	m     *record.Measurement
	acked int64 // answers without error in the window
	// answered in the window, and those with an error, but for want of room, since the first request.
	answered, errors float64
	unconsumed       int64
	clockSteps       int64
	latestSwitch     int64                // Evidence.LatestSwitchNs
	inFlight         float64              // mean number in flight of requests due in the window
	depth            float64              // mean number in flight of all requests
	outlasting       [plan.Kinds]int64    // requests of closed loops in flight over all of the window
	countGap         float64              // beyond what may have been in flight; −1: not known
	starved          float64              // per cent of the producers' connections; −1: not known
	trends           bool                 // enough requests in each part of the window
	clusters         map[string][]float64 // record.Clusters
}

func (e *Evidence) facts(m *record.Measurement, gap float64) *facts {
	t := e.Counted
	f := &facts{
		load: e.Load, m: m, acked: t.Counts[acked], errors: float64(t.Counts[failed] - t.Counts[refusedForRoom]), answered: float64(t.Counts[Answered]), unconsumed: e.Unconsumed, clockSteps: e.ClockSteps, latestSwitch: e.LatestSwitchNs, countGap: gap,
		trends:   t.trend.leastCount() >= leastPerPart,
		inFlight: float64(t.Counts[InFlightNs]-t.Counts[carriedInNs]-t.Counts[carriedThroughNs]+t.Counts[carriedOutNs]) / float64(e.Load.Window),
		depth:    float64(t.Counts[InFlightNs]) / float64(e.Load.Window),
		clusters: record.Clusters(m.Histograms, m.OverTime), starved: starved(e.ConnectionAnswers),
	}
	for kind, of := range spansOf {
		f.outlasting[kind] = int64(len(t.outlasting[of.service]))
	}
	return f
}

// starved is the share, in per cent, of connections with so few answers that chance does not
// explain them: fewer than half of the mean, a quarter where the mean is below 16, none at all
// below 8. Were answers spread by chance (Poisson), that were 1.8 % of connections at most. Below a
// mean of 4 chance leaves more without any; −1, not known, unless it is surely more than that.
func starved(answers []int64) (percent float64) {
	if len(answers) < 2 {
		return -1
	}
	sum := int64(0)
	for _, n := range answers {
		sum += n
	}
	mean := float64(sum) / float64(len(answers))
	least := mean / 2
	switch {
	case mean < 8:
		least = 1
	case mean < 16:
		least = mean / 4
	}
	few := 0
	for _, n := range answers {
		if float64(n) < least {
			few++
		}
	}
	share := float64(few) / float64(len(answers))
	if none := math.Exp(-mean); mean < 4 && share <= none+chanceSure*math.Sqrt(none*(1-none)/float64(len(answers))) {
		return -1
	}
	return 100 * share
}
