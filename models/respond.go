package models

import (
	"fmt"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
	"c10klab/internal/stage"
)

// respond takes a complete response: on the loop's own thread, which is inside a
// handler, it is sent in this turn; from other threads it goes to the response queue,
// unless handlers write.
func (l *loop) respond(j *Job) {
	switch {
	case !j.inHandler:
		l.sender.on.post(message{kind: responseReady, job: j})
	case l.handlers == nil:
		l.sender.answerInTurn(j)
	case j.refused: // on the loop's own thread too
		l.sender.answer(j, 0)
	case l.env.writtenByHandler(j):
		j.handler.answer(j)
	default:
		l.sender.on.post(message{kind: responseReady, job: j})
	}
}

// returned takes back a job from a thread that sent for the loop.
func (l *loop) returned(j *Job, status sendStatus) {
	l.sender.on.post(message{kind: jobReturned, job: j, status: status})
}

// sender sends the responses of a loop's connections, each connection's in the order of
// its requests, on one thread: the loop's own, or that of its writing half. Methods are
// that thread's.
type sender struct {
	env       *env
	loop      *loop
	on        *poller      // of the thread that sends
	half      *writingHalf // that has the sender; nil: the loop has
	offload   offloader    // nil: this thread sends file bytes itself
	transmit  transmitter
	using     *Send      // strategy of the newest response; nil: none yet, or it never changes
	residency *residency // nil unless the strategy probes, or one that the server may switch to
	pending   pendingWrites
}

// sendState is what a sender keeps with each connection.
type sendState struct {
	writable   bool // the socket became so since the last send call that may have filled it
	registered bool // with the writing half's epoll
	waiting    *Job // response to go on with when the socket is writable
}

// newSender makes a loop's sender, with on-full=split on a thread of its own: write-N.
func newSender(l *loop, number int, counters *threadCounters, offload offloader) (*sender, error) {
	e := l.env
	s := &sender{env: e, loop: l, on: &l.poller, offload: offload, residency: e.newResidency()}
	if e.config.OnFull == OnFullSplit {
		name := fmt.Sprintf("write-%d", number)
		s.half = &writingHalf{sender: s}
		s.half.times.open(e, name)
		s.on, counters = &s.half.poller, new(threadCounters).open(e, name)
		if err := s.half.open(e, name); err != nil {
			return nil, err
		}
	}
	s.transmit = e.newTurnTransmitter(counters)
	e.atExit(nil, s.transmit.close)
	return s, nil
}

// answer offers a complete response to its connection's order and sends it when
// its turn has come. The thread took it at takenNs; 0: now.
func (s *sender) answer(j *Job, takenNs int64) {
	switch j.conn.order.offer(j) {
	case mySend:
		j.reachAt(stage.ResponseDequeued, takenNs)
		s.sendFrom(j)
	case dropped:
		j.free()
	}
}

// onMessage takes a response from the response queue, or a job back from another thread.
func (s *sender) onMessage(m message) {
	j := m.job
	switch c := j.conn; {
	case m.kind == responseReady:
		s.answer(j, 0)
	case c.dead.Load():
		j.free()
	case m.status == sentAll:
		s.sendFrom(s.sent(j))
	case m.status == sendYield, m.status == sendAgain && c.sending.writable:
		s.sendFrom(j)
	case m.status == sendAgain:
		s.awaitWritable(j)
	case m.status == sendFailed:
		s.breakOff(j)
	}
}

// onWritable goes on with the response that waits for the socket; false: none does.
func (s *sender) onWritable(c *conn) bool {
	c.sending.writable = true
	j := c.sending.waiting
	if j == nil {
		return false
	}
	c.sending.waiting = nil
	s.sendFrom(j)
	return true
}

// sendFrom sends a response that has the turn, and those behind it that are
// complete, until one has to wait or goes to another thread.
func (s *sender) sendFrom(j *Job) {
	s.on.assertOnThread()
	for j != nil && s.sendOne(j) {
		if j.response.afterSent == nil {
			j.reachAtOnce(stage.Reaped)
		}
		j = s.sent(j)
	}
}

