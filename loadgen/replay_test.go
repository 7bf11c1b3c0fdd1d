package loadgen

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/hdr"
	"c10klab/internal/kafka"
	"c10klab/internal/record"
	"c10klab/loadgen/plan"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// askedFetch is what a fake broker saw of one fetch.
type askedFetch struct {
	conn       string
	maxBytes   int32
	eachBytes  int32 // per partition
	partitions int
}

// startFetched is a broker that notes the fetches.
func startFetched(t *testing.T) (b *fakeBroker, seen func() []askedFetch) {
	b = startFakeBroker(t)
	good := b.handle
	var mu sync.Mutex
	var all []askedFetch
	b.handle = func(conn net.Conn, frame []byte) bool {
		if int16(binary.BigEndian.Uint16(frame[kafka.PrefixBytes:])) == kmsg.Fetch.Int16() {
			h, body, err := kafka.ParseRequestHeader(frame[kafka.PrefixBytes:])
			req := kmsg.NewFetchRequest()
			req.SetVersion(h.Version)
			if err != nil || req.ReadFrom(body) != nil {
				return false
			}
			p := req.Topics[0].Partitions
			mu.Lock()
			all = append(all, askedFetch{conn.RemoteAddr().String(), req.MaxBytes, p[0].PartitionMaxBytes, len(p)})
			mu.Unlock()
		}
		return good(conn, frame)
	}
	return b, func() []askedFetch { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }
}

func fetchSpanOf(m *record.Measurement, stage, api string) int64 {
	h := m.Histograms[hdr.Key{Stage: stage, API: api}]
	if h == nil {
		return 0
	}
	return h.Count()
}

func TestFetchesOfAHandWrittenTraceFallDue(t *testing.T) {
	b, seen := startFetched(t)
	b.create(t, "c10klab", 4, 50)
	var text strings.Builder
	text.WriteString("time,api,bytes\n")
	for i := range 40 { // every 10 ms, to 0.39 s
		fmt.Fprintf(&text, "0.%02d,Fetch,%d\n", i, 10_000+i%2)
	}
	text.WriteString("0.5,Fetch,10000\n")
	m := run(t, kafkaConfig(t, b.addr, "consumers", "lagging", "producers", "0", "partitions", "4", "consumer-connections", "2",
		"trace", traceFile(t, text.String()), "warm-up", "100ms", "window", "300ms"))
	for _, stage := range []string{"ResponseTime", "ServiceTime", "Lateness"} {
		if n := fetchSpanOf(m, stage, "Fetch"); n != 30 {
			t.Errorf("%s of %d fetches, 30 fall due in the window", stage, n)
		}
	}
	got := seen()
	// Each of two connections has a first answer of the first size.
	byConn := map[string]map[int32]int{}
	for _, f := range got {
		if f.eachBytes != f.maxBytes || f.partitions != 2 {
			t.Fatalf("%+v asks for one number of bytes in all and another of each of its partitions", f)
		}
		if byConn[f.conn] == nil {
			byConn[f.conn] = map[int32]int{}
		}
		byConn[f.conn][f.maxBytes]++
	}
	even, odd := 0, 0
	for _, sizes := range byConn {
		switch {
		case sizes[10_000] == 21 && sizes[10_001] == 0:
			even++
		case sizes[10_000] == 1 && sizes[10_001] == 20:
			odd++
		}
	}
	if even != 1 || odd != 1 || len(got) != 42 {
		t.Errorf("%d fetches by connection and size %v; number i goes to connection i modulo 2", len(got), byConn)
	}
	if m.ScheduleHash == "" || m.OfferedRequests != 0 || m.LaggingMBps == 0 {
		t.Errorf("hash %q, %d requests offered by producers, %g MB/s read", m.ScheduleHash, m.OfferedRequests, m.LaggingMBps)
	}
}

