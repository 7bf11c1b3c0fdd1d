package models

// markReady puts a connection on the list of those to read in this turn or the
// next, for what an event will not tell again.
func (l *loop) markReady(c *conn) {
	if !c.queued && !c.dead.Load() {
		c.queued = true
		l.ready = append(l.ready, c)
	}
}

// readReady takes at most one request from each connection on the list, so that
// none can starve the others.
func (l *loop) readReady() {
	batch := l.ready
	l.ready = l.wasReady[:0]
	for i, c := range batch {
		batch[i] = nil
		c.queued = false
		l.readOne(c)
	}
	l.wasReady = batch[:0]
}

// readOne takes a request from a connection if it has one and may have another in
// flight. It leaves readable set whenever there is more to do than it did, before it
// looks at what is in flight: the thread that ends a request looks the other way
// round, so one of the two sees the other.
func (l *loop) readOne(c *conn) {
	if c.dead.Load() {
		return
	}
	if c.failure != nil || c.input.ended || l.env.stopping.Load() {
		c.readable.Store(true)
		l.settle(c)
		return
	}
	if l.muted(c) || l.throttles(c) || l.holds(c) {
		return
	}
	j, err := c.input.next(c, &l.receiver)
	switch {
	case j != nil:
		c.admit(j)
		l.noteRest(c)
		l.receiver.freshNs = 0 // which a frame received with an earlier one has not used
		l.process(j)
	case err == nil && !c.input.ended:
		c.drained()
	default:
		c.failure = err
		c.readable.Store(true)
		l.settle(c)
	}
}

// muted reports whether the connection has all requests in flight that it may.
func (l *loop) muted(c *conn) bool {
	limit := int32(l.env.config.InFlight)
	if c.inFlight() < limit {
		return false
	}
	c.readable.Store(true)
	return c.inFlight() >= limit
}

// noteRest notes whether there may be more to read after the request just taken.
func (l *loop) noteRest(c *conn) {
	if c.input.drained && !c.halfShut && !c.input.hasPending() {
		c.drained()
		return
	}
	c.readable.Store(true)
	l.markReady(c)
}

// drained notes that there is nothing to read until the next edge. Mostly that is
// noted already, and an atomic load is cheaper than a store.
func (s *loopState) drained() {
	if s.readable.Load() {
		s.readable.Store(false)
	}
}