// sendOne reports whether the response was sent to its last byte by now.
func (s *sender) sendOne(j *Job) bool {
	c := j.conn
	j.reach(stage.ResponseDequeued)
	if j.silent {
		j.skipSending()
		return true
	}
	here := s.sendsItself(j)
	if j.hangUp != nil {
		s.breakOff(j)
		return false
	}
	c.sending.writable = false
	if j.response.hasRegions() && s.half == nil {
		s.loop.wakeHandlers() // the send may block
	}
	if !here {
		j.leave()
		s.offload.submit(j)
		return false
	}
	if !s.probes() { // which takes time
		j.reachAtOnce(stage.FirstWrite)
	}
	switch s.sendHere(j) {
	case sentAll:
		return true
	case sendAgain:
		s.awaitWritable(j)
	case sendYield:
		j.leave() // the mailbox has it, where the connection's end does not look
		s.loop.returned(j, sendYield)
	case sendFailed:
		s.breakOff(j)
	}
	return false
}

// sendsItself reports whether this thread sends the response, or the next chunk of
// its file bytes. A file that cannot be asked ends the connection (Job.hangUp).
func (s *sender) sendsItself(j *Job) bool {
	if s.offload == nil {
		return true
	}
	if using := s.env.inUse.Load().send; using != s.using {
		s.using = using
		s.transmit.bound(s.env, using)
	}
	if s.using.offload == nil || !j.response.hasRegions() {
		return true
	}
	if !s.probes() || j.hangUp != nil {
		return false
	}
	hot, err := s.residency.hot(j)
	j.hangUp = err
	return hot
}

// probes reports whether the newest response's file bytes are asked about before they are sent.
func (s *sender) probes() bool { return s.residency != nil && s.using.probes }

// sendHere sends on this thread until the response is sent or the socket is
// full; where network threads send only chunks that the page cache holds, until one
// is not held, or after one chunk if a turn is bounded.
func (s *sender) sendHere(j *Job) sendStatus {
	if !s.probes() {
		return s.transmit.send(j)
	}
	for {
		s.transmit.capBytes = s.residency.chunk
		s.transmit.blocked.skips = !s.env.recordsBlocked() && s.residency.unwatched()
		status := s.transmit.send(j)
		s.residency.sent(s.transmit.blocked.ns)
		if status != sendYield || s.env.config.SendsPerTurn > 0 || !s.sendsItself(j) {
			return status
		}
		s.transmit.blocked.follows = true
	}
}

// awaitWritable keeps a response until the socket has room.
func (s *sender) awaitWritable(j *Job) {
	j.conn.sending.waiting = j
	if s.half != nil {
		s.half.register(j.conn)
	}
}

// breakOff closes the connection of a job that cannot be answered (Job.hangUp).
func (s *sender) breakOff(j *Job) {
	failed := message{kind: jobFailed, job: j}
	if s.half != nil {
		s.loop.post(failed)
		return
	}
	s.loop.onMessage(failed)
}

// sent ends a job and returns the connection's next response if it is complete.
func (s *sender) sent(j *Job) *Job {
	if s.half != nil {
		return endElsewhere(j, s.on.thread.Index)
	}
	c := j.conn
	j.announce()
	next := c.order.advance()
	c.endedHere++
	if j.response.mutedUntilNs != 0 {
		s.loop.muted.mute(c, j.response.mutedUntilNs)
	}
	s.env.finish(j, s.on.thread.Index)
	j.freeHere()
	if c.reading.readable.Load() || c.input.ended || c.reading.failure != nil || s.env.stopping.Load() {
		s.loop.ready.add(c)
	}
	return next
}

// endElsewhere ends a job on another thread than its loop's, which hears of it only when
// the connection may have more to read. It returns the connection's next response if it
// is complete. Thread is the calling thread's number.
func endElsewhere(j *Job, thread int) *Job {
	c := j.conn
	j.announce()
	next := c.order.advance()
	if j.response.mutedUntilNs != 0 {
		c.env.finish(j, thread)
		c.loop.post(message{kind: jobEnded, job: j})
		return next
	}
	c.endedElsewhere.Add(1)
	if c.reading.readable.Load() || c.env.stopping.Load() {
		c.retain()
		c.loop.post(message{kind: connReadable, conn: c})
	}
	c.env.finish(j, thread)
	j.free()
	return next
}

// writingHalf is a thread that sends the responses of a loop's connections
// (on-full=split). The loop itself then only reads, so it may wait for room in the request
// queue without holding up an answer. A connection is opened and closed by the loop alone.
type writingHalf struct {
	poller
	sender *sender
	conns  connTable
	times  loopTimes
}