// TestFetchesFollowASchedule: the fake broker answers fetches at once, so whoever keeps the schedule
// asks as often as it says, and whoever goes in a closed loop far more often.
func TestFetchesFollowASchedule(t *testing.T) {
	b, seen := startFetched(t)
	b.create(t, "c10klab", 4, 50)
	open := kafkaConfig(t, b.addr, "consumers", "lagging", "producers", "0", "partitions", "4", "consumer-connections", "2", "lagging-wrap", "true",
		"fetch-rate-requests", "200", "fetch-schedule", "constant", "warm-up", "100ms", "window", "500ms")
	m := run(t, open)
	for _, stage := range []string{"ResponseTime", "ServiceTime", "Lateness"} {
		if n := fetchSpanOf(m, stage, "Fetch"); n != 100 {
			t.Errorf("%s of %d fetches, 100 fall due in the window", stage, n)
		}
	}
	if n := len(seen()); n != 122 { // with the warm-up and two first answers
		t.Errorf("%d fetches, want 2, then 20, then 100", n)
	}
	if m.ScheduleHash == "" || m.InFlightAtEnd != 0 {
		t.Errorf("hash %q, %d in flight", m.ScheduleHash, m.InFlightAtEnd)
	}
	open.Fetches.PerSecond = 0
	if m := run(t, open); fetchSpanOf(m, "ResponseTime", "Fetch") != 0 || fetchSpanOf(m, "ServiceTime", "Fetch") <= 100 {
		t.Errorf("a closed loop: %d response times, %d service times", fetchSpanOf(m, "ResponseTime", "Fetch"), fetchSpanOf(m, "ServiceTime", "Fetch"))
	}
}

// TestScheduledTailFetchesReachTheEnd: after the window tail consumers go on by themselves.
func TestScheduledTailFetchesReachTheEnd(t *testing.T) {
	b := startFakeBroker(t)
	m := run(t, kafkaConfig(t, b.addr, "consumers", "tail", "fetch-rate-requests", "50", "fetch-max-wait", "0s"))
	if end := fetchSpanOf(m, "EndToEnd", "Fetch"); end != m.OfferedRequests || fetchSpanOf(m, "Lateness", "Fetch") == 0 {
		t.Errorf("%d of %d batches reached a consumer; %q", end, m.OfferedRequests, m.Problems)
	}
}

// recordedFetches counts a trace's lines by API.
func recordedFetches(t *testing.T, path string) (text string, byAPI map[string]int) {
	t.Helper()
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	byAPI = map[string]int{}
	for line := range strings.Lines(string(written)) {
		byAPI[strings.Split(line, ",")[1]]++
	}
	delete(byAPI, "api")
	return string(written), byAPI
}

// TestRunWithConsumersIsRecordedAndReplayed records producers, tail and lagging consumers,
// and replays them; the replay's own record must be the trace.
func TestRunWithConsumersIsRecordedAndReplayed(t *testing.T) {
	record := func(knobs ...string) (*record.Measurement, string, map[string]int) {
		b := startFakeBroker(t)
		b.create(t, "backlog", 6, 1000)
		cfg := bothKinds(t, b, append([]string{"fetch-max-bytes", "20000", "lagging-wrap", "true"}, knobs...)...)
		cfg.TraceTo = filepath.Join(t.TempDir(), "out.csv")
		m := run(t, cfg)
		text, byAPI := recordedFetches(t, cfg.TraceTo)
		return m, text, byAPI
	}
	_, first, byAPI := record("fetch-rate", "2")
	for _, api := range []string{"Produce", "Fetch", "LaggingFetch"} {
		if byAPI[api] < 10 {
			t.Fatalf("recorded %v, want all three APIs", byAPI)
		}
	}
	if n := strings.Count(first, "Fetch,20000\n"); n != byAPI["Fetch"]+byAPI["LaggingFetch"] {
		t.Errorf("%d fetches ask for 20000 bytes, of %v", n, byAPI)
	}
	path := traceFile(t, first+"1,Produce,4096\n") // the recorded part covers the run
	m, again, againByAPI := record("trace", path)
	if again != first {
		t.Errorf("the replayed run recorded %v, the trace has %v", againByAPI, byAPI)
	}
	for _, api := range []string{"Fetch", "LaggingFetch"} {
		response, service := fetchSpanOf(m, "ResponseTime", api), fetchSpanOf(m, "ServiceTime", api)
		if response == 0 || response > int64(byAPI[api]) || service != response || fetchSpanOf(m, "Lateness", api) != response {
			t.Errorf("%s: %d response and %d service times of %d requests", api, response, service, byAPI[api])
		}
	}
	if end, produced := fetchSpanOf(m, "EndToEnd", "Fetch"), m.OfferedRequests; end != produced || m.InFlightAtEnd != 0 {
		t.Errorf("%d batches of %d reached a consumer; %q", end, produced, m.Problems)
	}
}

