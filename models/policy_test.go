package models

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

// everyPolicy runs a test for each policy on a full request queue with each send
// strategy, with settings on top. The two models that have such a queue share
// their loops, so one of them is enough for all strategies but the first.
func everyPolicy(t *testing.T, policies []string, test func(t *testing.T, b *bench), settings ...string) {
	for _, policy := range policies {
		policy := append([]string{"on-full=" + policy}, settings...)
		runOn(t, test, append(policy, "model=reactor-pool"))
		for _, send := range SendNames() {
			runOn(t, test, append(policy, "model=loop-per-thread-pool", "send="+send))
		}
	}
}

func runOn(t *testing.T, test func(t *testing.T, b *bench), settings []string) {
	config := defaultConfig(t, settings...)
	var refused *RefusedError
	if err := Check(config); errors.As(err, &refused) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	t.Run(strings.Join([]string{config.Model, config.Send, config.OnFull}, "/"), func(t *testing.T) {
		needResidency(t, config)
		test(t, startBench(t, config))
	})
}

var (
	otherPolicies   = []string{OnFullPause, OnFullSplit, OnFullShed}
	waitingPolicies = []string{OnFullPause, OnFullSplit}
)

// The suite that all models pass, under each policy: with a queue of one where
// nothing is shed, so that it is full most of the time.
func TestConformanceUnderEveryPolicy(t *testing.T) {
	tests := []struct {
		name     string
		policies []string
		test     func(t *testing.T, b *bench)
		settings []string
	}{
		{"order", waitingPolicies, testInFlight, []string{"max-in-flight=8", "request-queue=1", "handlers=2"}},
		{"order of handlers that write", waitingPolicies, testInFlight, []string{"max-in-flight=8", "response-writer=handler", "request-queue=1"}},
		{"callbacks", waitingPolicies, testCallbackOrder, []string{"max-in-flight=4", "request-queue=1", "handlers=2"}},
		{"stuck reader", waitingPolicies, testStuckReader, []string{"request-queue=1"}},
		{"half close", otherPolicies, testHalfClose, nil},
		{"reset", otherPolicies, testReset, nil},
		{"hang up", otherPolicies, testHangUp, nil},
		{"silent", otherPolicies, testSilent, nil},
		{"full queue", waitingPolicies, testFullQueue, []string{"request-queue=2", "handlers=1", "connection-queue=1"}},
		{"stop under load", waitingPolicies, testStopUnderLoad, []string{"request-queue=1", "handlers=1"}},
		{"stop under load that is shed", []string{OnFullShed}, testStopWhileShedding, []string{"request-queue=1", "handlers=1"}},
		{"leaks", otherPolicies, testLeaks, nil},
		{"census", otherPolicies, testCensus, nil},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { everyPolicy(t, c.policies, c.test, c.settings...) })
	}
}

// The same where network threads wake handlers once a turn, which on one CPU they do
// anyway.
func TestConformanceWithWakesInTurns(t *testing.T) {
	tests := []struct {
		name     string
		test     func(t *testing.T, b *bench)
		settings []string
	}{
		{"order", testInFlight, []string{"max-in-flight=8", "request-queue=1", "handlers=2"}},
		{"order of handlers that write", testInFlight, []string{"max-in-flight=8", "response-writer=handler"}},
		{"stuck reader", testStuckReader, nil},
		{"full queue", testFullQueue, []string{"request-queue=2", "handlers=1", "connection-queue=1"}},
		{"stop under load", testStopUnderLoad, []string{"request-queue=1", "handlers=1"}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			everyPolicy(t, []string{OnFullBlock, OnFullPause, OnFullSplit}, c.test, append(c.settings, "handler-wake=turn")...)
		})
	}
}

// testStopWhileShedding expects every request answered, by service or refusal.
func testStopWhileShedding(t *testing.T, b *bench) {
	const connections = 8
	answered := make(chan int, connections)
	for range connections {
		go loadUntilClosed(b, answered)
	}
	for b.server.QueueFull().Sheds == 0 || b.service.handled.Load() < 200 {
		runtime.Gosched()
	}
	b.stop()
	total := 0
	for range connections {
		total += <-answered
	}
	if want := b.service.handled.Load() + b.server.QueueFull().Sheds; int64(total) != want {
		t.Errorf("%d requests were handled or refused, %d answers arrived", want, total)
	}
}

// waitFor returns once a condition holds that other threads bring about.
func (b *bench) waitFor(what string, reached func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !reached(); runtime.Gosched() {
		if time.Now().After(deadline) {
			b.t.Fatalf("no %s", what)
		}
	}
}

// fillQueue occupies the only handler and the queue of one, and then has one
// more request find the queue full. It returns the connections, in this order.
func (b *bench) fillQueue(first uint32) (gated []client) {
	b.t.Helper()
	handled := b.service.handled.Load()
	for i := range uint32(3) {
		c := b.dial()
		c.send(request(opGate, first+i))
		gated = append(gated, c)
		switch i {
		case 0:
			b.waitFor("request in the handler", func() bool { return b.service.handled.Load() == handled+1 })
		case 1:
			b.waitFor("request in the queue", func() bool { _, n := b.received(); return n == 1 })
		}
	}
	b.waitFor("request that finds the queue full", func() bool { return b.server.QueueFull() != QueueFull{} })
	return gated
}

// received is how many requests handlers have taken, and how many are queued.
func (b *bench) received() (handled int64, queued int) {
	q := b.server.running.(*loops).handlers.pools[0].queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return b.service.handled.Load(), q.count
}

const fullQueue = "request-queue=1"