func (w *writingHalf) turn() {
	if w.hasMail() {
		for _, m := range w.mail.take() {
			w.sender.onMessage(m)
		}
	}
	w.thread.AboutToBlock()
	w.times.pollBegins()
	n := w.await(false, w.env.config.PollTimeout)
	w.times.pollEnds()
	for i := range n {
		if fd := w.epoll.Event(i).FD; fd == w.wake.FD() {
			w.wake.Clear()
		} else {
			w.sender.onWritable(w.conns[fd])
		}
	}
	w.sender.transmit.counters.publish()
}

// register makes the half hear when a connection's socket is writable. If it
// is so by now, or was closed, that is an event too. The connection stays in the table
// until its descriptor's number is used again.
func (w *writingHalf) register(c *conn) {
	if c.sending.registered {
		return
	}
	c.sending.registered = true
	w.conns.put(c)
	if err := w.epoll.Add(c.fd, poll.Writable|poll.Edge); err != nil {
		j := c.sending.waiting
		c.sending.waiting, j.hangUp = nil, err
		w.sender.breakOff(j)
	}
}

// cheapRequestNs bounds what a request may cost a loop on average for its response
// to wait until the turn ends.
const cheapRequestNs = 20_000

// pendingWrites holds the responses of requests that the loop handled in this turn. Like
// Redis (handleClientsWithPendingWrites) a loop first reads and handles what is
// ready, then sends, which keeps each part's instructions in the CPU's caches.
// A response never waits there behind a sendfile, and only in a turn that follows
// one of cheap requests.
type pendingWrites struct {
	jobs      []*Job
	gathering bool
	cheap     bool // the newest turn of several requests was
	startNs   int64
	expected  int
}

// gather begins the part of a turn that reads and handles, with the number of
// connections that are ready.
func (s *sender) gather(ready int) {
	p := &s.pending
	if p.expected = ready; ready < 2 || s.loop.handlers != nil {
		return
	}
	p.gathering = p.cheap
	p.startNs = clock.Now()
}

// flush ends it: it sends what was gathered.
func (s *sender) flush() {
	p := &s.pending
	if p.expected < 2 || s.loop.handlers != nil {
		return
	}
	p.gathering = false
	s.sendPending()
	p.cheap = clock.Now()-p.startNs < int64(p.expected)*cheapRequestNs
}

// sendPending sends what was gathered so far. Each is taken when the last was sent.
func (s *sender) sendPending() {
	p := &s.pending
	s.transmit.endNs = 0
	for i, j := range p.jobs {
		p.jobs[i] = nil
		s.answer(j, s.transmit.endNs)
	}
	p.jobs = p.jobs[:0]
}

// answerInTurn sends the response to a request that this loop handles: at once or
// when the turn ends. One with file bytes first lets those go that were complete
// before it.
func (s *sender) answerInTurn(j *Job) {
	p := &s.pending
	switch {
	case !p.gathering:
		s.answer(j, j.stamps[stage.ResponseComplete]) // there is no queue
	case j.response.hasRegions():
		s.sendPending()
		s.answer(j, 0)
	default:
		p.jobs = append(p.jobs, j)
		s.loop.justNow = instant(j.stamps[stage.ResponseComplete])
	}
}

// sequencer lets a connection's responses out in request order. A response that
// is not the next is parked; whoever sends the next goes on with the parked ones
// behind it. No thread ever waits for order. Any thread may call it.
type sequencer struct {
	single  bool // one request in flight at most, so that there is nothing to put in order
	mu      poll.Mutex
	head    uint64 // sequence of the response to send next
	sending bool   // somebody has the turn
	closed  bool
	parked  *Job // by ascending sequence
}

type turn int

const (
	mySend  turn = iota // the caller sends the response now
	parked              // somebody else will
	dropped             // the connection is gone; the caller still owns the job
)

// offer hands in a complete response.
func (s *sequencer) offer(j *Job) turn {
	if s.single {
		if j.conn.dead.Load() {
			return dropped
		}
		return mySend
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return dropped
	}
	if j.sequence == s.head && !s.sending {
		s.sending = true
		return mySend
	}
	place := &s.parked
	for *place != nil && (*place).sequence < j.sequence {
		place = &(*place).next
	}
	j.next, *place = *place, j
	return parked
}

// advance ends the turn of the response just sent and returns the next one if
// it is complete; then the caller has that one's turn.
func (s *sequencer) advance() *Job {
	if s.single {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head++
	j := s.parked
	if s.closed || j == nil || j.sequence != s.head {
		s.sending = false
		return nil
	}
	s.parked, j.next = j.next, nil
	return j
}

// close refuses further responses and returns the parked ones, linked by next.
func (s *sequencer) close() *Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	list := s.parked
	s.parked = nil
	return list
}
