package loadgen

import (
	"cmp"
	"fmt"
	"slices"

	"c10klab/internal/record"

	"github.com/twmb/franz-go/pkg/kerr"
)

// evidence is all that a finished run has left behind.
type evidence struct {
	load          *load
	counted       *tally // over all threads
	ahead         edge   // of the load: its server's snapshot only
	before, after edge   // of the window
	unanswered    int64  // due in the window, without an answer
	unsent        int64  // those of which the target took no byte
	logEndRecords int64
	samples       []byte // the server's record.Samples as JSON; nil: none
}

// measurement turns evidence into the document that a run leaves.
func (e *evidence) measurement() (*record.Measurement, error) {
	cfg, t := e.load.cfg, e.counted
	startNs := e.load.window.startNs.Load()
	seconds := cfg.Window.Seconds()
	mbps := func(bytes int64) float64 { return float64(bytes) / bytesPerMB / seconds }

	m := &record.Measurement{
		Knobs:             cfg.Text,
		Seed:              cfg.Schedule.Seed,
		WindowStartUnixMs: e.load.wall.Real(startNs) / nsPerMs,
		WindowStartNs:     startNs,
		WindowNs:          int64(cfg.Window),
		OfferedRequests:   t.offered,
		Answered:          t.answered,
		Errors:            t.errors,
		FetchErrors:       t.fetchErrors,
		OfferedMBps:       mbps(t.offeredBytes),
		AckedMBps:         mbps(t.ackedBytes),
		FetchedMBps:       mbps(t.tailBytes + t.laggingBytes),
		TailMBps:          mbps(t.tailBytes),
		LaggingMBps:       mbps(t.laggingBytes),
		LaggingCaughtUp:   e.load.caughtUp(),
		BadAnswers:        e.load.bad.answers.Load(),
		RequestsPerSec:    float64(t.answered+t.fetches) / seconds,
		AckedRecords:      t.ackedRecords,
		LogEndRecords:     e.logEndRecords,
		InFlightAtEnd:     e.unanswered,
		Priority:          e.load.priority,
		Availability:      e.load.availability(t),
		Connections:       e.load.describeConnections(),
		Histograms:        t.bundle(e.load.protocol.api()),
		OverTime:          t.series(e.load.protocol.api(), startNs),
		Generator:         record.Since(e.after.process, e.before.process),
		GeneratorThreads:  threadsSince(e.after.threads, e.before.threads),
		MeanTimeNs:        t.trend.means(),
	}
	if cfg.offersByPlan() {
		m.ScheduleHash = cfg.planHash()
	}
	m.Servers = []record.ServerUse{{Name: record.Broker, StageSource: record.StagesNone}}
	gap, err := e.addServer(m)
	if err != nil {
		return nil, err
	}
	m.Host = hostUse(e.before, e.after, m)
	if m.Join, err = e.join(m); err != nil {
		return nil, err
	}
	m.Problems = append(m.Problems, e.problems(m)...)
	m.Checks, m.NotJudged, m.Outcome = judge(e.facts(m, gap))
	return m, nil
}

// countGap is how far the server's count of answers and the generator's differ
// beyond what may have been in flight; nil: not known.
type countGap *float64

// addServer enters what the target's snapshots say about the window.
func (e *evidence) addServer(m *record.Measurement) (countGap, error) {
	before, err := e.before.serverSnapshot()
	if err != nil {
		return nil, err
	}
	after, err := e.after.serverSnapshot()
	if err != nil || before == nil || after == nil {
		return nil, err
	}
	ahead, err := e.ahead.serverSnapshot()
	if err != nil {
		return nil, err
	}
	stages, err := after.Histograms.Since(after.AtMark)
	if err != nil {
		return nil, fmt.Errorf("the server's window: %w", err)
	}
	m.Histograms.Merge(stages)
	m.Servers[0] = record.UseOf(record.Broker, ahead, before, after)
	if n := after.Counters.Scrapes - before.Counters.Scrapes; n > 0 {
		m.Problems = append(m.Problems, fmt.Sprintf("the server's metrics page was read %d times within the window", n))
	}
	after.Histograms, after.AtMark = nil, nil
	for _, problem := range after.Problems {
		m.Problems = append(m.Problems, "server: "+problem)
	}
	if !e.load.protocol.answers() {
		return nil, nil
	}
	api := e.load.protocol.api()
	gap := e.countGap(after.Counters.Responses[api] - before.Counters.Responses[api])
	return &gap, nil
}

