package models

import (
	"fmt"

	"c10klab/internal/stage"
)

// What a network thread does with a request that finds the request queue full
// (knob on-full).
const (
	// OnFullBlock waits for room, and with the thread everything it does: Kafka's
	// ArrayBlockingQueue.put.
	OnFullBlock = "block"
	// OnFullPause leaves the request at the queue's end, reads no further one on any
	// of the loop's connections until it has been taken in, and goes on sending.
	OnFullPause = "pause"
	// OnFullSplit waits like OnFullBlock, on a thread that only reads; another sends.
	OnFullSplit = "split"
	// OnFullShed has the service refuse the request at once; see Refuser.
	OnFullShed = "shed"
)

// Refuser is a service that on-full=shed can run.
type Refuser interface {
	// Refuse answers a request for which there is no room, in a way that tells the
	// client so. It runs on the thread that received the request and must not block.
	// Before it returns it has called exactly one of the job's Respond,
	// RespondNothing and HangUp.
	Refuse(j *Job)
}

// QueueFull counts requests that found the request queue full.
type QueueFull struct {
	Waits  int64 // a network thread waited for room
	Pauses int64 // a network thread stopped reading until there was room
	Sheds  int64 // the service refused the request
}

func (p *handlerPool) queueFull() QueueFull {
	return QueueFull{Waits: p.queue.fullWaits.Load(), Pauses: p.pauses.Load(), Sheds: p.sheds.Load()}
}

// enqueuer is how network threads hand a request to the pool. They stamp the
// attempt, so a request that has to wait for room does so in RequestQueue.
func (p *handlerPool) enqueuer() func(*Job) {
	switch p.env.config.OnFull {
	case OnFullPause:
		return p.enqueueOrPause
	case OnFullShed:
		return p.enqueueOrShed
	}
	return p.enqueue
}

// prepare readies a job for other threads to have it.
func (p *handlerPool) prepare(j *Job) {
	p.env.plant.In(stage.Dispatch)
	j.stamp(stage.EnqueueStart)
	j.leave()
}

// offer puts a job into the queue if there is room. With wakes in turns no handler is
// woken for it before the loop's wakeHandlers, or before the queue is full.
func (p *handlerPool) offer(j *Job) bool {
	if !p.env.wakesInTurns {
		return p.queue.offer(j)
	}
	if p.queue.offerUnwoken(j) {
		return true
	}
	p.queue.wakeDue()
	return false
}

// enqueue waits on a full queue, and with it everything that the calling network
// thread does.
func (p *handlerPool) enqueue(j *Job) {
	p.prepare(j)
	if !p.offer(j) {
		times := &j.conn.loop.times
		times.putBegins()
		p.queue.put(j)
		times.putEnds()
	}
}

// enqueueOrPause leaves a request that finds the queue full to the queue, which
// takes it in when its turn comes and then wakes the loop.
func (p *handlerPool) enqueueOrPause(j *Job) {
	p.prepare(j)
	if p.offer(j) {
		return
	}
	l := j.conn.loop
	if !p.queue.offerOrWait(j, l.requestTaken) {
		p.pauses.Add(1)
		l.hold.on = true
	}
}

// enqueueOrShed has the service refuse a request that finds the queue full.
func (p *handlerPool) enqueueOrShed(j *Job) {
	p.prepare(j)
	if p.offer(j) {
		return
	}
	p.sheds.Add(1)
	j.stamps[stage.Dequeued] = j.stamps[stage.EnqueueStart]
	j.inHandler, j.refused = true, true
	p.env.service.(Refuser).Refuse(j)
}

// checkRefuser reports whether the service can run with on-full=shed.
func checkRefuser(c Config, service Service) error {
	if _, can := service.(Refuser); c.OnFull == OnFullShed && !can {
		return fmt.Errorf("knob on-full: shed needs a service that can refuse requests, which %T cannot", service)
	}
	return nil
}

// hold is a loop's pause: while it is on, no connection of the loop is read.
type hold struct {
	on    bool
	conns []*conn // that had something to read meanwhile, in order
}

// holds keeps a connection for later if the loop reads nothing now.
func (l *loop) holds(c *conn) bool {
	if !l.hold.on {
		return false
	}
	c.readable.Store(true)
	if !c.queued {
		c.queued = true
		l.hold.conns = append(l.hold.conns, c)
	}
	return true
}

// requestTaken tells the loop that the queue took in the request it waited with.
// The handler thread that made room calls it.
func (l *loop) requestTaken() {
	l.mail.mu.Lock()
	l.mail.resumed = true
	l.mail.mu.Unlock()
	l.mailed()
}

// resume reads again, the connections that waited first.
func (l *loop) resume() {
	l.hold.on = false
	l.ready = append(l.ready, l.hold.conns...)
	clear(l.hold.conns)
	l.hold.conns = l.hold.conns[:0]
}
