package models

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
	"c10klab/internal/stage"
)

// completion is the owner of an executor's connection, where its finished requests return
// to and the executor waits for them.
type completion interface {
	owner
	// wait returns once respond was called for the request under way.
	wait()
}

// executor receives, handles and answers the requests of one connection one after the
// other: a thread or a goroutine, which may wait for the socket, the handler and the
// response. Its methods are its own.
type executor struct {
	env      *env
	conn     *conn
	thread   int // hint for recorders
	waiting  completion
	receiver receiver
	transmit transmitter
}

// neverAway is for owners whose connections no other thread sends for.
type neverAway struct{}

func (neverAway) returned(*Job, sendStatus) {
	panic("a job came back from a send thread to a connection that has none")
}

// serve runs until the connection ends or the server stops. Where the socket does not
// wait, it returns true when there is nothing to read for now; the same thread or another
// calls it again when there is.
func (x *executor) serve() (goesOn bool) {
	c := x.conn
	for !x.env.stopping.Load() && !c.dead.Load() {
		j, err := c.input.next(c, &x.receiver)
		if err != nil {
			c.kill(err)
			return false
		}
		if c.input.ended {
			break
		}
		if j != nil {
			x.serveOne(j)
		} else if !c.manner.waits {
			return true
		}
	}
	x.linger()
	c.kill(nil)
	return false
}

func (x *executor) serveOne(j *Job) {
	c := x.conn
	c.admit(j)
	x.env.handleHere(j)
	x.waiting.wait()
	j.reach(stage.ResponseDequeued)
	if j.silent {
		j.skipSending()
	} else if j.hangUp != nil || x.transmit.send(j) != sentAll {
		c.kill(j.hangUp)
		j.free()
		return
	}
	x.transmit.counters.publish()
	j.announce()
	c.endedHere++
	x.env.finish(j, x.thread)
	untilNs := j.response.mutedUntilNs
	j.freeHere()
	if untilNs != 0 {
		x.waitMuted(untilNs)
	}
}

// waitMuted waits until the instant before which nothing more is read, or the server's
// stop.
func (x *executor) waitMuted(untilNs int64) {
	select {
	case <-time.After(time.Duration(untilNs - clock.Now())):
	case <-x.env.stopped:
	}
}

// linger lets the peer take the last answers before the descriptor closes.
func (x *executor) linger() {
	if x.conn.dead.Load() || x.conn.input.ended {
		return
	}
	x.conn.socket.shutdownSending()
	for deadline := time.Now().Add(lingerFor); x.conn.socket.unsent() > 0 && time.Now().Before(deadline) && !x.env.aborting.Load(); {
		time.Sleep(lingerPoll)
	}
}

// executors are those of a model that live.
type executors struct {
	env  *env
	mu   poll.Mutex
	live map[*executor]struct{}
}

func (s *executors) add(one *executor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		s.live = map[*executor]struct{}{}
	}
	s.live[one] = struct{}{}
}

func (s *executors) remove(one *executor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, one)
}

// drain wakes those that wait for a request; when aborting, those that send, too. The
// newest go first: the Go runtime finds a thread that ends by a search which begins there,
// and with ten thousand of them that takes seconds.
func (s *executors) drain() {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.live))
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *executor) int { return cmp.Compare(b.conn.id, a.conn.id) })
	for _, one := range all {
		if !one.conn.retainOpen() {
			continue
		}
		one.conn.socket.stopReceiving()
		if s.env.aborting.Load() {
			one.conn.socket.shutdown()
		}
		one.conn.release()
	}
}
