package models

import (
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
)

const (
	// lagsTogether is how many turns' lags a loop gathers before it records them.
	lagsTogether = 64
	// publishEvery bounds how old the published times of a busy loop are.
	publishEvery = int64(100 * time.Millisecond)
)

// loopTimes measures a loop with two clock reads a turn. The loop's thread uses it.
type loopTimes struct {
	on     bool
	hint   int // the thread's number, for recorders
	env    *env
	public *publicLoopTimes

	startNs, pollNs, turnNs int64 // when the loop, the last poll, the last turn began
	putNs                   int64 // when the put under way began to wait
	waitedNs, blockedNs     int64 // in polls; in puts
	publishedNs             int64
	lags                    [lagsTogether]int64
	gathered                int
}

// publicLoopTimes are what other threads see.
type publicLoopTimes struct {
	name                         string
	wallNs, ioWaitNs, queueingNs atomic.Int64
}

func (e *env) newLoopTimes(name string) loopTimes {
	t := loopTimes{on: e.stages != nil, env: e}
	if t.on {
		t.public = &publicLoopTimes{name: name}
		e.loopTimes = append(e.loopTimes, t.public)
	}
	return t
}

// pollBegins ends a turn.
func (t *loopTimes) pollBegins() {
	if !t.on {
		return
	}
	t.pollNs = clock.Now()
	if t.turnNs == 0 {
		t.startNs, t.publishedNs = t.pollNs, t.pollNs
		return
	}
	t.lags[t.gathered] = t.pollNs - t.turnNs
	t.gathered++
	if t.gathered == lagsTogether || t.pollNs-t.publishedNs > publishEvery {
		t.publish()
	}
}

// pollEnds begins a turn, at the instant that it returns.
func (t *loopTimes) pollEnds() instant {
	if t.on {
		t.turnNs = clock.Now()
		t.waitedNs += t.turnNs - t.pollNs
	}
	return instant(t.turnNs)
}

// putBegins and putEnds enclose a wait for room in the request queue.
func (t *loopTimes) putBegins() {
	if t.on {
		t.putNs = clock.Now()
	}
}

func (t *loopTimes) putEnds() {
	if t.on {
		t.blockedNs += clock.Now() - t.putNs
	}
}

func (t *loopTimes) publish() {
	t.env.stages.Lags(t.hint, t.lags[:t.gathered])
	t.gathered = 0
	t.publishedNs = t.pollNs
	t.public.wallNs.Store(t.pollNs - t.startNs)
	t.public.ioWaitNs.Store(t.waitedNs)
	t.public.queueingNs.Store(t.blockedNs)
}

// LoopTimes is what each network thread did with its time, as of its newest turns;
// none where there are no such threads or stages are off.
func (s *Server) LoopTimes() (all []record.LoopTimes) {
	for _, t := range s.env.loopTimes {
		wall, wait, queueing := t.wallNs.Load(), t.ioWaitNs.Load(), t.queueingNs.Load()
		all = append(all, record.LoopTimes{Name: t.name, WallNs: wall, IOWaitNs: wait, IONs: max(0, wall-wait-queueing)})
	}
	return all
}
