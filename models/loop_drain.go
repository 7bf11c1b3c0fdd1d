package models

import (
	"time"

	"c10klab/internal/clock"
)

const (
	// lingerFor bounds the wait for a peer to take the last bytes at a stop.
	lingerFor = time.Second
	// lingerPoll is how often that is looked at.
	lingerPoll = 5 * time.Millisecond
)

// drainTurn answers what was taken, then closes, at a stop.
func (l *loop) drainTurn() {
	for _, c := range l.conns {
		switch {
		case c == nil:
		case l.env.aborting.Load():
			l.kill(c, nil)
		default:
			l.settle(c)
		}
	}
	l.lingering = l.stillLingering()
	select {
	case <-l.draining:
	default:
		close(l.draining)
	}
}

// settle closes a connection that owes no answer and will get no further
// request. At a stop the peer gets time to take the last bytes.
func (l *loop) settle(c *conn) {
	if c.inFlight() > 0 || c.lingerTo != 0 {
		return
	}
	switch {
	case c.failure != nil:
		l.kill(c, c.failure)
	case c.input.ended:
		l.kill(c, nil)
	case l.env.stopping.Load():
		c.lingerTo = clock.Now() + int64(lingerFor)
		c.socket.shutdownSending()
		l.lingering = append(l.lingering, c)
	}
}

func (l *loop) stillLingering() []*conn {
	still := l.lingering[:0]
	for _, c := range l.lingering {
		switch {
		case c.dead.Load():
		case unsentBytes(c.fd) == 0 || clock.Now() > c.lingerTo:
			l.kill(c, nil)
		default:
			still = append(still, c)
		}
	}
	return still
}
