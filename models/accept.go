package models

import (
	"errors"
	"fmt"
	"net"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// listener is a listening TCP socket.
type listener struct {
	fd      int
	address string
	buffer  int // SO_SNDBUF and SO_RCVBUF of accepted sockets, 0: unset
}

// listen binds address; port 0 picks a free one.
func listen(address string, c Config) (*listener, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	family, sockaddr := socketAddress(addr)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: socket: %w", addr, err)
	}
	l := &listener{fd: fd, buffer: c.SocketBufferBytes}
	if err := l.bind(sockaddr, c.ListenBacklog); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

func (l *listener) bind(sockaddr unix.Sockaddr, backlog int) error {
	if err := unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fmt.Errorf("SO_REUSEADDR: %w", err)
	}
	if err := unix.Bind(l.fd, sockaddr); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(l.fd, backlog); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	bound, err := unix.Getsockname(l.fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	l.address = addressText(bound)
	return nil
}

func socketAddress(addr *net.TCPAddr) (int, unix.Sockaddr) {
	if ip := addr.IP.To4(); ip != nil || addr.IP == nil {
		s := &unix.SockaddrInet4{Port: addr.Port}
		copy(s.Addr[:], ip)
		return unix.AF_INET, s
	}
	s := &unix.SockaddrInet6{Port: addr.Port}
	copy(s.Addr[:], addr.IP.To16())
	return unix.AF_INET6, s
}

func addressText(s unix.Sockaddr) string {
	switch a := s.(type) {
	case *unix.SockaddrInet4:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	case *unix.SockaddrInet6:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	}
	return "unknown address"
}

// accepted is a new connection before a thread owns it.
type accepted struct {
	fd   int
	peer string
}

// accept takes the next connection; flags as in accept4(2). It blocks unless the
// listening socket is non-blocking.
func (l *listener) accept(flags int, e *env) (accepted, error) {
	fd, peer, err := unix.Accept4(l.fd, flags|unix.SOCK_CLOEXEC)
	if err != nil {
		return accepted{}, err
	}
	if err := l.prepare(fd, e); err != nil {
		unix.Close(fd)
		return accepted{}, err
	}
	return accepted{fd: fd, peer: addressText(peer)}, nil
}

var errTooMany = errors.New("as many connections are open as knob max-connections allows")

// prepare sets what Kafka's Acceptor sets, unless the connection is one too many.
func (l *listener) prepare(fd int, e *env) error {
	if most := e.config.MaxConnections; most > 0 && e.live.Load() >= int64(most) {
		return errTooMany
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("TCP_NODELAY: %w", err)
	}
	// A peer that is gone without a word, as behind a broken network, is found out.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); err != nil {
		return fmt.Errorf("SO_KEEPALIVE: %w", err)
	}
	if l.buffer > 0 {
		for _, option := range []int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, l.buffer); err != nil {
				return fmt.Errorf("socket buffer of %d bytes: %w", l.buffer, err)
			}
		}
	}
	if e.stampsArrivals() {
		return poll.EnableReceiveStamps(fd)
	}
	return nil
}

// stop makes a blocked accept return and refuses further connections.
func (l *listener) stop() { unix.Shutdown(l.fd, unix.SHUT_RDWR) }

func (l *listener) close() { unix.Close(l.fd) }

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

// pauseOnExhaustion keeps a server without descriptors from spinning: what it cannot
// accept stays ready (nginx looks away from its listener for 500 ms).
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
		} else if a.env.acceptFailed(err) {
			time.Sleep(pauseOnExhaustion)
		}
	}
}

func (a *acceptor) stop() {
	a.listener.stop()
	<-a.done
}

// acceptFailed logs an error that is not the peer's haste, and reports whether it is for want
// of descriptors or memory.
func (e *env) acceptFailed(err error) (exhausted bool) {
	if errors.Is(err, unix.ECONNABORTED) || errors.Is(err, unix.EINTR) {
		return false
	}
	e.log("accept: %v", err)
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.ENOBUFS)
}

// connectionsPerTurn is how many new connections a loop takes in one turn
// (Kafka: connectionQueueSize of Processor.configureNewConnections).
const connectionsPerTurn = 20

// listenOn makes the loop accept connections itself. Call it before start.
func (l *loop) listenOn(socket *listener) error {
	if err := unix.SetNonblock(socket.fd, true); err != nil {
		return fmt.Errorf("make the listening socket non-blocking: %w", err)
	}
	l.listener = socket
	return l.epoll.Add(socket.fd, poll.Readable)
}

// stopListening refuses connections. Server.Stop's thread calls it.
func (l *loop) stopListening() {
	l.listener.stop()
	if err := l.epoll.Remove(l.listener.fd); err != nil {
		l.env.log("%s: %v", l.name, err)
	}
}

// watchListener changes what the loop hears of its own listener; 0: nothing.
func (l *loop) watchListener(events uint32) {
	if err := l.epoll.Modify(l.listener.fd, events); err != nil && !l.env.stopping.Load() {
		l.env.log("%s: %v", l.name, err)
	}
}

// acceptReady accepts what waits on the loop's own listener. Without descriptors it looks
// away from it for a while, and serves on.
func (l *loop) acceptReady() {
	for range connectionsPerTurn {
		if l.env.stopping.Load() {
			return
		}
		a, err := l.listener.accept(unix.SOCK_NONBLOCK, l.env)
		if err == unix.EAGAIN {
			return
		}
		if err != nil {
			if l.env.acceptFailed(err) {
				l.watchListener(0)
				l.acceptAtNs = clock.Now() + int64(pauseOnExhaustion)
			}
			return
		}
		l.adopt(a)
	}
}

func (l *loop) takeConnections() {
	for range connectionsPerTurn {
		a, ok := l.newConnections.poll()
		if !ok {
			return
		}
		if l.env.stopping.Load() {
			unix.Close(a.fd)
			continue
		}
		l.adopt(a)
	}
	l.mail.waiting.Store(true) // there may be more
}

// assign puts a new connection into the loop's queue, if there is room or it may wait for some.
func (l *loop) assign(a accepted, wait bool) bool {
	if !l.newConnections.offer(a) {
		if !wait {
			return false
		}
		l.newConnections.put(a)
	}
	l.notify()
	return true
}

// adopt makes the loop the owner of a connection.
func (l *loop) adopt(a accepted) {
	l.assertOnThread()
	c := new(conn).open(l.env, rawSocket{fd: a.fd}, a.fd, a.peer, l, loopManner, &l.jobs)
	c.loop = l
	l.conns.put(c)
	l.count.Add(1)
	events := uint32(poll.Readable | poll.HalfClosed | poll.Edge)
	if l.sender.half == nil {
		events |= poll.Writable
	}
	if err := l.epoll.Add(a.fd, events); err != nil {
		l.kill(c, err)
	}
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