// While the queue is full and no handler free, a response that is complete gets
// out unless its loop waits for room itself: what block does, and why the other
// policies exist.
func TestFullQueueHoldsUpAnswersUnderBlockAlone(t *testing.T) {
	policies := []string{OnFullBlock, OnFullPause, OnFullSplit, OnFullShed}
	everyPolicy(t, policies, func(t *testing.T, b *bench) {
		victim := b.dial()
		victim.send(request(opLater, 1))
		b.waitFor("delayed request", func() bool { return b.service.handled.Load() == 1 })
		gated := b.fillQueue(10)
		close(b.service.later)
		<-b.service.answers
		if b.config.OnFull == OnFullBlock {
			victim.expectSilence()
			close(b.service.gate)
			victim.expect(1, nil)
		} else {
			victim.expect(1, nil)
			if b.config.OnFull == OnFullShed {
				gated[2].expect(12, []byte(refusedAnswer))
				gated = gated[:2]
			}
			close(b.service.gate)
		}
		for i, c := range gated {
			c.expect(uint32(10+i), nil)
		}
	}, fullQueue, "handlers=1", "loops=1")
}

// expectSilence looks for an answer that must not come. Too short a look misses
// a fault; it never invents one.
func (c client) expectSilence() {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		c.t.Fatal("an answer came")
	}
	c.SetReadDeadline(time.Now().Add(patience))
}

// Under pause the loop reads nothing: a request that comes meanwhile stays in the
// socket, on whatever connection, and all are served once there is room.
func TestPausedLoopLeavesRequestsInTheSocket(t *testing.T) {
	everyPolicy(t, []string{OnFullPause}, func(t *testing.T, b *bench) {
		idle := b.dial()
		idle.send(request(opEcho, 1))
		idle.expect(1, nil)
		gated := b.fillQueue(10)
		started, _ := b.stages.Counts()
		before := started["plain"]
		idle.send(request(opEcho, 2, []byte("waits")))
		idle.expectSilence()
		if started, _ := b.stages.Counts(); started["plain"] != before {
			t.Errorf("%d requests were read during the pause", started["plain"]-before)
		}
		close(b.service.gate)
		for i, c := range gated {
			c.expect(uint32(10+i), nil)
		}
		idle.expect(2, []byte("waits"))
		if full := b.server.QueueFull(); full.Pauses == 0 || full.Waits > 0 || full.Sheds > 0 {
			t.Errorf("counted %+v, want pauses alone", full)
		}
	}, fullQueue, "handlers=1", "loops=1")
}

// Waiting loops get room in the order in which they began to wait.
func TestRoomGoesToTheLoopThatWaitedLongest(t *testing.T) {
	q := newQueue[int](1)
	q.offer(0)
	var order []int
	for i := 1; i <= 3; i++ {
		if q.offerOrWait(i, func() { order = append(order, i) }) {
			t.Fatalf("a full queue took %d", i)
		}
	}
	for want := range 4 {
		if got, ok := q.poll(); !ok || got != want {
			t.Fatalf("took %d, want %d", got, want)
		}
	}
	if len(order) != 3 || order[0] != 1 || order[1] != 2 || order[2] != 3 {
		t.Errorf("told %v, want 1 to 3", order)
	}
	if !q.offerOrWait(9, nil) {
		t.Error("an empty queue refused")
	}
}

// Refusals keep their place among the answers of a connection.
func TestShedRequestsAreRefusedInOrder(t *testing.T) {
	everyPolicy(t, []string{OnFullShed}, func(t *testing.T, b *bench) {
		b.fillQueue(10)
		c := b.dial()
		const requests = 6
		for tag := range uint32(requests) {
			c.send(request(opEcho, tag, []byte("full")))
		}
		for tag := range uint32(requests) {
			c.expect(tag, []byte(refusedAnswer))
		}
		if full := b.server.QueueFull(); full.Sheds != requests+1 || full.Waits+full.Pauses > 0 {
			t.Errorf("counted %+v, want %d sheds alone", full, requests+1)
		}
		close(b.service.gate)
	}, fullQueue, "handlers=1", "loops=1", "max-in-flight=8")
}

// An earlier request under way holds back the refusals behind it.
func TestRefusalWaitsForEarlierAnswers(t *testing.T) {
	everyPolicy(t, []string{OnFullShed}, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send(request(opLater, 0))
		b.waitFor("delayed request", func() bool { return b.service.handled.Load() == 1 })
		b.fillQueue(10)
		c.send(append(request(opEcho, 1), request(opEcho, 2)...))
		b.waitFor("refusals", func() bool { return b.server.QueueFull().Sheds == 3 })
		close(b.service.later)
		c.expect(0, nil)
		c.expect(1, []byte(refusedAnswer))
		c.expect(2, []byte(refusedAnswer))
		close(b.service.gate)
	}, fullQueue, "handlers=1", "loops=1", "max-in-flight=8")
}

func TestIsolatedClassHasHandlersOfItsOwn(t *testing.T) {
	everyPolicy(t, []string{OnFullBlock, OnFullPause, OnFullSplit, OnFullShed}, func(t *testing.T, b *bench) {
		gated := b.dial()
		gated.send(request(opGate, 1))
		b.waitFor("request in the handler", func() bool { return b.service.handled.Load() == 1 })
		file := b.dial()
		file.send(request(opFile, 2, number(3), number(1000)))
		file.expect(2, b.fileAnswer(3, 1000))
		close(b.service.gate)
		gated.expect(1, nil)
	}, "handlers=1", "isolate=File", "isolated-handlers=1")
}
