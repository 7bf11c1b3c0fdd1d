package models

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// goroutinePerConnection is what a Go programmer would write: package net, a
// goroutine a connection, and the runtime's threads. The runtime starts another
// thread when one blocks in sendfile, so it hides the blocking that the other
// models show.
var goroutinePerConnection = Model{
	Name:    "goroutine-per-connection",
	Accepts: "goroutine", Reads: "goroutine", Handles: "goroutine", Writes: "goroutine",
	Hides: "a wait for a P or a CPU: before the request is read in SocketQueue, after that in whichever stage the goroutine was in; the run-queue wait is that of all the runtime's threads",
	fits:  onePerConnection,
	start: func(e *env, l *listener) (running, error) {
		m := &connectionGoroutines{executors: executors{env: e}, accepting: make(chan struct{})}
		duplicate, err := unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("duplicate the listening descriptor: %w", err)
		}
		file := os.NewFile(uintptr(duplicate), "listener")
		defer file.Close()
		if m.listener, err = net.FileListener(file); err != nil {
			return nil, fmt.Errorf("hand the listening descriptor to package net: %w", err)
		}
		go m.accept(l)
		return m, nil
	},
}

type connectionGoroutines struct {
	executors
	listener  net.Listener
	accepting chan struct{} // closed when accept has returned
	opened    int
}

func (m *connectionGoroutines) stopAccepting() {
	m.listener.Close()
	<-m.accepting
}

func (m *connectionGoroutines) accept(l *listener) {
	defer close(m.accepting)
	for {
		accepted, err := m.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if m.env.acceptFailed(err) {
				time.Sleep(pauseOnExhaustion)
			}
			continue
		}
		if err := m.open(accepted.(*net.TCPConn), l); err != nil {
			m.env.log("connection from %s: %v", accepted.RemoteAddr(), err)
			accepted.Close()
		}
	}
}

func (m *connectionGoroutines) open(tcp *net.TCPConn, l *listener) error {
	s, err := newNetSocket(tcp)
	if err != nil {
		return err
	}
	var fd int
	var prepareErr error
	err = s.raw.Control(func(descriptor uintptr) {
		fd = int(descriptor)
		prepareErr = l.prepare(fd, m.env)
	})
	if err := errors.Join(err, prepareErr); err != nil {
		return err
	}
	waiting := &goroutineCompletion{elsewhere: make(chan struct{}, 1)}
	counters := new(threadCounters).open(m.env, "goroutine")
	one := &executor{
		env: m.env, thread: m.opened,
		conn:     new(conn).open(m.env, s, fd, tcp.RemoteAddr().String(), waiting, executorManner, new(freeJobs)),
		waiting:  waiting,
		receiver: m.env.newReceiver(counters, make([]byte, scratchBytes)),
		transmit: m.env.newTransmitter(counters),
	}
	m.opened++
	m.add(one)
	go func() {
		defer counters.close(m.env)
		defer m.remove(one)
		one.serve()
	}()
	return nil
}

// goroutineCompletion is where a connection's goroutine waits for its response.
type goroutineCompletion struct {
	neverAway
	here      bool          // completed inside the handler, on this goroutine
	elsewhere chan struct{} // completed on another one
}

func (w *goroutineCompletion) respond(j *Job) {
	if j.inHandler {
		w.here = true
		return
	}
	w.elsewhere <- struct{}{}
}

func (w *goroutineCompletion) wait() {
	if !w.here {
		<-w.elsewhere
	}
	w.here = false
}

// netSocket uses a connection through package net. Its closures are made once,
// so that a call allocates nothing.
type netSocket struct {
	tcp *net.TCPConn
	raw syscall.RawConn
	// Arguments and results of the closure that runs inside the runtime's poller.
	receiver  *receiver
	target    []byte
	arrivedNs int64
	file      int
	offset    int64
	count     int
	n         int
	errno     unix.Errno
	recvOnce  func(uintptr) bool
	sendOnce  func(uintptr) bool
	mapping   poll.Mapping
	mapOnce   func(uintptr) bool
}

func newNetSocket(tcp *net.TCPConn) (*netSocket, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &netSocket{tcp: tcp, raw: raw}
	s.recvOnce = func(fd uintptr) bool {
		var realNs int64
		s.n, realNs, s.errno = s.receiver.stamped.Recv(int(fd), s.target)
		s.arrivedNs = s.receiver.monotonic(realNs)
		return s.errno != unix.EAGAIN
	}
	s.sendOnce = func(fd uintptr) bool {
		s.n, s.errno = poll.Sendfile(int(fd), s.file, s.offset, s.count)
		return s.errno != unix.EAGAIN
	}
	s.mapOnce = func(fd uintptr) bool {
		s.n, s.errno = poll.SendMapped(int(fd), s.mapping, false)
		return s.errno != unix.EAGAIN
	}
	return s, nil
}

func (s *netSocket) receive(r *receiver, p []byte) (int, int64, unix.Errno) {
	if !r.kernelStamps {
		n, err := s.tcp.Read(p)
		return n, 0, asErrno(err)
	}
	s.receiver, s.target = r, p
	if err := s.raw.Read(s.recvOnce); err != nil {
		return 0, 0, asErrno(err)
	}
	return s.n, s.arrivedNs, s.errno
}

// send cannot hold back a small segment: package net has no such flag.
func (s *netSocket) send(p []byte, _ bool) (int, unix.Errno) {
	n, err := s.tcp.Write(p)
	return n, asErrno(err)
}

func (s *netSocket) sendfile(file int, offset int64, n int) (int, unix.Errno) {
	s.file, s.offset, s.count = file, offset, n
	if err := s.raw.Write(s.sendOnce); err != nil {
		return 0, asErrno(err)
	}
	return s.n, s.errno
}

func (s *netSocket) sendMapped(m poll.Mapping) (int, unix.Errno) {
	s.mapping = m
	if err := s.raw.Write(s.mapOnce); err != nil {
		return 0, asErrno(err)
	}
	return s.n, s.errno
}

func (s *netSocket) awaitReadable() {
	s.raw.Read(func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n > 0 || err != unix.EAGAIN
	})
}

func (s *netSocket) unsent() (n int) {
	s.raw.Control(func(fd uintptr) { n = rawSocket{fd: int(fd)}.unsent() })
	return n
}

func (s *netSocket) shutdown() {
	s.tcp.CloseRead()
	s.tcp.CloseWrite()
}
func (s *netSocket) stopReceiving()   { s.tcp.SetReadDeadline(time.Unix(1, 0)) }
func (s *netSocket) shutdownSending() { s.tcp.CloseWrite() }
func (s *netSocket) close()           { s.tcp.Close() }

// asErrno maps package net's errors to what the system call said.
func asErrno(err error) unix.Errno {
	if err == nil || err == io.EOF {
		return 0
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return unix.EAGAIN
	}
	var errno unix.Errno // escapes, so it is made only when there is an error
	if errors.As(err, &errno) {
		return errno
	}
	return unix.ECONNRESET
}
