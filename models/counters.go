package models

import (
	"maps"
	"slices"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
	"c10klab/internal/record"
)

// threadCounters are one thread's. It counts in own and publishes that once a turn
// or request.
type threadCounters struct {
	own    record.ThreadIO
	mu     poll.Mutex
	public record.ThreadIO
	_      [64]byte // keeps two threads' off one cache line
}

func (c *threadCounters) received(bytes int, ns int64) {
	c.own.ReceivedBytes += int64(bytes)
	c.own.ReceiveNs += ns
}

func (c *threadCounters) sent(bytes int, ns int64) {
	c.own.SendCalls++
	c.own.SentBytes += int64(bytes)
	c.own.SendNs += ns
}

func (c *threadCounters) publish() {
	c.mu.Lock()
	c.public = c.own
	c.mu.Unlock()
}

// addTo adds what was published to the sum of the threads of one name.
func (c *threadCounters) addTo(sums map[string]record.ThreadIO) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := c.own.Name
	sum := sums[name]
	sums[name] = record.ThreadIO{
		Name:         name,
		ReceiveCalls: sum.ReceiveCalls + c.public.ReceiveCalls, ReceivedBytes: sum.ReceivedBytes + c.public.ReceivedBytes,
		ReceiveNs: sum.ReceiveNs + c.public.ReceiveNs, SendCalls: sum.SendCalls + c.public.SendCalls,
		SentBytes: sum.SentBytes + c.public.SentBytes, SendNs: sum.SendNs + c.public.SendNs,
		BlockedNs: sum.BlockedNs + c.public.BlockedNs,
	}
}

// open takes zero counters into the server's books.
func (c *threadCounters) open(e *env, name string) *threadCounters {
	c.own.Name = name
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	if e.counters == nil {
		e.counters, e.pastIO = map[*threadCounters]struct{}{}, map[string]record.ThreadIO{}
	}
	e.counters[c] = struct{}{}
	return c
}

// close keeps what a thread has counted that ends while the server goes on. The thread
// calls it.
func (c *threadCounters) close(e *env) {
	c.publish()
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	delete(e.counters, c)
	c.addTo(e.pastIO)
}

// ThreadIO is what each thread has moved through sockets, ordered by name; threads
// that have moved nothing are left out.
func (s *Server) ThreadIO() (all []record.ThreadIO) {
	e := s.env
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	byName := maps.Clone(e.pastIO)
	for c := range e.counters {
		c.addTo(byName)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if byName[name] != (record.ThreadIO{Name: name}) {
			all = append(all, byName[name])
		}
	}
	return all
}

// measuredQueue is a queue whose length the server publishes. Any thread may ask.
type measuredQueue interface {
	length() (now, longest int)
	forgetLongest()
}

type namedQueue struct {
	name  string
	queue measuredQueue
}

// publishQueue makes a queue one of QueueLengths. The thread that starts the server calls it.
func (e *env) publishQueue(name string, q measuredQueue) {
	e.queues = append(e.queues, namedQueue{name, q})
}

// QueueLengths are those of all queues between the server's threads.
func (s *Server) QueueLengths() (all []record.QueueLength) {
	for _, q := range s.env.queues {
		now, longest := q.queue.length()
		all = append(all, record.QueueLength{Name: q.name, Now: now, Longest: longest})
	}
	return all
}

// MarkQueues begins a window: Longest counts from here.
func (s *Server) MarkQueues() {
	for _, q := range s.env.queues {
		q.queue.forgetLongest()
	}
}

// HandlerIdle is how idle each handler pool was; none without one.
func (s *Server) HandlerIdle() (all []record.HandlerIdle) {
	for _, p := range s.env.pools {
		all = append(all, record.HandlerIdle{Pool: p.name, Threads: p.threads, IdleNs: p.queue.idleNs(), WallNs: clock.Now() - p.startNs})
	}
	return all
}
