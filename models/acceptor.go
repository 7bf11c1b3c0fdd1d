package models

import (
	"errors"
	"time"

	"c10klab/internal/osthread"

	"golang.org/x/sys/unix"
)

// acceptor is the thread that accepts connections, for every model but the
// single reactors.
type acceptor struct {
	env      *env
	listener *listener
	// assign gives a connection to the thread that will own it; it may block.
	assign func(accepted)
	flags  int // of accept4
	done   chan struct{}
}

func startAcceptor(e *env, l *listener, flags int, assign func(accepted)) (*acceptor, error) {
	a := &acceptor{env: e, listener: l, assign: assign, flags: flags, done: make(chan struct{})}
	return a, e.threads.Start("acceptor", a.run)
}

// pauseOnExhaustion keeps an acceptor without descriptors from spinning.
const pauseOnExhaustion = 100 * time.Millisecond

func (a *acceptor) run(*osthread.Thread) {
	defer close(a.done)
	for {
		conn, err := a.listener.accept(a.flags, a.env)
		if a.env.stopping.Load() {
			if err == nil {
				unix.Close(conn.fd)
			}
			return
		}
		if err == nil {
			a.assign(conn)
			continue
		}
		a.env.reportAccept(err)
		if exhausted(err) {
			time.Sleep(pauseOnExhaustion)
		}
	}
}

// stop ends the thread and waits for it.
func (a *acceptor) stop() {
	a.listener.stop()
	<-a.done
}

// reportAccept logs errors that are not the peer's haste.
func (e *env) reportAccept(err error) {
	if !errors.Is(err, unix.ECONNABORTED) && !errors.Is(err, unix.EINTR) {
		e.log("accept: %v", err)
	}
}

func exhausted(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.ENOBUFS)
}
