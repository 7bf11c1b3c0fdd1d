package models

import "golang.org/x/sys/unix"

// loops are the network threads of a model, with what surrounds them.
type loops struct {
	env      *env
	all      []*loop
	acceptor *acceptor // nil: the only loop accepts
	handlers *handlers // nil: loops handle requests
	offload  offloader // nil: loops send file bytes
}

// startLoops starts n network threads. With handlers requests go to a pool;
// otherwise the loops handle them.
func startLoops(e *env, n int, handlers bool) (*loops, error) {
	m := &loops{env: e}
	var err error
	process := e.handleHere
	if handlers {
		if m.handlers, err = startAllHandlers(e); err != nil {
			return nil, err
		}
		process = m.handlers.process()
	}
	if e.send.offload != nil {
		if m.offload, err = e.send.offload(e, m.handlers); err != nil {
			return nil, err
		}
	}
	for i := range n {
		l, err := newLoop(e, loopName(i), m.offload)
		if err != nil {
			return nil, err
		}
		l.process, l.inline, l.handlers = process, !handlers, m.handlers
		if e.config.OnFull == OnFullSplit {
			if err := l.split(i); err != nil {
				return nil, err
			}
		}
		m.all = append(m.all, l)
	}
	return m, nil
}

// serve starts the loops' threads. The acceptor, on a thread of its own, gives
// connections to the loops in turn.
func (m *loops) serve(l *listener) (*loops, error) {
	if err := m.startThreads(); err != nil {
		return nil, err
	}
	var err error
	m.acceptor, err = startAcceptor(m.env, l, unix.SOCK_NONBLOCK, m.roundRobin())
	return m, err
}

// serveOnListener lets the only loop accept, too.
func (m *loops) serveOnListener(l *listener) (*loops, error) {
	if err := m.all[0].listenOn(l); err != nil {
		return nil, err
	}
	return m, m.startThreads()
}

func (m *loops) startThreads() error {
	for _, l := range m.all {
		if l.writer != nil {
			if err := l.writer.start(); err != nil {
				return err
			}
		}
		if err := l.start(); err != nil {
			return err
		}
	}
	return nil
}

// roundRobin offers a connection to each loop in turn, beginning with the next,
// and waits for room in the last one's queue when all are full (Kafka:
// Acceptor.assignNewConnection).
func (m *loops) roundRobin() func(accepted) {
	next := 0
	return func(a accepted) {
		for tried := 1; ; tried++ {
			l := m.all[next%len(m.all)]
			next++
			if l.assign(a, tried == len(m.all)) {
				return
			}
		}
	}
}

func (m *loops) stopAccepting() {
	if m.acceptor != nil {
		m.acceptor.stop()
		return
	}
	m.all[0].stopListening()
}

func (m *loops) drain() {
	for _, l := range m.all {
		l.poke()
		<-l.draining
	}
}

func (m *loops) connectionsByLoop() []int {
	counts := make([]int, len(m.all))
	for i, l := range m.all {
		counts[i] = int(l.count.Load())
	}
	return counts
}

func (m *loops) queueFull() QueueFull {
	if m.handlers == nil {
		return QueueFull{}
	}
	return m.handlers.queueFull()
}
