package loadgen

import (
	"errors"
	"fmt"

	"c10klab/internal/poll"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

// request is one request on its way, with its stamps.
type request struct {
	judge.Request
	size    int32 // index into load.sizes
	sampled bool
}

// connection is one producer. Its pair's sender offers requests as they fall due
// and its pair's receiver brings answers and room for more bytes; what both
// touch is under mu, held over a send but never while waiting. A request that
// may not be sent waits here, and whoever makes room sends it at once.
type connection struct {
	stream
	load   *load
	frames []*framePool // by size
	index  int
	own    *judge.Tally // the receiver's

	mu             poll.Mutex
	out            outgoing
	inFlight       ring[request]
	waiting        ring[request]
	refused        []request // answered with another leader, and to be sent again
	lastID         int32
	answers        int64 // in the window
	blockedSinceNs int64 // when the connection became unable to send; 0: it can
}

func newConnection(l *load, frames []*framePool, own *judge.Tally, fd, index int) *connection {
	c := &connection{load: l, frames: frames, own: own, index: index}
	c.lastID = int32(index+1) - c.idStride()
	c.stream = stream{fd: fd, name: fmt.Sprintf("producer %d", index), maxAnswerBytes: l.protocol.maxAnswerBytes(), deliver: c.answered, proceed: c.proceed}
	return c
}

// offer takes a request that has fallen due; the sender calls it.
func (c *connection) offer(dueNs int64, size int, t *judge.Tally) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	plannedNs := dueNs
	if !c.load.cfg.Closed {
		batchBytes, _ := c.load.sizes[size].batch()
		t.Offer(dueNs, batchBytes)
	} else if c.load.window.Begun() {
		dueNs = c.load.system.now() // only the plan knows of due times: a closed loop begins when the sender gets to it
	}
	c.enter(request{Request: judge.Request{DueNs: dueNs, AttemptedNs: c.load.attemptedAt(c.blockedSinceNs, dueNs)}, size: int32(size)}, plannedNs, t)
	if err := c.pump(t); err != nil {
		return c.broken(err)
	}
	return nil
}

// enter takes in a request that is due, for a trace at plannedNs. Its caller holds mu.
func (c *connection) enter(r request, plannedNs int64, t *judge.Tally) {
	c.load.outstanding.Add(1)
	t.InFlight(1, r.DueNs)
	c.load.record(t, plan.OfProducers, plannedNs, r.size)
	c.waiting.push(r)
}

// answered takes one answer; the receiver calls it.
func (c *connection) answered(payload []byte, nowNs int64) error {
	a, err := c.load.protocol.parse(c.index, payload)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.take(a.id)
	if err != nil {
		return err
	}
	if moved(a.errorCode) && c.load.reconnects() {
		c.refused = append(c.refused, r)
		return errMoved
	}
	c.complete(&r, nowNs, a.errorCode, c.own)
	c.sample(&r, a, nowNs)
	if c.load.cfg.Closed && c.load.window.Begun() && !c.load.window.Over(nowNs) {
		c.enter(request{Request: judge.Request{DueNs: nowNs, AttemptedNs: nowNs}}, nowNs, c.own)
	}
	return nil
}

var errUnasked = errors.New("an answer without a request")

// take removes the oldest request in flight, which must be the one answered.
func (c *connection) take(id int32) (request, error) {
	if c.inFlight.len() == 0 {
		return request{}, fmt.Errorf("%w: correlation id %d", errUnasked, id)
	}
	if oldest := c.inFlight.at(0); oldest.ID != id {
		return request{}, fmt.Errorf("answer with correlation id %d, next is %d", id, oldest.ID)
	} else if oldest.LastByteNs == 0 {
		return request{}, fmt.Errorf("%w: correlation id %d was answered before its last byte was sent", errUnasked, id)
	}
	return c.inFlight.pop(), nil
}

// proceed sends what answers have made room for; the receiver calls it.
func (c *connection) proceed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pump(c.own)
}

// writable continues a send; the receiver calls it.
func (c *connection) writable() error {
	if err := c.proceed(); err != nil {
		return c.broken(err)
	}
	return nil
}

// pump sends what may be sent. Its caller holds mu.
func (c *connection) pump(t *judge.Tally) error {
	for !c.down {
		if err := c.flush(t); err != nil {
			return err
		}
		if c.out.buffer != nil || !c.mayBegin() {
			c.block()
			return nil
		}
		if c.waiting.len() == 0 {
			c.blockedSinceNs = 0
			return nil
		}
		c.fill()
	}
	return nil
}

// block notes that the connection cannot send since it began its youngest request.
func (c *connection) block() {
	if c.blockedSinceNs == 0 {
		c.blockedSinceNs = c.inFlight.at(c.inFlight.len() - 1).AttemptedNs
	}
}

// idStride lies between the correlation ids of a connection, so that no two share one.
func (c *connection) idStride() int32 { return int32(max(1, c.load.cfg.Producers)) }

func (c *connection) complete(r *request, nowNs int64, errorCode int16, t *judge.Tally) {
	l := c.load
	batchBytes, records := l.sizes[r.size].batch()
	t.Complete(&r.Request, nowNs, errorCode, batchBytes, records)
	if errorCode == 0 && l.window.Contains(r.DueNs) {
		l.ackedDue.Add(1)
	}
	if l.window.Contains(nowNs) {
		c.answers++
	}
	l.answers.Add(1)
	l.outstanding.Add(-1)
	t.InFlight(-1, nowNs)
}

// sample keeps a request that is due in the window, if it is sampled.
func (c *connection) sample(r *request, a answer, nowNs int64) {
	if r.sampled && a.errorCode == 0 && c.load.window.Contains(r.DueNs) {
		c.own.Samples.Put(judge.Sample{Request: r.Request, ArrivedNs: c.arrivedNs, AnsweredNs: nowNs})
	}
}

// unanswered calls fn for every request without an answer. All threads must have ended.
func (c *connection) unanswered(fn func(*request)) {
	for _, queue := range []*ring[request]{&c.inFlight, &c.waiting} {
		for i := range queue.len() {
			fn(queue.at(i))
		}
	}
}

// ring is a queue that grows by doubling and never shrinks, so it allocates nothing once it
// has been as long as it gets. The zero ring is empty.
type ring[T any] struct {
	slots []T
	head  int
	n     int
}

func (r *ring[T]) len() int { return r.n }

// at returns the i-th oldest element; the pointer is good until the next push.
func (r *ring[T]) at(i int) *T { return &r.slots[(r.head+i)&(len(r.slots)-1)] }

func (r *ring[T]) push(v T) {
	if r.n == len(r.slots) {
		r.grow()
	}
	r.n++
	*r.at(r.n - 1) = v
}

func (r *ring[T]) pop() T {
	v := *r.at(0)
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	return v
}

func (r *ring[T]) grow() {
	slots := make([]T, max(1, 2*len(r.slots)))
	for i := range r.n {
		slots[i] = *r.at(i)
	}
	r.slots, r.head = slots, 0
}
