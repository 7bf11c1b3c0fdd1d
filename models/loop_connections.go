package models

import (
	"fmt"

	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// connectionsPerTurn is how many new connections a loop takes in one turn
// (Kafka: connectionQueueSize of Processor.configureNewConnections).
const connectionsPerTurn = 20

// listenOn makes the loop accept connections itself. Call it before start.
func (l *loop) listenOn(socket *listener) error {
	if err := unix.SetNonblock(socket.fd, true); err != nil {
		return fmt.Errorf("make the listening socket non-blocking: %w", err)
	}
	l.listener = socket
	return l.epoll.Add(socket.fd, poll.Readable)
}

// stopListening refuses connections; the loop does not accept any more once it
// has seen env.stopping.
func (l *loop) stopListening() {
	l.listener.stop()
	if err := l.epoll.Remove(l.listener.fd); err != nil {
		l.env.log("%s: %v", l.name, err)
	}
}

// acceptReady accepts what waits on the loop's own listener.
func (l *loop) acceptReady() {
	for range connectionsPerTurn {
		if l.env.stopping.Load() {
			return
		}
		a, err := l.listener.accept(unix.SOCK_NONBLOCK, l.env)
		if err == unix.EAGAIN {
			return
		}
		if err != nil {
			l.env.reportAccept(err)
			return
		}
		l.adopt(a)
	}
}

func (l *loop) takeConnections() {
	for range connectionsPerTurn {
		a, ok := l.newConnections.poll()
		if !ok {
			return
		}
		if l.env.stopping.Load() {
			unix.Close(a.fd)
			continue
		}
		l.adopt(a)
	}
	l.mail.waiting.Store(true) // there may be more
}

// assign puts a new connection into the loop's queue if there is room, or waits
// for room. The acceptor's thread calls it.
func (l *loop) assign(a accepted, wait bool) bool {
	if !l.newConnections.offer(a) {
		if !wait {
			return false
		}
		l.newConnections.put(a)
	}
	l.mail.waiting.Store(true)
	l.wakeUp()
	return true
}

// adopt makes the loop the owner of a connection.
func (l *loop) adopt(a accepted) {
	c := l.env.open(nonBlockingSocket{descriptor{a.fd}}, a.fd, a.peer, l, &l.spares)
	c.loop = l
	l.know(c)
	l.count.Add(1)
	events := uint32(poll.Readable | poll.HalfClosed | poll.Edge)
	if l.writer == nil {
		events |= poll.Writable
	}
	if err := l.epoll.Add(a.fd, events); err != nil {
		l.kill(c, err)
	}
}

// know lets events of the connection's descriptor find it.
func (l *loop) know(c *conn) {
	for c.fd >= len(l.conns) {
		l.conns = append(l.conns, make([]*conn, max(64, len(l.conns)))...)
	}
	l.conns[c.fd] = c
}

// kill closes a connection of the loop. A response that waited for writability
// ends with it; those on other threads come back and are dropped then.
func (l *loop) kill(c *conn, reason error) {
	if c.dead.Load() {
		return
	}
	l.receiver.freshNs = 0
	if err := l.epoll.Remove(c.fd); err != nil && reason == nil {
		reason = err
	}
	l.conns[c.fd] = nil
	l.count.Add(-1)
	if l.writer != nil {
		c.kill(reason) // the shutdown wakes the writing half, which frees what waits
		return
	}
	waiting := c.waiting
	c.waiting = nil
	c.kill(reason)
	if waiting != nil {
		waiting.free()
	}
}