// countGap compares answers between the two snapshots. At each, the counts may
// differ by what is in flight, either way: an answer counts at the server a
// moment after it can be read here.
func (e *evidence) countGap(served int64) float64 {
	inFlight := int64(len(e.load.connections) * e.load.cfg.InFlight)
	if e.load.cfg.idleCounts() {
		inFlight += int64(len(e.load.idle))
	}
	least := e.after.answersBefore - e.before.answersAfter - 2*inFlight
	most := e.after.answersAfter - e.before.answersBefore + 2*inFlight
	return float64(max(0, least-served, served-most))
}

// problems tells in words what a reader of the numbers must know.
func (e *evidence) problems(m *record.Measurement) (lines []string) {
	add := func(applies bool, format string, args ...any) {
		if applies {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	add(m.Errors > 0, "%d requests were answered with an error, the first with %v", m.Errors, kerr.ErrorForCode(e.counted.firstError))
	add(m.FetchErrors > 0, "%d fetches were answered with an error and tried again, the first with %v", m.FetchErrors, kerr.ErrorForCode(e.counted.firstFetchError))
	add(e.unanswered > 0, "%d requests due in the window had no answer %v after it (%d of them not a byte sent); they are recorded with their age at the end, so percentiles are lower bounds", e.unanswered, e.load.cfg.Drain, e.unsent)
	add(e.unconsumed() > 0, "%d acknowledged batches of the window did not reach their consumer within %v", e.unconsumed(), e.load.cfg.Drain)
	add(m.Errors == 0 && e.unanswered == 0 && m.LogEndRecords >= 0 && m.LogEndRecords != m.AckedRecords, "the log grew by %d records while %d were acknowledged", m.LogEndRecords, m.AckedRecords)
	for _, c := range e.load.consumers {
		times := c.caughtUp.Load()
		add(!c.of.tail && !c.of.wraps && times > 0, "%s read to the end of the log %d times and did not lag", c.name, times)
	}
	add(e.load.cfg.misbehaves() && m.BadAnswers == 0, "no bad consumer got an answer that it could treat badly")
	add(e.load.sampling.problem != "", "%s", e.load.sampling.problem)
	for _, key := range m.Histograms.Keys() {
		n := m.Histograms[key].OutOfRange()
		add(n > 0, "%d durations of %s are outside what a histogram holds", n, key)
	}
	return lines
}

// unconsumed is how many batches tail consumers still owe.
func (e *evidence) unconsumed() int64 {
	if !e.load.cfg.tails() {
		return 0
	}
	return max(0, e.load.ackedDue.Load()-e.load.consumed.Load())
}

// caughtUp is how many lagging consumers reached the end of a partition.
func (l *load) caughtUp() (n int) {
	for _, c := range l.consumers {
		if !c.of.tail && c.caughtUp.Load() > 0 {
			n++
		}
	}
	return n
}

// facts are what judgement rests on.
type facts struct {
	cfg         Config
	m           *record.Measurement
	api         string
	acked       int64 // answers without error in the window
	unconsumed  int64
	clockSteps  int64
	inFlight    float64 // mean number in flight of requests due in the window
	countGap    countGap
	leastAnswer int64                // answers of the connection with the fewest
	midAnswer   int64                // … of the median connection
	trends      bool                 // enough requests in each part of the window
	clusters    map[string][]float64 // record.Clusters
}

func (e *evidence) facts(m *record.Measurement, gap countGap) *facts {
	f := &facts{
		cfg: e.load.cfg, m: m, api: e.load.protocol.api(), acked: e.counted.acked,
		unconsumed: e.unconsumed(), clockSteps: e.load.wall.Steps(), countGap: gap,
		clusters: record.Clusters(m.Histograms, m.OverTime),
	}
	f.trends = e.counted.trend.leastCount() >= leastPerPart
	f.inFlight = float64(e.counted.inFlightNs-e.counted.carriedInNs+e.counted.carriedOutNs) / float64(e.load.cfg.Window)
	if n := len(e.load.connections); n > 1 {
		sorted := slices.SortedFunc(slices.Values(e.load.connections), func(a, b *connection) int { return cmp.Compare(a.answers, b.answers) })
		f.leastAnswer, f.midAnswer = sorted[0].answers, sorted[n/2].answers
	}
	return f
}
