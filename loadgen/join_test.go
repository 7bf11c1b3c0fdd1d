package loadgen

import (
	"math"
	"reflect"
	"testing"

	"c10klab/internal/osthread"
	"c10klab/internal/record"
)

// soundJoined is a request all of whose spans are one more than the one before.
func soundJoined(id int32) (clientSample, record.ServerSample) {
	c := clientSample{request: request{id: id, dueNs: 1000, attemptedNs: 1001, begunNs: 1002, lastByteNs: 1060}, arrivedNs: 1085, answeredNs: 1090}
	s := record.ServerSample{API: "Echo", ID: id, Arrived: 1003, ReadStart: 1006, FrameComplete: 1010, EnqueueStart: 1015, Dequeued: 1021,
		LocalDone: 1028, ResponseComplete: 1036, ResponseDequeued: 1045, FirstWrite: 1055, LastSend: 1060, LastByte: 1066, Reaped: 1078}
	return c, s
}

func TestTermsOfAJoinedRequestAddUpToItsResponseTime(t *testing.T) {
	c, s := soundJoined(1)
	for _, arrived := range []int64{s.Arrived, 0} { // with the kernel's stamp, and without
		s.Arrived = arrived
		var sum int64
		for _, span := range terms {
			sum += span.of(joined{&c, &s})
		}
		if sum != c.answeredNs-c.dueNs {
			t.Errorf("arrived %d: terms add up to %d ns, the client waited %d", arrived, sum, c.answeredNs-c.dueNs)
		}
	}
}

func TestTheSampleOfWiresSaysHowFarItMayBeOff(t *testing.T) {
	wire := func(ns int64) joined {
		return joined{&clientSample{answeredNs: 100 + ns}, &record.ServerSample{Arrived: ns, LastByte: 100}}
	}
	if got := wiresError([]joined{wire(10), wire(20), wire(30), wire(40)}); math.Abs(got-12.909944) > 1e-6 {
		t.Errorf("wires of 20, 40, 60 and 80 ns: standard error %g, want 25.82 ÷ 2", got)
	}
	if got := wiresError([]joined{wire(10)}); got != 0 {
		t.Errorf("one request: %g, want 0", got)
	}
}

func TestRequestsAreJoinedByCorrelationID(t *testing.T) {
	var client []clientSample
	var server []record.ServerSample
	add := func(id int32, atClient, atServer int) {
		c, s := soundJoined(id)
		for range atClient {
			client = append(client, c)
		}
		for range atServer {
			server = append(server, s)
		}
	}
	add(1, 1, 1)
	add(2, 1, 0) // the server gave it up
	add(3, 0, 1)
	add(4, 1, 2) // ambiguous
	add(5, 1, 1)
	_, other := soundJoined(5)
	other.API = "Fetch" // of a consumer that counts its own
	server = append(server, other)
	var ids []int32
	for _, j := range pair(client, server, "Echo") {
		if j.client.id != j.server.ID {
			t.Errorf("client's %d is joined with the server's %d", j.client.id, j.server.ID)
		}
		ids = append(ids, j.client.id)
	}
	if len(ids) != 2 || ids[0] != 1 || ids[1] != 5 {
		t.Errorf("joined %v, want 1 and 5", ids)
	}
}

// Each clock reading that contradicts its neighbour by more than the clocks' error
// must be found, and none within it.
func TestTermsBelowTheClockErrorAreFound(t *testing.T) {
	const clockError = 5
	others := beside(true, true)
	for _, d := range []struct {
		name   string
		damage func(c *clientSample, s *record.ServerSample)
		below  bool
	}{
		{"sound", func(*clientSample, *record.ServerSample) {}, false},
		{"answered within the last send call", func(c *clientSample, s *record.ServerSample) { c.answeredNs, c.arrivedNs = s.LastSend+1, s.LastSend }, false},
		{"arrived a little before it was sent", func(c *clientSample, s *record.ServerSample) { s.Arrived = c.attemptedNs - clockError + 1 }, false},
		{"arrived before it was sent", func(c *clientSample, s *record.ServerSample) { s.Arrived = c.attemptedNs - clockError - 1 }, true},
		{"arrived before its send call began", func(c *clientSample, s *record.ServerSample) { c.begunNs = s.Arrived + clockError + 1 }, true},
		{"read before it arrived", func(_ *clientSample, s *record.ServerSample) { s.ReadStart = s.Arrived - clockError - 1 }, true},
		{"attempted before due", func(c *clientSample, _ *record.ServerSample) { c.dueNs = c.attemptedNs + clockError + 1 }, true},
		{"handled before it was taken", func(_ *clientSample, s *record.ServerSample) { s.LocalDone = s.Dequeued - clockError - 1 }, true},
		{"answered before the last send call", func(c *clientSample, s *record.ServerSample) { c.answeredNs = s.LastSend - clockError - 1 }, true},
		{"the answer arrived before the last send call", func(c *clientSample, s *record.ServerSample) { c.arrivedNs = s.LastSend - clockError - 1 }, true},
		{"answered before the answer arrived", func(c *clientSample, _ *record.ServerSample) { c.answeredNs = c.arrivedNs - clockError - 1 }, true},
	} {
		c, s := soundJoined(1)
		d.damage(&c, &s)
		if got := (joined{&c, &s}).below(clockError, terms, others); got != d.below {
			t.Errorf("%s: below the clock error is %v", d.name, got)
		}
	}
}

// A census of many threads has no list of them, and the runtime's are never in it: both
// are in the groups' sums.
func TestRunQueueWaitIsThatOfEveryGroupOfThreads(t *testing.T) {
	snapshot := &record.ServerSnapshot{
		Counters: record.Counters{Responses: map[string]int64{"Echo": 30, "Fetch": 10}},
		ThreadUse: map[string]osthread.Use{
			"conn":                {Threads: 300, RunQueueWaitNs: 4000},
			osthread.RuntimeGroup: {Threads: 7, RunQueueWaitNs: 80},
		},
	}
	want := []record.RunQueueWait{
		{Group: "conn", MeanNs: 100, Threads: 300, TotalWait: 4000},
		{Group: "runtime", MeanNs: 2, Threads: 7, TotalWait: 80},
	}
	if got := runQueue(snapshot); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := runQueue(&record.ServerSnapshot{ThreadUse: snapshot.ThreadUse}); got != nil {
		t.Errorf("without an answered request: %+v", got)
	}
}

func TestEveryConnectionHasCorrelationIDsOfItsOwn(t *testing.T) {
	payload := echo{payloadBytes: 8}
	l := &load{cfg: Config{Producers: 3}, protocol: payload, sizes: []protocol{payload}, ground: kernel{}}
	seen := map[int32]int{}
	for index := range 3 {
		c := newConnection(l, []*framePool{newFramePool(payload, 100)}, nil, -1, index)
		for range 100 {
			c.begin(request{})
			if other, twice := seen[c.lastID]; twice {
				t.Fatalf("connections %d and %d both use id %d", other, index, c.lastID)
			}
			seen[c.lastID] = index
		}
	}
}
