package plan

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func all(next Source) (arrivals []Arrival) {
	for a, more := next(); more; a, more = next() {
		arrivals = append(arrivals, a)
	}
	return arrivals
}

func TestClosedLoopBeginsItsConnectionsInTurn(t *testing.T) {
	p := Plan{Closed: true, InFlight: 2, WarmUp: 40 * time.Millisecond, Senders: 2, Connections: [Kinds]int{4}}
	var offsets []int64
	counts := map[int]int{}
	for sender := range p.Senders {
		for _, a := range all(p.Requests(sender)) {
			offsets = append(offsets, a.OffsetNs)
			counts[a.Connection]++
			if a.Connection%p.Senders != sender {
				t.Errorf("sender %d begins connection %d", sender, a.Connection)
			}
		}
	}
	slices.Sort(offsets)
	for i, got := range offsets {
		if want := int64(i) * int64(5*time.Millisecond); got != want {
			t.Errorf("request %d is due after %d ns, want %d: 8 spread over the warm-up", i, got, want)
		}
	}
	for connection := range 4 {
		if counts[connection] != p.InFlight {
			t.Errorf("connection %d begins with %d requests, want %d", connection, counts[connection], p.InFlight)
		}
	}
	p.WarmUp = time.Minute
	if last := all(p.Requests(1)); last[len(last)-1].OffsetNs >= int64(longestOpening) {
		t.Errorf("a closed loop begins for %d ns of a long warm-up", last[len(last)-1].OffsetNs)
	}
}

func TestFetchScheduleIsSharedByConnections(t *testing.T) {
	p := Plan{
		Protocol: ProtocolKafka, Schedule: Schedule{Kind: Poisson, PerSecond: 1000, Seed: 3}, Senders: 1, Window: time.Second,
		Connections: [Kinds]int{2, 1, 3}, Fetches: Schedule{Kind: Poisson, PerSecond: 400, Seed: 3},
	}
	count := func(kind Kind) (n int, connections map[int]bool) {
		connections = map[int]bool{}
		for next := p.FetchesOf(kind); ; n++ {
			a, more := next()
			if !more || a.OffsetNs >= int64(100*time.Second) {
				return n, connections
			}
			connections[a.Connection] = true
		}
	}
	tail, _ := count(OfConsumers)
	lagging, connections := count(OfLaggingConsumers)
	if tail < 9_500 || tail > 10_500 || lagging < 29_000 || lagging > 31_000 || len(connections) != 3 {
		t.Errorf("in 100 s %d fetches of 1 tail consumer and %d of %d lagging ones, of 400/s", tail, lagging, len(connections))
	}
	// Consumers and producers must not go in step.
	fetch, _ := p.FetchesOf(OfConsumers)()
	produce, _ := p.Requests(0)()
	if ratio := float64(produce.OffsetNs) / float64(fetch.OffsetNs); ratio > 0.0999 && ratio < 0.1001 {
		t.Error("the fetches' gaps are the producers', stretched")
	}
	hash := p.Hash()
	if p.Fetches.Kind = Constant; p.Hash() == hash {
		t.Error("the hash does not tell schedules of fetches apart")
	}
	if p.Fetches.PerSecond = 0; p.Hash() != p.Schedule.Hash(0, time.Second, 1, 2) || p.OffersFetches(OfConsumers) {
		t.Error("without a rate of fetches the plan is not the producers' alone")
	}
}

func TestPlanOffersWhatItsTraceHolds(t *testing.T) {
	p := Plan{Protocol: ProtocolKafka, Trace: mustReadTrace(t, kafkaTrace, ProtocolKafka), Senders: 1, Connections: [Kinds]int{3, 2, 1}, Bytes: [Kinds]int{7, 8, 9}, Window: 100 * time.Millisecond}
	if got := all(p.FetchesOf(OfConsumers)); !slices.Equal(got, []Arrival{{1_000_000, 0, 0}, {2_000_000, 1, 1}, {3_000_000, 0, 0}}) {
		t.Errorf("fetches %v", got)
	}
	if !p.OffersFetches(OfConsumers) || !p.OffersFetches(OfLaggingConsumers) || p.OffersFetches(OfProducers) || !p.OffersAny() {
		t.Error("a trace with fetches of both kinds is not replayed")
	}
	if !slices.Equal(p.Sizes(OfConsumers), []int{100, 200}) {
		t.Errorf("fetches of sizes %v", p.Sizes(OfConsumers))
	}
	if err := p.CheckTrace(); err != nil {
		t.Error(err)
	}
	p.Trace = mustReadTrace(t, smallTrace, ProtocolEcho)
	if p.OffersFetches(OfConsumers) || p.OffersAnyFetches() || !slices.Equal(p.Sizes(OfConsumers), []int{8}) {
		t.Errorf("a trace without fetches is replayed by consumers; sizes %v", p.Sizes(OfConsumers))
	}
	if p.Closed = true; p.CheckTrace() == nil || !strings.Contains(p.CheckTrace().Error(), "closed loop") {
		t.Errorf("in a closed loop: %v", p.CheckTrace())
	}
}
