package models

import "c10klab/internal/clock"

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

// measuredQueue is a queue whose length is told. Any thread may ask.
type measuredQueue interface {
	length() (now, longest int)
	forgetLongest()
}

// namedQueue is one that the server tells of.
type namedQueue struct {
	name  string
	queue measuredQueue
}

func (e *env) tellOf(name string, q measuredQueue) {
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	e.queues = append(e.queues, namedQueue{name, q})
}

// tellOfPool tells of a handler pool and its request queue.
func (e *env) tellOfPool(p *handlerPool) {
	name := "requests"
	if p.name != sharedHandlers {
		name += "/" + p.name
	}
	e.tellOf(name, p.queue)
	e.countersMu.Lock()
	defer e.countersMu.Unlock()
	e.pools = append(e.pools, p)
}

// QueueLengths tells of all queues between the server's threads.
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

// HandlerIdle tells how idle each handler pool was; none without one.
func (s *Server) HandlerIdle() []HandlerIdle {
	s.env.countersMu.Lock()
	defer s.env.countersMu.Unlock()
	var all []HandlerIdle
	for _, p := range s.env.pools {
		all = append(all, HandlerIdle{Name: p.name, Threads: p.threads, IdleNs: p.queue.idleNs(), WallNs: clock.Now() - p.startNs})
	}
	return all
}

func (q *queue[T]) length() (now, longest int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count + len(q.overflow), q.longest
}

func (q *queue[T]) forgetLongest() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.longest = q.count + len(q.overflow)
}

func (m *mailbox) length() (now, longest int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.responses), m.longest
}

func (m *mailbox) forgetLongest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.longest = len(m.responses)
}

// sleepers integrates the number of sleeping threads over time. Its owner's lock
// guards it.
type sleepers struct {
	n       int64
	sinceNs int64
	areaNs  int64 // thread-nanoseconds up to sinceNs
}

func (s *sleepers) add(delta int64) {
	nowNs := clock.Now()
	s.areaNs += s.n * (nowNs - s.sinceNs)
	s.n += delta
	s.sinceNs = nowNs
}

// idleNs is how long takers have slept, those that sleep now included.
func (q *queue[T]) idleNs() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idle.add(0)
	return q.idle.areaNs
}