func TestFetchesNeverAnsweredAreRecordedWithTheirAge(t *testing.T) {
	b, _ := startFetched(t)
	b.create(t, "c10klab", 1, 50)
	good := b.handle
	fetched := 0
	b.handle = func(conn net.Conn, frame []byte) bool {
		if int16(binary.BigEndian.Uint16(frame[kafka.PrefixBytes:])) == kmsg.Fetch.Int16() {
			if fetched++; fetched > 3 { // the first answer, and two of the trace
				return true
			}
		}
		return good(conn, frame)
	}
	m := run(t, kafkaConfig(t, b.addr, "consumers", "lagging", "producers", "0", "partitions", "1", "consumer-connections", "1",
		"trace", traceFile(t, "time,api,bytes\n0.01,Fetch,5000\n0.02,Fetch,5000\n0.03,Fetch,5000\n0.04,Fetch,5000\n1,Fetch,5000\n"),
		"warm-up", "0s", "window", "100ms", "drain", "100ms"))
	if n := fetchSpanOf(m, "ResponseTime", "Fetch"); n != 4 || m.InFlightAtEnd != 2 {
		t.Errorf("%d response times, %d in flight at the end; want 4, 2 of them ages", n, m.InFlightAtEnd)
	}
	if !hasProblem(m, "2 requests of the window had no answer") || !hasProblem(m, "1 of them not a byte sent") || m.Outcome == record.Valid {
		t.Errorf("outcome %s, problems %q", m.Outcome, m.Problems)
	}
}

func TestRefusedFetchOfATraceIsAskedAgain(t *testing.T) {
	b, seen := startFetched(t)
	b.create(t, "c10klab", 1, 50)
	b.refuseFetch = func(n int) string {
		if n == 3 {
			return "partition"
		}
		return ""
	}
	m := run(t, kafkaConfig(t, b.addr, "consumers", "lagging", "producers", "0", "partitions", "1", "consumer-connections", "1",
		"trace", traceFile(t, "time,api,bytes\n0.01,Fetch,5001\n0.02,Fetch,5002\n0.03,Fetch,5003\n1,Fetch,5000\n"), "warm-up", "0s", "window", "100ms"))
	var asked []int32
	for _, f := range seen() {
		asked = append(asked, f.maxBytes)
	}
	if want := []int32{5001, 5001, 5002, 5002, 5003}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v: the third was refused", asked, want)
	}
	response := m.Histograms[hdr.Key{Stage: "ResponseTime", API: "Fetch"}]
	if m.FetchErrors != 1 || response.Count() != 3 || time.Duration(response.MaxNs()) < refusedFor {
		t.Errorf("%d fetches refused, %d response times, the longest %v", m.FetchErrors, response.Count(), time.Duration(response.MaxNs()))
	}
}

// newReplayed makes a consumer without threads; its target never answers.
func newReplayed(t *testing.T) *consumer {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	cfg := kafkaConfig(t, "", "consumers", "tail")
	cfg.Trace = mustReadTrace(t, kafkaTrace)
	l := newLoad(cfg)
	kind := &consumerKind{tail: true, topic: &topic{name: cfg.Topic}, count: 1, starts: []int64{0}, sizes: l.offered.Sizes(plan.OfConsumers), planned: plan.OfConsumers}
	return newConsumer(l, kind, &receiver{tally: l.newTally()}, fds[0], 0, []int32{0})
}

// TestFetchThatFindsItsConnectionBusyIsNotLate is the rule of producers' requests.
func TestFetchThatFindsItsConnectionBusyIsNotLate(t *testing.T) {
	c := newReplayed(t)
	const lateNs = int64(time.Second)
	longAgo := clock.Now() - lateNs
	soon := clock.Now() + lateNs
	for _, dueNs := range []int64{longAgo, longAgo + 1, soon} { // nothing blocked the connection a second ago
		if err := c.offer(dueNs, 0, c.load.newTally()); err != nil {
			t.Fatal(err)
		}
	}
	first, second, third := c.now, *c.waiting.at(0), *c.waiting.at(1)
	if first.attemptedNs-first.dueNs < lateNs || second.attemptedNs-second.dueNs < lateNs-1 {
		t.Errorf("Lateness %d and %d ns, the sender came %d ns late", first.attemptedNs-first.dueNs, second.attemptedNs-second.dueNs, lateNs)
	}
	if third.attemptedNs != soon {
		t.Errorf("attempted %d ns after it fell due, want at due", third.attemptedNs-soon)
	}
	if n := c.load.outstanding.Load(); n != 3 {
		t.Errorf("%d outstanding, want 3", n)
	}
}
