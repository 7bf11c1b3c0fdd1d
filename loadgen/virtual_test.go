package loadgen

import (
	"math"
	"testing"
	"time"

	"c10klab/internal/kafka"
	"c10klab/internal/osthread"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"

	"golang.org/x/sys/unix"
)

// virtual is a system of virtual time, which passes only while somebody sleeps, and of
// one simulated server that serves requests in the order in which they reach it. The
// generator's schedule, sender, connections and tallies run on it unchanged.
type virtual struct {
	t     *testing.T
	load  *load
	nowNs int64
	// service draws the time that the server takes for the next request.
	service func() int64
	// oversleep is how late each sleep ends; nil: not at all.
	oversleep func() int64
	// Between the two the server does nothing.
	stallFromNs, stallToNs int64

	freeNs  int64                  // when the server has served all that it got
	queue   ring[simulatedRequest] // not answered
	mostNow int                    // longest queue
}

const simulatedBytes = kafka.PrefixBytes + correlationBytes

type simulatedRequest struct {
	fd     int
	frame  [simulatedBytes]byte // the request, which is the answer too
	doneNs int64
}

func (v *virtual) now() int64 { return v.nowNs }

func (v *virtual) sleep(untilNs, _ int64) (lateNs int64) {
	if v.oversleep != nil {
		untilNs += v.oversleep()
	}
	v.advance(untilNs)
	return 0
}

func (v *virtual) send(fd int, b []byte) (int, unix.Errno) {
	start := max(v.nowNs, v.freeNs)
	if start >= v.stallFromNs && start < v.stallToNs {
		start = v.stallToNs
	}
	v.freeNs = start + v.service()
	v.queue.push(simulatedRequest{fd, [simulatedBytes]byte(b), v.freeNs})
	v.mostNow = max(v.mostNow, v.queue.len())
	return len(b), 0
}

// advance lets time pass and delivers the answers that come meanwhile.
func (v *virtual) advance(toNs int64) {
	for v.queue.len() > 0 && v.queue.at(0).doneNs <= toNs {
		done := v.queue.pop()
		v.nowNs = done.doneNs
		if err := v.load.connections[done.fd].arrived(done.frame[:], v.nowNs); err != nil {
			v.t.Fatal(err)
		}
	}
	v.nowNs = toNs
}

// newVirtual makes a load of the echo protocol in virtual time.
func newVirtual(t *testing.T, s plan.Schedule, connections, inFlight int, service func() int64) *virtual {
	cfg := Config{Protocol: plan.ProtocolEcho, Schedule: s, Producers: connections, InFlight: inFlight, EchoBytes: correlationBytes, Threads: 1}
	l := newLoad(cfg)
	if err := l.makeProtocols(); err != nil {
		t.Fatal(err)
	}
	v := &virtual{t: t, load: l, service: service}
	l.system = v
	pools := []*framePool{newFramePool(l.protocol, inFlight)}
	receiver := l.addTally()
	for i := range connections {
		l.connections = append(l.connections, newConnection(l, pools, receiver, i, i))
	}
	return v
}

// virtualBeginNs is when virtual runs begin; stamps of 0 mean "not yet".
const virtualBeginNs = int64(time.Second)

// run offers a window's requests, waits for all answers, and returns what was counted.
func (v *virtual) run(window time.Duration) *judge.Tally {
	v.t.Helper()
	v.nowNs = virtualBeginNs
	v.load.window.Set(virtualBeginNs, virtualBeginNs+int64(window))
	s := newSender(v.load, 0)
	if err := s.run(&osthread.Thread{}, virtualBeginNs); err != nil {
		v.t.Fatal(err)
	}
	v.advance(virtualBeginNs + 2*int64(window))
	all := v.load.newTally()
	for _, t := range v.load.tallies {
		all.Merge(t)
	}
	return all
}

// TestVirtualSystemCountsEveryRequest guards the simulation itself.
func TestVirtualSystemCountsEveryRequest(t *testing.T) {
	const perSecond, window = 1000, time.Second
	v := newVirtual(t, plan.Schedule{Kind: plan.Constant, PerSecond: perSecond, Seed: 1}, 4, 1, func() int64 { return 500_000 })
	got := v.run(window)
	if got.Counts[judge.Offered] != perSecond || got.Counts[judge.Answered] != perSecond || got.Histograms[judge.ResponseTime].Count() != perSecond {
		t.Errorf("%d offered, %d answered, %d response times; want %d of each", got.Counts[judge.Offered], got.Counts[judge.Answered], got.Histograms[judge.ResponseTime].Count(), perSecond)
	}
	if h := got.Histograms[judge.ResponseTime]; math.Abs(h.MeanNs()-500_000) > 500 || v.mostNow != 1 {
		t.Errorf("mean response %.0f ns on an idle server of 500 µs, at most %d requests in it", h.MeanNs(), v.mostNow)
	}
}
