package loadgen

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// spareDescriptors are those a run needs beside its connections: event queues,
// the control and admin connections, standard streams, the Go runtime's own.
const spareDescriptors = 64

// checkDescriptors refuses a number of connections that the process may not open.
func checkDescriptors(connections int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit(RLIMIT_NOFILE): %w", err)
	}
	if need := uint64(connections + spareDescriptors); need > limit.Cur {
		return fmt.Errorf("%d connections need %d file descriptors and the limit is %d; raise it with ulimit -n %d", connections, need, limit.Cur, need)
	}
	return nil
}

// connectTimeout bounds one connect, SYN retries of a full backlog included.
const connectTimeout = 10 * time.Second

// dialer opens non-blocking TCP connections to one address.
type dialer struct {
	text   string
	domain int
	addr   unix.Sockaddr
}

func newDialer(target string) (*dialer, error) {
	addr, err := net.ResolveTCPAddr("tcp", target)
	if err != nil {
		return nil, fmt.Errorf("target %q: %w", target, err)
	}
	if ip := addr.IP.To4(); ip != nil {
		return &dialer{target, unix.AF_INET, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}}, nil
	}
	if addr.IP == nil {
		return nil, fmt.Errorf("target %q names no host", target)
	}
	return &dialer{target, unix.AF_INET6, &unix.SockaddrInet6{Port: addr.Port, Addr: [16]byte(addr.IP)}}, nil
}

// dial blocks until one connection stands and returns its descriptor.
func (d *dialer) dial() (int, error) {
	fd, err := unix.Socket(d.domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	if err := d.connect(fd); err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("connect to target %s: %w", d.text, err)
	}
	return fd, nil
}

func (d *dialer) connect(fd int) error {
	timeout := unix.NsecToTimeval(int64(connectTimeout))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
		return fmt.Errorf("setsockopt(SO_SNDTIMEO): %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("setsockopt(TCP_NODELAY): %w", err)
	}
	for {
		err := unix.Connect(fd, d.addr)
		switch err {
		case nil, unix.EISCONN:
			return unix.SetNonblock(fd, true)
		case unix.EINTR, unix.EALREADY: // a signal came; the handshake goes on
		case unix.EINPROGRESS, unix.EAGAIN:
			return fmt.Errorf("no answer within %v", connectTimeout)
		default:
			return err
		}
	}
}

// dialAll opens n connections one after the other; opened owns their descriptors.
func (d *dialer) dialAll(ctx context.Context, n int, opened func(fd int) error) error {
	for range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		fd, err := d.dial()
		if err != nil {
			return err
		}
		if err := opened(fd); err != nil {
			return err
		}
	}
	return nil
}
