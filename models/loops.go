package models

import "golang.org/x/sys/unix"

// loops are the network threads of a model, with what surrounds them.
type loops struct {
	env      *env
	all      []*loop
	acceptor *acceptor // nil: the only loop accepts
	handlers *handlers // nil: loops handle requests
}

// startLoops makes n network threads. With handlers requests go to a pool;
// otherwise the loops handle them.
func startLoops(e *env, n int, handlers bool) (*loops, error) {
	m := &loops{env: e}
	var err error
	process := e.handleHere
	if handlers {
		if m.handlers, err = startAllHandlers(e); err != nil {
			return nil, err
		}
		process = m.handlers.enqueuer()
	}
	var offload offloader
	if e.send.offload != nil {
		if offload, err = e.send.offload(e, m.handlers); err != nil {
			return nil, err
		}
	}
	for i := range n {
		l, err := newLoop(e, i, offload)
		if err != nil {
			return nil, err
		}
		l.process, l.handlers = process, m.handlers
		m.all = append(m.all, l)
	}
	return m, nil
}

// serve starts the loops' threads. The acceptor, on a thread of its own, gives
// connections to the loops in turn.
func (m *loops) serve(l *listener) (*loops, error) {
	err := m.start()
	if err == nil {
		m.acceptor, err = startAcceptor(m.env, l, unix.SOCK_NONBLOCK, m.roundRobin())
	}
	return m, err
}

// serveOnListener lets the only loop accept, too.
func (m *loops) serveOnListener(l *listener) (*loops, error) {
	if err := m.all[0].listenOn(l); err != nil {
		return nil, err
	}
	return m, m.start()
}

func (m *loops) start() error {
	for _, l := range m.all {
		if err := l.start(); err != nil {
			return err
		}
	}
	return nil
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
		l.interrupt()
		<-l.closing
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
