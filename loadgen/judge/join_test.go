package judge

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"c10klab/internal/measure"
	"c10klab/internal/osthread"
	"c10klab/internal/record"
)

// soundJoined is a request all of whose spans are one more than the one before.
func soundJoined(id int32) (Sample, record.ServerSample) {
	s := record.ServerSample{API: "Echo", ID: id, BoundariesNs: []int64{1003}}
	for i := range measure.Stages {
		s.BoundariesNs = append(s.BoundariesNs, s.BoundariesNs[i]+int64(i)+3)
	}
	sent := s.BoundariesNs[lastByte]
	s.LastSend = sent - 6
	return Sample{Request: Request{ID: id, DueNs: 1000, AttemptedNs: 1001, BegunNs: 1002, LastByteNs: sent - 6}, ArrivedNs: sent + 19, AnsweredNs: sent + 24}, s
}

func TestTermsOfAJoinedRequestAddUpToItsResponseTime(t *testing.T) {
	c, s := soundJoined(1)
	for _, ns := range []int64{s.BoundariesNs[arrived], 0} { // with the kernel's stamp, and without
		s.BoundariesNs[arrived] = ns
		var sum int64
		for _, span := range terms {
			sum += span.of(joined{&c, &s})
		}
		if sum != c.AnsweredNs-c.DueNs {
			t.Errorf("arrived %d: terms add up to %d ns, the client waited %d", ns, sum, c.AnsweredNs-c.DueNs)
		}
	}
}

func TestTheSampleOfWiresSaysHowFarItMayBeOff(t *testing.T) {
	wire := func(ns int64) joined {
		s := record.ServerSample{BoundariesNs: make([]int64, len(measure.Stages)+1)}
		s.BoundariesNs[arrived], s.BoundariesNs[lastByte] = ns, 100
		return joined{&Sample{AnsweredNs: 100 + ns}, &s}
	}
	if got := wiresError([]joined{wire(10), wire(20), wire(30), wire(40)}); math.Abs(got-12.909944) > 1e-6 {
		t.Errorf("wires of 20, 40, 60 and 80 ns: standard error %g, want 25.82 ÷ 2", got)
	}
	if got := wiresError([]joined{wire(10)}); got != 0 {
		t.Errorf("one request: %g, want 0", got)
	}
}

func TestRequestsAreJoinedByCorrelationID(t *testing.T) {
	var client []Sample
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
		if j.client.ID != j.server.ID {
			t.Errorf("client's %d is joined with the server's %d", j.client.ID, j.server.ID)
		}
		ids = append(ids, j.client.ID)
	}
	if len(ids) != 2 || ids[0] != 1 || ids[1] != 5 {
		t.Errorf("joined %v, want 1 and 5", ids)
	}
}

// Each clock reading that contradicts its neighbour by more than the clocks' error
// must be found, and none within it.
func TestTermsBelowTheClockErrorAreFound(t *testing.T) {
	const clockError = 5
	spans := slices.Concat(terms, beside(true, true))
	for _, d := range []struct {
		name   string
		damage func(c *Sample, s *record.ServerSample)
		below  bool
	}{
		{"sound", func(*Sample, *record.ServerSample) {}, false},
		{"answered within the last send call", func(c *Sample, s *record.ServerSample) { c.AnsweredNs, c.ArrivedNs = s.LastSend+1, s.LastSend }, false},
		{"arrived a little before it was sent", func(c *Sample, s *record.ServerSample) { s.BoundariesNs[arrived] = c.AttemptedNs - clockError + 1 }, false},
		{"arrived before it was sent", func(c *Sample, s *record.ServerSample) { s.BoundariesNs[arrived] = c.AttemptedNs - clockError - 1 }, true},
		{"arrived before its send call began", func(c *Sample, s *record.ServerSample) { c.BegunNs = s.BoundariesNs[arrived] + clockError + 1 }, true},
		{"read before it arrived", func(_ *Sample, s *record.ServerSample) {
			s.BoundariesNs[readStart] = s.BoundariesNs[arrived] - clockError - 1
		}, true},
		{"attempted before due", func(c *Sample, _ *record.ServerSample) { c.DueNs = c.AttemptedNs + clockError + 1 }, true},
		{"handled before it was taken", func(_ *Sample, s *record.ServerSample) {
			s.BoundariesNs[beginOf(measure.LocalTime)+1] = s.BoundariesNs[beginOf(measure.LocalTime)] - clockError - 1
		}, true},
		{"answered before the last send call", func(c *Sample, s *record.ServerSample) { c.AnsweredNs = s.LastSend - clockError - 1 }, true},
		{"the answer arrived before the last send call", func(c *Sample, s *record.ServerSample) { c.ArrivedNs = s.LastSend - clockError - 1 }, true},
		{"answered before the answer arrived", func(c *Sample, _ *record.ServerSample) { c.AnsweredNs = c.ArrivedNs - clockError - 1 }, true},
	} {
		c, s := soundJoined(1)
		d.damage(&c, &s)
		if got := (joined{&c, &s}).below(clockError, spans); got != d.below {
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
