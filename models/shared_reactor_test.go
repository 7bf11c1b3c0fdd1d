package models

import (
	"fmt"
	"sync/atomic"
	"testing"

	"c10klab/internal/osthread"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// sharedReactor is a model that is no loop: several threads wait in one epoll, and
// whichever hears of a connection reads, handles and answers. It shows that such a model
// takes a page, too.
var sharedReactor = Model{
	Name:    "shared-reactor",
	Accepts: "acceptor", Reads: "net-N", Handles: "net-N", Writes: "net-N",
	Hides:   "a wait for one of the threads in SocketQueue",
	threads: []threadGroup{{"acceptor", oneThread}, {"net", perLoop}},
	fits:    onePerConnection,
	start: func(e *env, l *listener) (running, error) {
		m := &sharedReactors{executors: executors{env: e}, byFD: map[int]*executor{}}
		var err error
		if m.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return nil, err
		}
		e.atExit(nil, func() { unix.Close(m.epoll) })
		if m.wake, err = poll.NewEventfd(); err != nil {
			return nil, err
		}
		e.atExit(m.exit, func() { m.wake.Close() })
		if err := m.watch(unix.EPOLL_CTL_ADD, m.wake.FD(), poll.Readable); err != nil {
			return nil, err
		}
		for i := range e.config.Loops {
			if err := e.threads.Start(fmt.Sprintf("net-%d", i), m.run); err != nil {
				return nil, err
			}
		}
		m.acceptor, err = startAcceptor(e, l, 0, m.open)
		return m, err
	},
}

type sharedReactors struct {
	executors
	acceptor *acceptor
	epoll    int // descriptor
	wake     *poll.Eventfd
	ending   atomic.Bool
	mu       poll.Mutex // orders what one thread did to a connection before what the next does
	byFD     map[int]*executor
}

func (m *sharedReactors) stopAccepting() { m.acceptor.stop() }

func (m *sharedReactors) watch(op, fd int, events uint32) error {
	return unix.EpollCtl(m.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (m *sharedReactors) exit() {
	m.ending.Store(true)
	m.wake.Wake() // and it is never cleared, so all threads see it
}

// readySocket is read when epoll says so, and waits to send.
type readySocket struct{ rawSocket }

func (s readySocket) receive(r *receiver, p []byte) (int, int64, unix.Errno) {
	return rawSocket{fd: s.fd}.receive(r, p)
}

const readableOnce = poll.Readable | poll.OneShot

func (m *sharedReactors) open(a accepted) {
	waiting, counters := new(futexCompletion), new(threadCounters).open(m.env, "conn")
	x := &executor{
		env: m.env, waiting: waiting,
		conn:     new(conn).open(m.env, readySocket{rawSocket{a.fd, true}}, a.fd, a.peer, waiting, manner{lockStep: true}, new(freeJobs)),
		receiver: m.env.newReceiver(counters, make([]byte, scratchBytes)),
		transmit: m.env.newTransmitter(counters),
	}
	m.add(x)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byFD[a.fd] = x
	if err := m.watch(unix.EPOLL_CTL_ADD, a.fd, readableOnce); err != nil {
		m.remove(x)
		x.conn.kill(err)
	}
}

func (m *sharedReactors) run(t *osthread.Thread) {
	var event [1]unix.EpollEvent
	for !m.ending.Load() {
		n, err := unix.EpollWait(m.epoll, event[:], int(m.env.config.PollTimeout.Milliseconds()))
		if err != nil && err != unix.EINTR {
			m.env.log("%s: %v", t.Name, err)
		}
		if fd := int(event[0].Fd); n > 0 && fd != m.wake.FD() {
			m.onReadable(t, fd)
		}
	}
}

func (m *sharedReactors) onReadable(t *osthread.Thread, fd int) {
	m.mu.Lock()
	x := m.byFD[fd]
	m.mu.Unlock()
	x.thread = t.Index
	goesOn := x.serve()
	m.mu.Lock()
	defer m.mu.Unlock()
	if goesOn {
		if err := m.watch(unix.EPOLL_CTL_MOD, fd, readableOnce); err == nil {
			return
		}
		x.conn.kill(nil)
	}
	m.remove(x)
	x.receiver.counters.close(m.env)
	if m.byFD[fd] == x { // else the descriptor's number is another connection's by now
		delete(m.byFD, fd)
	}
}

// A model that is no loop passes the suite that all models pass.
func TestModelThatIsNoLoop(t *testing.T) {
	all := registry
	registry = append(all[:len(all):len(all)], sharedReactor)
	defer func() { registry = all }()
	for _, c := range []struct {
		name string
		test func(t *testing.T, b *bench)
	}{
		{"order", func(t *testing.T, b *bench) { mix(b, b.dial(), 20) }}, {"stuck reader", testStuckReader}, {"half close", testHalfClose},
		{"reset", testReset}, {"hang up", testHangUp}, {"silent", testSilent}, {"mute", testMute}, {"callbacks", testCallbackOrder},
		{"full queue", testFullQueue}, {"stop under load", testStopUnderLoad}, {"leaks", testLeaks}, {"census", testCensus},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := defaultConfig(t)
			config.Model = sharedReactor.Name
			c.test(t, startBench(t, config))
		})
	}
	if err := Check(Config{Model: sharedReactor.Name, Send: "pool"}); err == nil {
		t.Error("send strategies with threads of their own are not refused")
	}
}
