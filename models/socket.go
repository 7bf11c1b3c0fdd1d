package models

import (
	"c10klab/internal/clock"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// socket is one connection's descriptor as its model uses it: without waiting,
// on a thread that may block, or through package net.
type socket interface {
	// receive reads what is there into p. 0 bytes without error is the end of the
	// stream; arrivedNs is 0 when the kernel gave no stamp.
	receive(r *receiver, p []byte) (n int, arrivedNs int64, errno unix.Errno)
	// send writes what fits; with more, a small last segment is held back.
	send(p []byte, more bool) (int, unix.Errno)
	// sendfile moves file bytes; 0 without error means that the file ended.
	sendfile(file int, offset int64, n int) (int, unix.Errno)
	// sendMapped writes what fits of a mapping, or waits to write some.
	sendMapped(m poll.Mapping) (int, unix.Errno)
	// awaitReadable returns once there is something to receive, where the socket
	// is of a kind that waits.
	awaitReadable()
	// shutdown ends both directions, so that threads inside a call return.
	shutdown()
	// shutdownSending tells the peer that no more will come.
	shutdownSending()
	close()
}

// scratchBytes is what one receive takes while no frame is under way: small
// requests whole, of large ones the head.
const scratchBytes = 16 << 10

// receiver is what one thread needs to read sockets.
type receiver struct {
	kernelStamps bool
	offset       *clock.Offset
	stamped      poll.StampedReceiver
	scratch      []byte
	counters     *threadCounters
	// freshNs is a reading of the clock since which the thread has done next to nothing,
	// for the next receive to begin with; 0: none.
	freshNs int64
}

// start is the instant at which a receive begins, now.
func (r *receiver) start(e *env) int64 {
	ns := r.freshNs
	if r.freshNs = 0; ns != 0 {
		return ns
	}
	return e.now()
}

func (r *receiver) monotonic(realNs int64) int64 {
	if realNs == 0 {
		return 0
	}
	return r.offset.Monotonic(realNs)
}

// descriptor has what both raw kinds share.
type descriptor struct{ fd int }

func (d descriptor) sendfile(file int, offset int64, n int) (int, unix.Errno) {
	return poll.Sendfile(d.fd, file, offset, n)
}
func (d descriptor) shutdown()        { unix.Shutdown(d.fd, unix.SHUT_RDWR) }
func (d descriptor) shutdownSending() { unix.Shutdown(d.fd, unix.SHUT_WR) }
func (d descriptor) close()           { unix.Close(d.fd) }

// nonBlockingSocket belongs to a loop.
type nonBlockingSocket struct{ descriptor }

func (s nonBlockingSocket) receive(r *receiver, p []byte) (int, int64, unix.Errno) {
	if !r.kernelStamps {
		n, errno := poll.Recv(s.fd, p)
		return n, 0, errno
	}
	n, realNs, errno := r.stamped.Recv(s.fd, p)
	return n, r.monotonic(realNs), errno
}

func (s nonBlockingSocket) send(p []byte, more bool) (int, unix.Errno) {
	return poll.Send(s.fd, p, more)
}

func (s nonBlockingSocket) sendMapped(m poll.Mapping) (int, unix.Errno) {
	return poll.SendMapped(s.fd, m, false)
}

// awaitReadable has nothing to do: a loop reads after epoll said so.
func (s nonBlockingSocket) awaitReadable() {}

// blockingSocket belongs to a thread of its own.
type blockingSocket struct{ descriptor }

func (s blockingSocket) receive(r *receiver, p []byte) (int, int64, unix.Errno) {
	if !r.kernelStamps {
		n, errno := poll.RecvWait(s.fd, p)
		return n, 0, errno
	}
	n, realNs, errno := r.stamped.RecvWait(s.fd, p)
	return n, r.monotonic(realNs), errno
}

// send nearly always finds room, and a call that does not wait need not tell the Go
// scheduler.
func (s blockingSocket) send(p []byte, more bool) (int, unix.Errno) {
	n, errno := poll.Send(s.fd, p, more)
	if errno == unix.EAGAIN {
		return poll.SendWait(s.fd, p, more)
	}
	return n, errno
}

func (s blockingSocket) sendMapped(m poll.Mapping) (int, unix.Errno) {
	return poll.SendMapped(s.fd, m, true)
}

func (s blockingSocket) awaitReadable() {
	unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, -1)
}
