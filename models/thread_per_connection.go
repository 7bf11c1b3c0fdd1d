package models

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"c10klab/internal/osthread"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// threadPerConnection gives each connection a blocking thread that receives,
// handles and answers.
var threadPerConnection = Model{
	Name:    "thread-per-connection",
	Accepts: "acceptor", Reads: "conn-N", Handles: "conn-N", Writes: "conn-N",
	Hides:    "a wait for a CPU: before the request is read in SocketQueue, after that in whichever stage the thread was in; no queue of the server's shows it, the threads' run-queue wait does",
	threads:  []threadGroup{{"acceptor", oneThread}, {"conn", perConnection}},
	fits:     onePerConnection,
	sharesPs: true,
	start: func(e *env, l *listener) (running, error) {
		m := &connectionThreads{executors: executors{env: e}}
		var err error
		m.acceptor, err = startAcceptor(e, l, 0, m.open)
		return m, err
	},
}

type connectionThreads struct {
	executors
	acceptor *acceptor
	named    int
}

func (m *connectionThreads) stopAccepting() { m.acceptor.stop() }

// open starts the connection's thread; the acceptor calls it.
func (m *connectionThreads) open(a accepted) {
	one := newConnectionThread(m.env, a)
	m.add(&one.executor)
	forget := func(err error) {
		m.remove(&one.executor)
		one.counters.close(m.env)
		one.conn.kill(err)
	}
	err := m.env.threads.StartSoon(fmt.Sprintf("conn-%d", m.named), func(t *osthread.Thread) {
		defer forget(nil)
		one.thread = t.Index
		one.serve()
	}, func(err error) {
		if err != nil {
			forget(err)
		}
	})
	m.named++
	if err != nil {
		forget(err)
	}
}

// futexCompletion is where a connection's thread waits for a response that another
// thread completes.
type futexCompletion struct {
	neverAway
	done atomic.Uint32
}

func (w *futexCompletion) respond(j *Job) {
	inHandler := j.inHandler // the job is the waiting thread's once done is set
	w.done.Store(1)
	if !inHandler {
		poll.FutexWake(&w.done, 1)
	}
}

func (w *futexCompletion) wait() {
	for w.done.Load() == 0 {
		poll.FutexWaitLong(&w.done, 0)
	}
	w.done.Store(0)
}

// connectionThread is the executor of one connection, in one piece of memory with all that
// it uses for a small request, which a thread that runs again reads ahead (warm): a thousand
// others have used the CPU's caches since it ran last.
type connectionThread struct {
	executor
	socket   warmingSocket
	waiting  futexCompletion
	counters threadCounters
	conn     conn
	jobs     freeJobs
	first    Job
	warmed   byte // keeps the compiler from leaving warm out
	answer   [smallAnswerBytes]byte
	scratch  [scratchBytes]byte
}

// smallAnswerBytes is what an answer may have that needs no memory of its own.
const smallAnswerBytes = 256

// warmBytes is the part of a connectionThread that nearly every request uses.
const warmBytes = unsafe.Offsetof(connectionThread{}.answer) + 2*cacheLineBytes

func newConnectionThread(e *env, a accepted) *connectionThread {
	t := new(connectionThread)
	t.socket = warmingSocket{rawSocket{a.fd, true}, t}
	t.conn.open(e, &t.socket, a.fd, a.peer, &t.waiting, executorManner, &t.jobs)
	t.first.response.Buf = t.answer[:0]
	t.jobs.push(&t.first)
	t.counters.open(e, "conn")
	t.executor = executor{
		env: e, conn: &t.conn, waiting: &t.waiting,
		receiver: e.newReceiver(&t.counters, t.scratch[:]),
		transmit: e.newTransmitter(&t.counters),
	}
	return t
}

// warmingSocket is a rawSocket whose thread warms its memory when it runs again.
type warmingSocket struct {
	rawSocket
	thread *connectionThread
}

func (s *warmingSocket) receive(r *receiver, p []byte) (int, int64, unix.Errno) {
	n, arrivedNs, errno := s.rawSocket.receive(r, p)
	s.thread.warm()
	return n, arrivedNs, errno
}

const cacheLineBytes = 64

// warm reads a byte of each cache line that the next request will use, whoever may write it.
// The loads do not wait for each other, as those of the code that comes next do.
//
//go:norace
func (t *connectionThread) warm() {
	memory := (*[warmBytes / cacheLineBytes][cacheLineBytes]byte)(unsafe.Pointer(t))
	sum := byte(0)
	for i := range memory {
		sum += memory[i][0]
	}
	t.warmed = sum
}
