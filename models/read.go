package models

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
)

// readState is what a loop keeps of reading a connection. All but readable is its thread's.
type readState struct {
	// readable: the socket or the input may hold something to read. Any thread
	// reads it after it ended a request, to decide whether to tell the loop.
	readable     atomic.Bool
	queued       bool  // in loop.ready or loop.paused
	halfShut     bool  // the peer has shut down its sending side
	mutedUntilNs int64 // read nothing before; 0: not muted (Response.MuteFor)
	failure      error // close the connection for it, once it owes no answer
	lingerTo     int64 // CLOCK_MONOTONIC nanoseconds; 0: not lingering
}

// onReadable reads a connection that epoll says something new of.
func (l *loop) onReadable(c *conn, halfShut bool) {
	c.reading.halfShut = c.reading.halfShut || halfShut
	c.input.drained = false // also where it is not read now: this event comes once
	if !c.reading.queued {
		l.readOne(c)
	}
}

// readReady takes at most one request from each connection on the list, so that
// none can starve the others.
func (l *loop) readReady() {
	batch := l.ready.take()
	for i, c := range batch {
		batch[i] = nil
		c.reading.queued = false
		l.readOne(c)
	}
}

// readOne takes a request from a connection if it has one and may have another in
// flight.
//
// A connection that is not read now, or has more to read, is left with readable set: the
// thread that ends a request then tells the loop. That thread first counts the request as
// ended and then looks at readable; the loop first sets readable and then looks at what is
// in flight. So one of the two sees the other, and no request is left unread.
func (l *loop) readOne(c *conn) {
	l.assertOnThread()
	if c.dead.Load() {
		return
	}
	r := &c.reading
	if r.failure != nil || c.input.ended || l.env.stopping.Load() {
		r.readable.Store(true)
		l.closeIfDone(c)
		return
	}
	if l.atLimit(c) {
		return
	}
	if r.mutedUntilNs != 0 {
		r.readable.Store(true)
		return
	}
	if l.paused.on {
		r.readable.Store(true)
		l.paused.add(c)
		return
	}
	l.receiver.began = instant(l.justNow.take())
	j, err := c.input.next(c, &l.receiver)
	switch {
	case j != nil:
		c.admit(j)
		l.noteRest(c)
		l.process(j)
	case err == nil && c.input.starved && c.gone.Load():
		l.kill(c, nil) // its end would not be read before there is memory
	case err == nil && !c.input.ended:
		r.noteDrained()
	default:
		r.failure = err
		r.readable.Store(true)
		l.closeIfDone(c)
	}
}

// admit gives a complete frame its place among the connection's requests.
func (c *conn) admit(j *Job) {
	j.sequence = c.sequence
	c.sequence++
	c.started++
	j.class = c.env.service.Classify(j.frame)
	c.env.stages.Received(j.class)
	j.sample()
}

// atLimit reports whether the connection has all requests in flight that it may.
func (l *loop) atLimit(c *conn) bool {
	limit := int32(l.env.config.InFlight)
	if c.inFlight() < limit {
		return false
	}
	c.reading.readable.Store(true)
	return c.inFlight() >= limit
}

// noteRest notes whether there may be more to read after the request just taken.
func (l *loop) noteRest(c *conn) {
	if c.input.drained && !c.reading.halfShut && len(c.input.pending) == 0 {
		c.reading.noteDrained()
		return
	}
	c.reading.readable.Store(true)
	l.ready.add(c)
}

// noteDrained notes that there is nothing to read until the next event. Mostly that is
// noted already, and an atomic load is cheaper than a store.
func (r *readState) noteDrained() {
	if r.readable.Load() {
		r.readable.Store(false)
	}
}

// readyList are connections to read in this turn or the next, for what an event will not
// tell again. Each is on it once.
type readyList struct {
	conns []*conn
	taken []*conn // the memory of those of the turn before
}

func (r *readyList) add(c *conn) {
	if !c.reading.queued && !c.dead.Load() {
		c.reading.queued = true
		r.conns = append(r.conns, c)
	}
}

// take empties the list. What it returns is valid until the next call.
func (r *readyList) take() []*conn {
	r.conns, r.taken = r.taken[:0], r.conns
	return r.taken
}

// pause is that of a loop whose request waits for room in the request queue
// (on-full=pause): while it is on, no connection of the loop is read.
type pause struct {
	on        bool
	readyList // had something to read meanwhile
}

// end has the connections read again, those that waited first.
func (p *pause) end(ready *readyList) {
	p.on = false
	ready.conns = append(ready.conns, p.conns...)
	clear(p.conns)
	p.conns = p.conns[:0]
}

// muteEnd is when a loop reads a connection again.
type muteEnd struct {
	atNs int64 // CLOCK_MONOTONIC
	conn *conn
}

// mutedConns are a loop's muted connections, the first to be read again in front.
type mutedConns []muteEnd

// mute stops reading a connection until an instant. Of two such requests the later
// instant counts.
func (m *mutedConns) mute(c *conn, untilNs int64) {
	c.reading.mutedUntilNs = max(c.reading.mutedUntilNs, untilNs)
	at, _ := slices.BinarySearchFunc(*m, untilNs, func(e muteEnd, ns int64) int { return cmp.Compare(e.atNs, ns) })
	*m = slices.Insert(*m, at, muteEnd{untilNs, c})
}

// expire has those connections read again whose time is over.
func (m *mutedConns) expire(ready *readyList) {
	now, over := clock.Now(), 0
	for ; over < len(*m) && (*m)[over].atNs <= now; over++ {
		if c := (*m)[over].conn; c.reading.mutedUntilNs <= now {
			c.reading.mutedUntilNs = 0
			ready.add(c)
		}
	}
	*m = slices.Delete(*m, 0, over)
}

// untilFirst is how long the loop may sleep without missing an end.
func (m mutedConns) untilFirst() time.Duration {
	return max(0, time.Duration(m[0].atNs-clock.Now()))
}

const (
	lingerFor  = time.Second          // at most, for a peer to take the last bytes at a stop
	lingerPoll = 5 * time.Millisecond // how often that is looked at
)

// closeIfDone closes a connection that owes no answer and will get no further
// request. At a stop the peer gets time to take the last bytes.
func (l *loop) closeIfDone(c *conn) {
	r := &c.reading
	if c.inFlight() > 0 || r.lingerTo != 0 {
		return
	}
	switch {
	case r.failure != nil:
		l.kill(c, r.failure)
	case c.input.ended || c.gone.Load() && l.env.stopping.Load():
		l.kill(c, nil)
	case l.env.stopping.Load():
		r.lingerTo = clock.Now() + int64(lingerFor)
		c.socket.shutdownSending()
		l.lingering = append(l.lingering, c)
	}
}

// drainTurn answers what was taken, then closes, at a stop.
func (l *loop) drainTurn() {
	for _, c := range l.conns {
		switch {
		case c == nil:
		case l.env.aborting.Load():
			l.kill(c, nil)
		default:
			l.closeIfDone(c)
		}
	}
	l.lingering = slices.DeleteFunc(l.lingering, func(c *conn) bool {
		if !c.dead.Load() && (c.gone.Load() || c.socket.unsent() == 0 || clock.Now() > c.reading.lingerTo) {
			l.kill(c, nil)
		}
		return c.dead.Load()
	})
	select {
	case <-l.closing:
	default:
		close(l.closing)
	}
}
