package models

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// looksPerIdle is how often within its time an idle connection is looked at: it is closed at
// most so much of that time late.
const looksPerIdle = 4

// openConns are all connections of a server. Any thread may call its methods; none is called
// for a request.
type openConns struct {
	mu  sync.Mutex
	all map[*conn]struct{}
}

func (o *openConns) add(c *conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[*conn]struct{}{}
	}
	o.all[c] = struct{}{}
}

func (o *openConns) remove(c *conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, c)
}

// retained are those that are open, each with a reference for the caller to release.
func (o *openConns) retained() (all []*conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.all {
		if c.retainOpen() {
			all = append(all, c)
		}
	}
	return all
}

// closeIdle closes connections on which nothing has come or gone for a time (Kafka's
// connections.max.idle.ms), until the server stops. The kernel knows when that was, so requests
// pay nothing for it. It shuts the socket down, whichever the model: the thread that reads it finds the end
// of the stream and closes it as any other.
func (e *env) closeIdle(after time.Duration) {
	ticker := time.NewTicker(max(after/looksPerIdle, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-e.stopped:
			return
		case <-ticker.C:
		}
		for _, c := range e.open.retained() {
			if idleFor(c.fd) >= after {
				e.log("connection %d from %s closed: idle for %v", c.id, c.peer, after)
				c.socket.shutdown()
			}
			c.release()
		}
	}
}

// idleFor is how long a socket has neither received nor sent anything; 0 if the kernel does
// not say.
func idleFor(fd int) time.Duration {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return time.Duration(min(info.Last_data_recv, info.Last_data_sent)) * time.Millisecond
}
