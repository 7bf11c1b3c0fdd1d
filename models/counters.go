package models

import (
	"maps"
	"slices"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
)

// ThreadIO is what a thread has moved through sockets since its start; threads of
// one name, such as those of connections, are counted together. Times are 0 with
// stages off.
type ThreadIO struct {
	Name string
	IOCounts
}

// IOCounts count system calls on sockets.
type IOCounts struct {
	Receives      int64 // recv and recvmsg calls, also those that found nothing
	ReceivedBytes int64
	// ReceivingNs is the time in the calls that brought bytes; waiting for them is
	// not part of it.
	ReceivingNs int64
	Sends       int64 // send and sendfile calls
	SentBytes   int64
	SendingNs   int64 // the time in them
	// BlockedNs is the part of SendingNs that calls with file bytes slept (see
	// stage.BlockedOnDisk).
	BlockedNs int64
}

func (c IOCounts) plus(other IOCounts) IOCounts {
	c.Receives += other.Receives
	c.ReceivedBytes += other.ReceivedBytes
	c.ReceivingNs += other.ReceivingNs
	c.Sends += other.Sends
	c.SentBytes += other.SentBytes
	c.SendingNs += other.SendingNs
	c.BlockedNs += other.BlockedNs
	return c
}

// threadCounters are one thread's. It counts in own and publishes that once a turn
// or request.
type threadCounters struct {
	name   string
	own    IOCounts
	mu     poll.Mutex
	public IOCounts
	_      [64]byte // keeps two threads' off one cache line
}

func (c *threadCounters) received(bytes int, ns int64) {
	c.own.ReceivedBytes += int64(bytes)
	c.own.ReceivingNs += ns
}

func (c *threadCounters) sent(bytes int, ns int64) {
	c.own.Sends++
	c.own.SentBytes += int64(bytes)
	c.own.SendingNs += ns
}

func (c *threadCounters) publish() {
	c.mu.Lock()
	c.public = c.own
	c.mu.Unlock()
}

func (c *threadCounters) read() IOCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.public
}

func (e *env) newThreadCounters(name string) *threadCounters {
	c := new(threadCounters)
	e.count(c, name)
	return c
}

// count takes zero counters into the server's books.
func (e *env) count(c *threadCounters, name string) {
	c.name = name
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	if e.counters == nil {
		e.counters = map[*threadCounters]struct{}{}
	}
	e.counters[c] = struct{}{}
}

// endCounters keeps what a thread has counted that ends while the server goes on.
// The thread calls it.
func (e *env) endCounters(c *threadCounters) {
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	delete(e.counters, c)
	if e.pastIO == nil {
		e.pastIO = map[string]IOCounts{}
	}
	e.pastIO[c.name] = e.pastIO[c.name].plus(c.own)
}

// ThreadIO is what each thread has moved through sockets, ordered by name; threads
// that have moved nothing are left out.
func (s *Server) ThreadIO() []ThreadIO {
	e := s.env
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	byName := maps.Clone(e.pastIO)
	if byName == nil {
		byName = map[string]IOCounts{}
	}
	for c := range e.counters {
		byName[c.name] = byName[c.name].plus(c.read())
	}
	var all []ThreadIO
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if byName[name] != (IOCounts{}) {
			all = append(all, ThreadIO{name, byName[name]})
		}
	}
	return all
}

// QueueLength is how many items wait in a queue between threads.
type QueueLength struct {
	// Name is "requests" (Kafka: RequestQueueSize), "requests/POOL" of an isolated
	// class, "responses/THREAD" (ResponseQueueSize), "connections/THREAD", or "send".
	Name string
	Now  int
	// Longest is the most since the last MarkQueues.
	Longest int
}

// HandlerIdle is how long the threads of a handler pool have waited for requests
// (Kafka: RequestHandlerAvgIdlePercent).
type HandlerIdle struct {
	Name    string // of the pool: "io"
	Threads int
	IdleNs  int64 // summed over the threads, since the start
	WallNs  int64 // since the start, of one thread
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

// publishQueue makes a queue one of QueueLengths.
func (e *env) publishQueue(name string, q measuredQueue) {
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	e.queues = append(e.queues, namedQueue{name, q})
}

// QueueLengths are those of all queues between the server's threads.
func (s *Server) QueueLengths() []QueueLength {
	s.env.countersMu.Lock()
	defer s.env.countersMu.Unlock()
	lengths := make([]QueueLength, len(s.env.queues))
	for i, q := range s.env.queues {
		lengths[i].Name = q.name
		lengths[i].Now, lengths[i].Longest = q.queue.length()
	}
	return lengths
}

// MarkQueues begins a window: Longest counts from here.
func (s *Server) MarkQueues() {
	s.env.countersMu.Lock()
	defer s.env.countersMu.Unlock()
	for _, q := range s.env.queues {
		q.queue.forgetLongest()
	}
}

// HandlerIdle is how idle each handler pool was; none without one.
func (s *Server) HandlerIdle() []HandlerIdle {
	s.env.countersMu.Lock()
	defer s.env.countersMu.Unlock()
	var all []HandlerIdle
	for _, p := range s.env.pools {
		all = append(all, HandlerIdle{Name: p.name, Threads: p.threads, IdleNs: p.queue.idleNs(), WallNs: clock.Now() - p.startNs})
	}
	return all
}
