package models

import (
	"errors"
	"sync/atomic"

	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// owner is the part of a model that connections belong to: their loop, or an executor of
// their own. Jobs that other threads have come back to it.
type owner interface {
	// respond takes over a job whose response is complete, or that is silent or a hang up.
	// Any thread may call it; a handler's, for which Job.inHandler holds, may have to send
	// the response on the spot.
	respond(j *Job)
	// returned takes over a job that an offloader's or handler's thread has sent from as
	// far as status says. Any thread may call it.
	returned(j *Job, status sendStatus)
}

// manner is how a model's threads use its connections' sockets.
type manner struct {
	waits bool // a receive waits until there is something; else epoll says when to receive
	// lockStep: the thread that reads a request reads no further before the answer is
	// sent, so the frame may stay in the thread's scratch memory.
	lockStep bool
	edges    bool // epoll reports each arrival once, so an emptied socket need not be asked again
}

var (
	loopManner     = manner{edges: true}
	executorManner = manner{waits: true, lockStep: true}
)

// conn is one client connection. Its input belongs to the thread that reads it;
// its sending side to whoever the sequencer made the sender.
type conn struct {
	env      *env
	id       int
	fd       int
	socket   socket
	owner    owner
	manner   manner
	peer     string
	jobs     *freeJobs // of the thread that reads the connection
	input    input
	sequence uint64 // of the next request; the reading thread's
	order    sequencer
	// Requests read, and those ended (answered to the last byte) by the reading
	// thread and by others: plain numbers where one thread counts, since an atomic
	// addition a request is what an echo can tell.
	started, endedHere int32
	endedElsewhere     atomic.Int32
	// dead: the connection broke or was closed; nothing more is read or sent.
	dead atomic.Bool
	// gone: the peer takes no more answers, as epoll says; what it sent before is read still.
	gone atomic.Bool
	// references: one for being open, one for each job that another thread than the
	// reading one may have. The last closes the descriptor, so no thread can ever
	// send into a descriptor used again.
	references atomic.Int32

	loop    *loop     // that reads the connection; nil in models that are no loop
	reading readState // what that loop keeps
	sending sendState // what the thread that sends for the loop keeps
}

// open takes an accepted socket into the server's books and makes a zero conn its connection.
func (c *conn) open(e *env, s socket, fd int, peer string, o owner, m manner, jobs *freeJobs) *conn {
	c.env, c.id, c.fd, c.socket, c.owner, c.manner, c.peer, c.jobs = e, int(e.connections.Add(1)), fd, s, o, m, peer, jobs
	c.order.single = e.config.InFlight == 1
	c.references.Store(1)
	e.live.Add(1)
	e.open.add(c)
	return c
}

func (c *conn) retain() { c.references.Add(1) }

// retainOpen is retain for those who hold no reference; false: the descriptor is
// closed already.
func (c *conn) retainOpen() bool {
	for {
		n := c.references.Load()
		if n == 0 || c.references.CompareAndSwap(n, n+1) {
			return n > 0
		}
	}
}

func (c *conn) release() {
	if c.references.Add(-1) == 0 {
		c.env.open.remove(c)
		c.socket.close()
		c.env.live.Add(-1)
	}
}

// kill closes the connection: threads that are inside a call on it return, and what waited
// to be read or sent is freed. The descriptor lives on until the last job that refers to it
// is freed. Only the thread that reads the connection may call it (a loop by loop.kill).
// The reason goes to the log, unless it is nil or only says that the peer is gone.
func (c *conn) kill(reason error) {
	if c.dead.Swap(true) {
		return
	}
	if reason != nil && !quiet(reason) {
		c.env.log("connection %d from %s closed: %v", c.id, c.peer, reason)
	}
	c.socket.shutdown()
	for j := c.order.close(); j != nil; {
		next := j.next
		j.free()
		j = next
	}
	c.input.drop()
	c.release()
}

// inFlight is the number of requests read and not yet answered to the last byte.
// The reading thread only.
func (c *conn) inFlight() int32 { return c.started - c.endedHere - c.endedElsewhere.Load() }

// quiet reports reasons that only say that the peer is gone.
func quiet(reason error) bool {
	return errors.Is(reason, unix.ECONNRESET) || errors.Is(reason, unix.EPIPE) ||
		errors.Is(reason, unix.ETIMEDOUT) || errors.Is(reason, errDead)
}

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
	// unsent is what the kernel still holds of what was sent (SIOCOUTQ); closing while the
	// peer sends would destroy it.
	unsent() int
	// stopReceiving makes a receive in progress return, at a stop. Any thread may call it.
	stopReceiving()
	// shutdown ends both directions, so that threads inside a call return.
	shutdown()
	// shutdownSending tells the peer that no more will come.
	shutdownSending()
	close()
}

// rawSocket makes the system calls itself: for a loop, which reads after epoll said so, or
// for a thread of the connection's own, which waits.
type rawSocket struct {
	fd    int
	waits bool
}

func (s rawSocket) receive(r *receiver, p []byte) (n int, arrivedNs int64, errno unix.Errno) {
	var realNs int64
	switch {
	case r.kernelStamps && s.waits:
		n, realNs, errno = r.stamped.RecvWait(s.fd, p)
	case r.kernelStamps:
		n, realNs, errno = r.stamped.Recv(s.fd, p)
	case s.waits:
		n, errno = poll.RecvWait(s.fd, p)
	default:
		n, errno = poll.Recv(s.fd, p)
	}
	return n, r.monotonic(realNs), errno
}

// send nearly always finds room, and a call that does not wait need not tell the Go
// scheduler.
func (s rawSocket) send(p []byte, more bool) (int, unix.Errno) {
	n, errno := poll.Send(s.fd, p, more)
	if errno == unix.EAGAIN && s.waits {
		return poll.SendWait(s.fd, p, more)
	}
	return n, errno
}

func (s rawSocket) sendfile(file int, offset int64, n int) (int, unix.Errno) {
	return poll.Sendfile(s.fd, file, offset, n)
}

func (s rawSocket) sendMapped(m poll.Mapping) (int, unix.Errno) {
	return poll.SendMapped(s.fd, m, s.waits)
}

func (s rawSocket) awaitReadable() {
	if s.waits {
		unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, -1)
	}
}

func (s rawSocket) unsent() int {
	n, err := unix.IoctlGetInt(s.fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

func (s rawSocket) stopReceiving()   { unix.Shutdown(s.fd, unix.SHUT_RD) }
func (s rawSocket) shutdown()        { unix.Shutdown(s.fd, unix.SHUT_RDWR) }
func (s rawSocket) shutdownSending() { unix.Shutdown(s.fd, unix.SHUT_WR) }
func (s rawSocket) close()           { unix.Close(s.fd) }
