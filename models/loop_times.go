package models

import (
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/record"
)

const (
	lagsTogether = 64                            // turns' lags that a loop gathers before it records them
	publishEvery = int64(100 * time.Millisecond) // bounds how old the published times of a busy loop are
)

// loopTimes measures a loop with two clock reads a turn. The loop's thread uses it.
type loopTimes struct {
	on   bool
	hint int // the thread's number, for recorders
	env  *env
	name string

	startNs, pollNs, turnNs int64 // when the loop, the last poll, the last turn began
	waitedNs                int64 // in polls
	blockedNs               int64 // waiting for room in the request queue
	publishedNs             int64
	lags                    [lagsTogether]int64
	gathered                int

	// What other threads see: the time since the start, waitedNs and blockedNs.
	publicWallNs, publicWaitedNs, publicBlockedNs atomic.Int64
}

// open makes zero times one of LoopTimes, if stages are on.
func (t *loopTimes) open(e *env, name string) {
	t.env, t.name, t.on = e, name, e.stages != nil
	if t.on {
		e.loopTimes = append(e.loopTimes, t)
	}
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

func (t *loopTimes) publish() {
	t.env.stages.Lags(t.hint, t.lags[:t.gathered])
	t.gathered = 0
	t.publishedNs = t.pollNs
	t.publicWallNs.Store(t.pollNs - t.startNs)
	t.publicWaitedNs.Store(t.waitedNs)
	t.publicBlockedNs.Store(t.blockedNs)
}

// LoopTimes is what each network thread did with its time, as of its newest turns;
// none where there are no such threads or stages are off.
func (s *Server) LoopTimes() (all []record.LoopTimes) {
	for _, t := range s.env.loopTimes {
		wall, waited, blocked := t.publicWallNs.Load(), t.publicWaitedNs.Load(), t.publicBlockedNs.Load()
		all = append(all, record.LoopTimes{Name: t.name, WallNs: wall, IOWaitNs: waited, IONs: max(0, wall-waited-blocked)})
	}
	return all
}
