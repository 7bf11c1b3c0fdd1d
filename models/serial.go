package models

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"c10klab/internal/poll"
	"c10klab/internal/stage"
)

// completion is where a serial connection's finished requests return to, and where its
// executor waits for them.
type completion interface {
	home
	// wait returns once respond was called for the request under way.
	wait()
}

// serial is a connection whose requests are received, handled and answered one
// after the other by an executor of its own: a thread or a goroutine.
type serial struct {
	env     *env
	conn    *conn
	thread  int // hint for recorders
	waiting completion
	// wake makes a receive in progress return, at a stop.
	wake func()
	// unsent is what the kernel still holds of the answers.
	unsent   func() int
	receiver receiver
	transmit transmitter
}

// serve runs until the connection ends or the server stops.
func (s *serial) serve() {
	c := s.conn
	for !s.env.stopping.Load() && !c.dead.Load() {
		j, err := c.input.next(c, &s.receiver)
		if err != nil {
			c.kill(err)
			return
		}
		if c.input.ended {
			break
		}
		if j != nil {
			s.serveOne(j)
		}
	}
	s.linger()
	c.kill(nil)
}

func (s *serial) serveOne(j *Job) {
	c := s.conn
	c.admit(j)
	s.env.handleHere(j)
	s.waiting.wait()
	s.env.plant.In(stage.ResponseQueue)
	j.stamp(stage.ResponseDequeued)
	switch {
	case j.hangUp != nil:
		c.kill(j.hangUp)
		j.free()
		return
	case j.silent:
		j.skipSending()
	case s.transmit.send(j) != sentAll:
		c.kill(j.hangUp)
		j.free()
		return
	}
	s.transmit.counters.publish()
	j.announce()
	c.endedHere++
	s.env.finish(j, s.thread)
	untilNs := j.response.mutedUntilNs
	j.freeHere()
	if untilNs != 0 {
		s.waitMuted(untilNs)
	}
}

// linger lets the peer take the last answers before the descriptor closes.
func (s *serial) linger() {
	if s.conn.dead.Load() || s.conn.input.ended {
		return
	}
	s.conn.socket.shutdownSending()
	for deadline := time.Now().Add(lingerFor); s.unsent() > 0 && time.Now().Before(deadline) && !s.env.aborting.Load(); {
		time.Sleep(lingerPoll)
	}
}

// serials are the live serial connections of a model.
type serials struct {
	mu   poll.Mutex
	live map[*serial]struct{}
}

func (s *serials) add(one *serial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		s.live = map[*serial]struct{}{}
	}
	s.live[one] = struct{}{}
}

func (s *serials) remove(one *serial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, one)
}

// drain wakes those that wait for a request; when aborting, those that send, too.
// Those that wake must take themselves off the books, so the lock is not held
// meanwhile. The newest go first: the Go runtime finds a thread that ends by a search
// which begins there, and with ten thousand of them that takes seconds.
func (s *serials) drain(aborting bool) {
	for _, one := range s.newestFirst() {
		if !one.conn.retainOpen() {
			continue
		}
		one.wake()
		if aborting {
			one.conn.socket.shutdown()
		}
		one.conn.release()
	}
}

func (s *serials) newestFirst() []*serial {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.live))
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *serial) int { return cmp.Compare(b.conn.id, a.conn.id) })
	return all
}

func (s *serials) connectionsByLoop() []int { return nil }
func (s *serials) queueFull() QueueFull     { return QueueFull{} }
