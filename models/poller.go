package models

import (
	"sync/atomic"
	"time"

	"c10klab/internal/osthread"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// eventsPerWait is how many ready descriptors one epoll_wait reports.
const eventsPerWait = 256

// poller is a thread that waits in epoll and that other threads reach by its mailbox: a
// loop, the writing half of one, or a selector. Its methods are its own thread's, but for
// post, notify and exit, which any thread may call.
type poller struct {
	env    *env
	name   string
	thread *osthread.Thread
	epoll  *poll.Epoll
	wake   *poll.Eventfd

	mail     mailbox
	sleeping atomic.Bool
	ending   atomic.Bool
}

// message is what one thread tells a poller.
type message struct {
	kind   messageKind
	status sendStatus // of jobReturned
	job    *Job       // of the first four kinds, which move its ownership
	conn   *conn      // of connReadable, with a reference
}

type messageKind uint8

const (
	responseReady messageKind = iota // complete, not yet offered to its connection's order
	jobReturned                      // another thread has sent from it
	jobEnded                         // sent and recorded on another thread; its connection is to be muted
	jobFailed                        // sending it failed on the writing half (Job.hangUp); its connection is to be closed
	connReadable                     // has something to read, and one request under way less
	roomInQueue                      // the request that the loop paused with is in the request queue
)

// mailbox holds messages in the order in which they came. The responses among them are the
// response queue (Kafka: Processor.responseQueue).
type mailbox struct {
	waiting   atomic.Bool // there may be messages, or a new connection
	mu        poll.Mutex
	messages  []message
	spare     []message // the memory of those taken last
	responses int       // among messages
	longest   int       // most responses since forgetLongest
}

func (m *mailbox) put(one message) {
	m.mu.Lock()
	m.messages = append(m.messages, one)
	if one.kind == responseReady {
		m.responses++
		m.longest = max(m.longest, m.responses)
	}
	m.mu.Unlock()
}

// take returns what there is, valid until the next call.
func (m *mailbox) take() []message {
	clear(m.spare)
	m.mu.Lock()
	taken := m.messages
	m.messages, m.spare, m.responses = m.spare[:0], taken, 0
	m.mu.Unlock()
	return taken
}

// length and forgetLongest make the response queue one of QueueLengths.
func (m *mailbox) length() (now, longest int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.responses, m.longest
}

func (m *mailbox) forgetLongest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.longest = m.responses
}

// open makes what the thread waits in; the server's exit ends the thread and closes it.
func (p *poller) open(e *env, name string) (err error) {
	p.env, p.name = e, name
	if p.epoll, err = poll.NewEpoll(eventsPerWait); err != nil {
		return err
	}
	e.atExit(nil, func() { p.epoll.Close() })
	if p.wake, err = poll.NewEventfd(); err != nil {
		return err
	}
	e.atExit(p.exit, func() { p.wake.Close() })
	return p.epoll.Add(p.wake.FD(), poll.Readable)
}

// start runs the thread, which takes turns until exit. The hints for recorders get the
// thread's number before.
func (p *poller) start(turn func(), hints ...*int) error {
	return p.env.threads.Start(p.name, func(t *osthread.Thread) {
		p.thread = t
		for _, hint := range hints {
			*hint = t.Index
		}
		for !p.ending.Load() {
			turn()
		}
	})
}

// await returns the number of ready descriptors. Unless there is other work it sleeps, at
// most for the timeout.
func (p *poller) await(work bool, timeout time.Duration) int {
	n, err := p.epoll.Poll()
	if n == 0 && err == nil && !work {
		p.sleeping.Store(true)
		if !p.mail.waiting.Load() {
			n, err = p.epoll.Wait(timeout)
		}
		p.sleeping.Store(false)
	}
	if err != nil {
		p.env.log("%s: %v", p.name, err)
	}
	return n
}

// post leaves a message. What the message moves is the poller's from here on.
func (p *poller) post(one message) {
	p.mail.put(one)
	p.notify()
}

// notify says that there is a message or a new connection.
func (p *poller) notify() {
	p.mail.waiting.Store(true)
	if p.sleeping.Load() {
		p.wake.Wake()
	}
}

// hasMail reports whether there may be messages or new connections, and takes note of
// those there are.
func (p *poller) hasMail() bool {
	if !p.mail.waiting.Load() {
		return false
	}
	p.mail.waiting.Store(false)
	return true
}

// interrupt makes the thread take a turn without sleep.
func (p *poller) interrupt() {
	p.mail.waiting.Store(true)
	p.wake.Wake()
}

// exit ends the thread.
func (p *poller) exit() {
	p.ending.Store(true)
	p.interrupt()
}

// assertsThreads has methods that belong to one thread check that they run on it. Tests
// set it, before any server starts.
var assertsThreads bool

// assertOnThread panics in tests if the caller is not the poller's thread.
func (p *poller) assertOnThread() {
	if assertsThreads {
		p.mustBeHere()
	}
}

func (p *poller) mustBeHere() {
	if p.thread.TID != unix.Gettid() {
		panic("called on another thread than " + p.name)
	}
}

// connTable finds connections by descriptor.
type connTable []*conn

func (t *connTable) put(c *conn) {
	for c.fd >= len(*t) {
		*t = append(*t, make([]*conn, max(64, len(*t)))...)
	}
	(*t)[c.fd] = c
}
