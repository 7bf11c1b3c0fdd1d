package models

import (
	"fmt"

	"c10klab/internal/poll"
)

// split gives the loop a writing half, a thread that sends its connections'
// responses (on-full=split). The loop itself only reads, so it may wait for room in
// the request queue without holding up an answer.
//
// A half has an epoll and a mailbox of its own. Readability is the reading half's;
// writability the writing half's, which registers a connection only when a socket
// was full for the first time. A connection is opened and closed by the reading
// half alone.
func (l *loop) split(number int) error {
	w, err := newLoop(l.env, fmt.Sprintf("write-%d", number), l.offload)
	if err != nil {
		return err
	}
	l.writer, w.reader = w, l
	return nil
}

// sending is the loop whose thread sends this loop's responses.
func (l *loop) sending() *loop {
	if l.writer != nil {
		return l.writer
	}
	return l
}

// watch makes the writing half hear when a connection's socket is writable. If it
// is so by now, or was closed, that is an event too. The connection stays known
// until its descriptor's number is used again.
func (l *loop) watch(c *conn) {
	if c.watched {
		return
	}
	c.watched = true
	l.know(c)
	if err := l.epoll.Add(c.fd, poll.Writable|poll.Edge); err != nil {
		j := c.waiting
		c.waiting, j.hangUp = nil, err
		l.breakOff(j)
	}
}
