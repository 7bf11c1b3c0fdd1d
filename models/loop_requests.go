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
	l.ready = l.spare[:0]
	for i, c := range batch {
		batch[i] = nil
		c.queued = false
		l.readOne(c)
	}
	l.spare = batch[:0]
}

func (l *loop) readOne(c *conn) {
	if c.dead.Load() {
		return
	}
	if c.failure != nil || c.input.ended || l.env.stopping.Load() {
		l.settle(c)
		return
	}
	if int(c.inFlight.Load()) >= l.env.config.InFlight {
		return // muted; readable stays set, and who ends a request looks at it
	}
	j, err := c.input.next(c, l.receiver)
	switch {
	case err != nil:
		c.failure = err
		l.settle(c)
	case j == nil && c.input.ended:
		l.settle(c)
	case j == nil:
		c.readable.Store(false)
	default:
		c.admit(j)
		if c.input.drained && !c.halfShut && !c.input.hasPending() {
			c.readable.Store(false)
		} else {
			l.markReady(c)
		}
		l.process(j)
	}
}
