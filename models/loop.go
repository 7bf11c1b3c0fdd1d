package models

import (
	"fmt"
	"sync/atomic"

	"c10klab/internal/osthread"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// eventsPerWait is how many ready descriptors one epoll_wait reports.
const eventsPerWait = 256

// loop is one network thread: epoll, the connections it owns, and the queues by
// which other threads reach it. A turn goes as in Kafka's Processor: new
// connections, finished responses, poll, receives.
//
// Connections are registered once, edge-triggered in both directions; a muted
// connection is simply not read, so no request costs an epoll_ctl.
type loop struct {
	env    *env
	name   string
	thread *osthread.Thread
	epoll  *poll.Epoll
	wake   *poll.Eventfd
	// process takes over a complete request: it handles it or queues it.
	process func(j *Job)
	// writer sends for this loop, which only reads, and reader is the other way
	// round (on-full=split); nil where one thread does both.
	writer, reader *loop
	// inline: requests are handled on this thread.
	inline   bool
	handlers *handlers // that process queues for; nil: inline
	yields   bool      // handlers were woken since the last poll
	// listener is set where the loop accepts for itself.
	listener       *listener
	newConnections *queue[accepted]
	offload        offloader // nil: the loop sends file bytes itself

	mail     mailbox
	sleeping atomic.Bool
	ending   atomic.Bool
	draining chan struct{} // closed once the loop will adopt no more connections

	conns     []*conn // by descriptor
	count     atomic.Int64
	spares    spares
	hold      hold
	throttled throttleHeap
	ready     []*conn // to read, in order
	wasReady  []*conn // its memory in the turn before
	lingering []*conn
	receiver  receiver
	transmit  transmitter
	residency *residency // nil unless the strategy probes
	times     loopTimes
	outbox    outbox
}

// loopState is what a loop keeps with each connection. Fields without a comment
// belong to the loop's thread.
type loopState struct {
	loop *loop
	// readable: the socket or the input may hold something to read. Any thread
	// reads it after it ended a request, to decide whether to tell the loop.
	readable     atomic.Bool
	queued       bool  // in loop.ready
	halfShut     bool  // the peer has shut down its sending side
	mutedUntilNs int64 // read nothing before; 0: not muted (Response.MuteFor)
	// What the thread that sends keeps:
	writable bool // an edge came since the sending side was last given away
	watched  bool // registered with a writing half's epoll
	waiting  *Job // response to go on with when the socket is writable
	// And again what the reading one does:
	failure  error
	lingerTo int64 // CLOCK_MONOTONIC nanoseconds; 0: not lingering
}

// awaitsEdge reports that epoll will tell when the socket has more, so that an
// emptied one need not be asked. The end of the stream is told only once.
func (s *loopState) awaitsEdge() bool { return s.loop != nil && !s.halfShut }

func newLoop(e *env, name string, offload offloader) (*loop, error) {
	counters := e.newThreadCounters(name)
	l := &loop{
		env: e, name: name, offload: offload,
		newConnections: newQueue[accepted](e.config.ConnectionQueue),
		draining:       make(chan struct{}),
		receiver:       e.newReceiver(counters, make([]byte, scratchBytes)),
		transmit:       e.newTurnTransmitter(counters),
		residency:      e.newResidency(),
		times:          e.newLoopTimes(name),
	}
	e.tellOf("responses/"+name, &l.mail)
	e.tellOf("connections/"+name, l.newConnections)
	var err error
	if l.epoll, err = poll.NewEpoll(eventsPerWait); err != nil {
		return nil, err
	}
	e.atExit(nil, l.release)
	if l.wake, err = poll.NewEventfd(); err != nil {
		return nil, err
	}
	e.atExit(l.exit, func() { l.wake.Close() })
	return l, l.epoll.Add(l.wake.FD(), poll.Readable)
}

// start runs the loop on its thread.
func (l *loop) start() error {
	return l.env.threads.Start(l.name, func(t *osthread.Thread) {
		l.thread = t
		l.transmit.blocked.hint, l.times.hint = t.Index, t.Index
		defer l.transmit.close()
		for !l.ending.Load() {
			l.turn()
		}
	})
}

func (l *loop) turn() {
	if l.mail.waiting.Load() {
		l.mail.waiting.Store(false)
		l.takeConnections()
		l.takeMail()
	}
	l.thread.AboutToBlock()
	l.times.pollBegins()
	n, err := l.await()
	l.times.pollEnds()
	l.receiver.freshNs = l.times.turnNs
	if err != nil {
		l.env.log("%s: %v", l.name, err)
	}
	if len(l.throttled) > 0 {
		l.unmuteExpired()
	}
	l.gather(n + len(l.ready))
	for i := range n {
		l.onEvent(l.epoll.Event(i))
	}
	l.readReady()
	l.wakeHandlers()
	l.flush()
	l.transmit.counters.publish()
	if l.env.stopping.Load() && l.reader == nil {
		l.drainTurn()
	}
}

// wakeHandlers wakes the handlers that are due for the requests queued so far in this
// turn.
func (l *loop) wakeHandlers() {
	if l.handlers != nil && l.handlers.wakeDue() {
		l.yields = true
	}
}

// await returns ready descriptors; it sleeps only when nothing else is to do.
//
// It lets handlers that it has woken run first. On one CPU that keeps switches few: a
// loop that slept at once would take their place with the next request to arrive.
func (l *loop) await() (int, error) {
	if l.yields {
		l.yields = false
		poll.Yield()
	}
	n, err := l.epoll.Poll()
	if n > 0 || err != nil || len(l.ready) > 0 {
		return n, err
	}
	l.sleeping.Store(true)
	defer l.sleeping.Store(false)
	if l.mail.waiting.Load() {
		return 0, nil
	}
	timeout := l.env.config.PollTimeout
	if len(l.lingering) > 0 {
		timeout = min(timeout, lingerPoll)
	}
	if len(l.throttled) > 0 {
		timeout = min(timeout, l.untilUnmute())
	}
	return l.epoll.Wait(timeout)
}

func (l *loop) onEvent(event poll.Event) {
	switch {
	case event.FD == l.wake.FD():
		l.wake.Clear()
		return
	case l.listener != nil && event.FD == l.listener.fd:
		l.acceptReady()
		l.receiver.freshNs = 0
		return
	}
	c := l.conns[event.FD]
	if c == nil {
		return
	}
	if l.reader != nil {
		l.onWritable(c)
		return
	}
	if event.Flags&(poll.Failed|poll.HungUp) != 0 {
		l.kill(c, nil)
		return
	}
	if event.Flags&poll.Writable != 0 {
		l.onWritable(c)
	}
	if event.Flags&(poll.Readable|poll.HalfClosed) != 0 {
		c.halfShut = c.halfShut || event.Flags&poll.HalfClosed != 0
		c.input.drained = false // also where it is not read now: this edge is told once
		if !c.queued {
			l.readOne(c)
		}
	}
}

// onWritable goes on with the response that waits for the socket.
func (l *loop) onWritable(c *conn) {
	c.writable = true
	if j := c.waiting; j != nil {
		c.waiting = nil
		l.sendFrom(j)
	}
}

func (l *loop) wakeUp() {
	if l.sleeping.Load() {
		l.wake.Wake()
	}
}

// exit ends the loop's thread.
func (l *loop) exit() {
	l.ending.Store(true)
	l.poke()
}

// release gives back what is left when all threads have ended.
func (l *loop) release() {
	l.epoll.Close()
	for a, ok := l.newConnections.poll(); ok; a, ok = l.newConnections.poll() {
		unix.Close(a.fd)
	}
}

// poke makes the loop take a turn.
func (l *loop) poke() {
	l.mail.waiting.Store(true)
	l.wake.Wake()
}

func loopName(i int) string { return fmt.Sprintf("net-%d", i) }
