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

func TestPlanOffersWhatItsTraceHolds(t *testing.T) {
	p := Plan{Protocol: ProtocolKafka, Trace: mustReadTrace(t, kafkaTrace, ProtocolKafka), Senders: 1, Connections: [Kinds]int{3, 2, 1}, Bytes: [Kinds]int{7, 8, 9}, Window: 100 * time.Millisecond}
	if got := all(p.Fetches(OfConsumers)); !slices.Equal(got, []Arrival{{1_000_000, 0, 0}, {2_000_000, 1, 1}, {3_000_000, 0, 0}}) {
		t.Errorf("fetches %v", got)
	}
	if !p.Replays(OfConsumers) || !p.Replays(OfLaggingConsumers) || p.Replays(OfProducers) || !p.OffersAny() {
		t.Error("a trace with fetches of both kinds is not replayed")
	}
	if !slices.Equal(p.Sizes(OfConsumers), []int{100, 200}) {
		t.Errorf("fetches of sizes %v", p.Sizes(OfConsumers))
	}
	if err := p.CheckTrace(); err != nil {
		t.Error(err)
	}
	p.Trace = mustReadTrace(t, smallTrace, ProtocolEcho)
	if p.Replays(OfConsumers) || p.ReplaysFetches() || !slices.Equal(p.Sizes(OfConsumers), []int{8}) {
		t.Errorf("a trace without fetches is replayed by consumers; sizes %v", p.Sizes(OfConsumers))
	}
	if p.Closed = true; p.CheckTrace() == nil || !strings.Contains(p.CheckTrace().Error(), "closed loop") {
		t.Errorf("in a closed loop: %v", p.CheckTrace())
	}
}
