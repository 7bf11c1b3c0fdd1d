package models

import (
	"fmt"
	"net"

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
	if err := l.bind(sockaddr, c.Backlog); err != nil {
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

// prepare sets what Kafka's Acceptor sets, unless the connection is one too many.
func (l *listener) prepare(fd int, e *env) error {
	if e.full() {
		return errTooMany
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("TCP_NODELAY: %w", err)
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
