package models

import "golang.org/x/sys/unix"

// loops are the network threads of a model, with what surrounds them.
type loops struct {
	all      []*loop
	acceptor *acceptor // nil: the only loop accepts
	handlers *handlers // nil: loops handle requests
}

// startReactor starts one network thread, which accepts, too. With handlers requests go to
// a pool; otherwise network threads handle them.
func startReactor(e *env, l *listener, handlers bool) (running, error) {
	m, err := newLoops(e, 1, handlers)
	if err == nil {
		err = m.all[0].listenOn(l)
	}
	if err == nil {
		err = m.start()
	}
	return m, err
}

// startLoops starts n, and an acceptor on a thread of its own that gives
// connections to them in turn.
func startLoops(e *env, l *listener, n int, handlers bool) (running, error) {
	m, err := newLoops(e, n, handlers)
	if err == nil {
		err = m.start()
	}
	if err == nil {
		m.acceptor, err = startAcceptor(e, l, unix.SOCK_NONBLOCK, m.roundRobin())
	}
	return m, err
}

func newLoops(e *env, n int, handlers bool) (*loops, error) {
	m := &loops{all: make([]*loop, n)}
	var err error
	process := e.handleHere
	if handlers {
		if m.handlers, err = startAllHandlers(e); err != nil {
			return nil, err
		}
		process = m.handlers.enqueue
	}
	var offload offloader
	if e.send.offload != nil {
		if offload, err = e.send.offload(e, m.handlers); err != nil {
			return nil, err
		}
	}
	for i := range m.all {
		if m.all[i], err = newLoop(e, i, process, m.handlers, offload); err != nil {
			return nil, err
		}
	}
	return m, nil
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
