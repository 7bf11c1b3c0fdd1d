package models

import (
	"fmt"
	"sync/atomic"

	"c10klab/internal/osthread"
	"c10klab/internal/poll"
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
		m := &connectionThreads{env: e}
		var err error
		m.acceptor, err = startAcceptor(e, l, 0, m.open)
		return m, err
	},
}

type connectionThreads struct {
	serials
	env      *env
	acceptor *acceptor
	named    int
}

func (m *connectionThreads) stopAccepting() { m.acceptor.stop() }
func (m *connectionThreads) drain()         { m.serials.drain(m.env.aborting.Load()) }

// open starts the connection's thread; the acceptor calls it.
func (m *connectionThreads) open(a accepted) {
	one := newConnectionThread(m.env, a)
	m.add(&one.serial)
	forget := func(err error) {
		m.remove(&one.serial)
		m.env.endCounters(&one.counters)
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
type futexCompletion struct{ done atomic.Uint32 }

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
