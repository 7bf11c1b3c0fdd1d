package models

import (
	"fmt"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// loop is one network thread: the connections that it accepts or gets, reads and closes,
// and the sender of their responses. A turn goes as in Kafka's Processor: new connections,
// messages from other threads (finished responses), poll, receives.
//
// Methods are the loop's own thread's; any thread may call respond, returned, assign and
// what the poller allows.
type loop struct {
	poller
	// process takes over a complete request: it handles it or queues it.
	process        func(j *Job)
	handlers       *handlers // that process queues for; nil: requests are handled on this thread
	yields         bool      // handlers were woken since the last poll
	sender         *sender   // of the connections' responses
	listener       *listener // where the loop accepts for itself; else nil
	acceptAtNs     int64     // when it is looked at again, CLOCK_MONOTONIC; 0: it is
	newConnections *queue[accepted]
	closing        chan struct{} // closed once the loop will adopt no more connections

	conns     connTable
	count     atomic.Int64 // of connections
	jobs      freeJobs
	receiver  receiver
	justNow   instant // since the poll's end, or since the last request was handled
	ready     readyList
	paused    pause
	times     loopTimes
	muted     mutedConns
	lingering []*conn // which wait for their peer to take the last bytes
}

func newLoop(e *env, number int, process func(*Job), handlers *handlers, offload offloader) (*loop, error) {
	name := fmt.Sprintf("net-%d", number)
	counters := new(threadCounters).open(e, name)
	l := &loop{
		process: process, handlers: handlers,
		newConnections: newQueue[accepted](e.config.ConnectionQueue),
		closing:        make(chan struct{}),
		receiver:       e.newReceiver(counters, make([]byte, scratchBytes)),
	}
	e.atExit(nil, l.closeNewConnections)
	l.times.open(e, name)
	if err := l.open(e, name); err != nil {
		return nil, err
	}
	var err error
	if l.sender, err = newSender(l, number, counters, offload); err != nil {
		return nil, err
	}
	e.loops = append(e.loops, l)
	e.publishQueue("responses/"+l.sender.on.name, &l.sender.on.mail)
	e.publishQueue("connections/"+name, l.newConnections)
	return l, nil
}

func (l *loop) start() error {
	sending := &l.sender.transmit.blocked.hint
	if h := l.sender.half; h != nil {
		if err := h.start(h.turn, sending, &h.times.hint); err != nil {
			return err
		}
		return l.poller.start(l.turn, &l.times.hint)
	}
	return l.poller.start(l.turn, sending, &l.times.hint)
}

func (l *loop) turn() {
	if l.hasMail() {
		l.takeConnections()
		for _, m := range l.mail.take() {
			l.onMessage(m)
		}
	}
	n := l.pollOnce()
	if len(l.muted) > 0 {
		l.muted.expire(&l.ready)
	}
	l.sender.gather(n + len(l.ready.conns))
	for i := range n {
		l.onEvent(l.epoll.Event(i))
	}
	l.readReady()
	l.wakeHandlers()
	l.sender.flush()
	l.receiver.counters.publish()
	if l.env.stopping.Load() {
		l.drainTurn()
	}
}

// pollOnce returns the number of ready descriptors; it sleeps only when nothing else is to
// do. It lets handlers that it has woken run first (knob handler-wake).
func (l *loop) pollOnce() int {
	l.thread.AboutToBlock()
	l.times.pollBegins()
	if l.yields {
		l.yields = false
		poll.Yield()
	}
	timeout := l.env.config.PollTimeout
	if l.acceptAtNs != 0 {
		if left := time.Duration(l.acceptAtNs - clock.Now()); left > 0 {
			timeout = min(timeout, left)
		} else {
			l.acceptAtNs = 0
			l.watchListener(poll.Readable)
		}
	}
	if len(l.lingering) > 0 {
		timeout = min(timeout, lingerPoll)
	}
	if len(l.muted) > 0 {
		timeout = min(timeout, l.muted.untilFirst())
	}
	n := l.await(len(l.ready.conns) > 0, timeout)
	l.justNow = l.times.pollEnds()
	return n
}

// wakeHandlers wakes the handlers that are due for the requests queued so far in this turn.
func (l *loop) wakeHandlers() {
	if l.handlers != nil && l.handlers.wakeDue() {
		l.yields = true
	}
}

// onMessage does what another thread asks for.
func (l *loop) onMessage(m message) {
	switch m.kind {
	case responseReady, jobReturned:
		l.sender.onMessage(m)
	case jobEnded:
		if c := m.job.conn; !c.dead.Load() {
			l.muted.mute(c, m.job.response.mutedUntilNs)
			c.endedHere++
		}
		m.job.free()
	case jobFailed:
		l.kill(m.job.conn, m.job.hangUp)
		m.job.free()
	case connReadable:
		l.ready.add(m.conn)
		m.conn.release()
	case roomInQueue:
		l.paused.end(&l.ready)
	}
}

func (l *loop) onEvent(event poll.Event) {
	switch {
	case event.FD == l.wake.FD():
		l.wake.Clear()
		return
	case l.listener != nil && event.FD == l.listener.fd:
		l.acceptReady()
		l.justNow.drop()
		return
	}
	c := l.conns[event.FD]
	if c == nil { // it was closed in this turn
		return
	}
	// What the peer sent before it reset the connection or hung up is still there, and a thread
	// of the connection's own would read it; the error comes behind it.
	gone := event.Flags&(poll.Failed|poll.HungUp) != 0
	if gone {
		c.gone.Store(true)
	}
	if event.Flags&poll.Writable != 0 && l.sender.onWritable(c) {
		l.justNow.drop()
	}
	if gone || event.Flags&(poll.Readable|poll.HalfClosed) != 0 {
		l.onReadable(c, gone || event.Flags&poll.HalfClosed != 0)
	}
}

// kill closes a connection of the loop. A response that waited for writability
// ends with it; those on other threads come back and are dropped then.
func (l *loop) kill(c *conn, reason error) {
	l.assertOnThread()
	if c.dead.Load() {
		return
	}
	l.justNow.drop()
	if err := l.epoll.Remove(c.fd); err != nil && reason == nil {
		reason = err
	}
	l.conns[c.fd] = nil
	l.count.Add(-1)
	if l.sender.half != nil {
		c.kill(reason) // the shutdown wakes the writing half, which frees what waits
		return
	}
	waiting := c.sending.waiting
	c.sending.waiting = nil
	c.kill(reason)
	if waiting != nil {
		waiting.free()
	}
}

// closeNewConnections closes those that the loop will never adopt.
func (l *loop) closeNewConnections() {
	for a, ok := l.newConnections.poll(); ok; a, ok = l.newConnections.poll() {
		unix.Close(a.fd)
	}
}
