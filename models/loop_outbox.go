package models

import (
	"c10klab/internal/clock"
	"c10klab/internal/stage"
)

// cheapRequestNs bounds what a request may cost a loop on average for its response
// to wait until the turn ends.
const cheapRequestNs = 20_000

// outbox holds the responses of requests that the loop handled in this turn. Like
// Redis (handleClientsWithPendingWrites) a loop first reads and handles what is
// ready, then sends, which keeps each part's instructions in the CPU's caches.
// A response never waits there behind a sendfile, and only in a turn that follows
// one of cheap requests.
type outbox struct {
	jobs      []*Job
	gathering bool
	cheap     bool // the newest turn of several requests was
	startNs   int64
	expected  int
}

// gather begins the part of a turn that reads and handles, with the number of
// connections that are ready.
func (l *loop) gather(ready int) {
	o := &l.outbox
	if o.expected = ready; ready < 2 || !l.inline {
		return
	}
	o.gathering = o.cheap
	o.startNs = clock.Now()
}

// flush ends it: it sends what was gathered.
func (l *loop) flush() {
	o := &l.outbox
	if o.expected < 2 || !l.inline {
		return
	}
	o.gathering = false
	l.sendGathered()
	o.cheap = clock.Now()-o.startNs < int64(o.expected)*cheapRequestNs
}

func (l *loop) sendGathered() {
	o, alone := &l.outbox, !l.env.plant.Planted(stage.ResponseQueue) && l.env.config.InFlight == 1
	l.receiver.freshNs, l.transmit.sentNs = 0, 0
	for i, j := range o.jobs {
		o.jobs[i] = nil
		if alone {
			j.stamps[stage.ResponseDequeued] = l.transmit.sentNs // taken when the last was sent; 0: not known
		}
		l.answer(j)
	}
	o.jobs = o.jobs[:0]
}

// answerInTurn sends the response to a request that this loop handles: at once or
// when the turn ends. One with file bytes first lets those go that were complete
// before it.
func (l *loop) answerInTurn(j *Job) {
	o := &l.outbox
	switch {
	case !o.gathering:
		if !l.env.plant.Planted(stage.ResponseQueue) && l.env.config.InFlight == 1 {
			j.stamps[stage.ResponseDequeued] = j.stamps[stage.ResponseComplete] // there is no queue
		}
		l.answer(j)
	case j.response.hasRegions():
		l.sendGathered()
		l.answer(j)
	default:
		o.jobs = append(o.jobs, j)
		l.receiver.freshNs = j.stamps[stage.ResponseComplete]
	}
}
