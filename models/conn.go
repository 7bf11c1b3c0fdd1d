package models

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// home is the part of a model that a connection's finished requests return to.
type home interface {
	// respond takes over a job whose response is complete (or silent, or a hang
	// up). Any thread may call it.
	respond(j *Job)
}

// conn is one client connection. Its input belongs to the thread that reads it;
// its sending side to whoever the sequencer made the sender.
type conn struct {
	env      *env
	id       int
	fd       int
	socket   socket
	home     home
	peer     string
	spares   *spares // of the thread that reads the connection
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
	// references: one for being open, one for each job that another thread than the
	// reading one may have. The last closes the descriptor, so no thread can ever
	// send into a descriptor used again.
	references atomic.Int32

	loopState // used by models with loops only
}

// open takes an accepted socket into the server's books.
func (e *env) open(s socket, fd int, peer string, h home, jobs *spares) *conn {
	c := new(conn)
	c.open(e, s, fd, peer, h, jobs)
	return c
}

// open is env.open for a zero conn that is part of something larger.
func (c *conn) open(e *env, s socket, fd int, peer string, h home, jobs *spares) {
	c.env, c.id, c.fd, c.socket, c.home, c.peer, c.spares = e, int(e.connections.Add(1)), fd, s, h, peer, jobs
	c.order.single = e.config.InFlight == 1
	c.references.Store(1)
	e.live.add(1)
}

// serial reports that the connection has an executor of its own, which waits for the
// socket and handles one request at a time.
func (c *conn) serial() bool { return c.loop == nil }

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
		c.socket.close()
		c.env.live.add(-1)
	}
}

// kill makes the connection unusable, wakes threads that are inside a call on
// it, and frees what waited to be read or sent. Only the thread that reads the
// connection may call it; only the first call does anything. The reason, unless
// it is nil or only says that the peer is gone, goes to the log.
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

// admit gives a complete frame its place among the connection's requests.
func (c *conn) admit(j *Job) {
	j.sequence = c.sequence
	c.sequence++
	c.started++
	j.class = c.env.service.Classify(j.frame)
	c.env.stages.Received(j.class)
	if c.env.stages.Samples() && c.env.identifier != nil {
		j.pick()
	}
}

// quiet reports reasons that only say that the peer is gone.
func quiet(reason error) bool {
	return errors.Is(reason, unix.ECONNRESET) || errors.Is(reason, unix.EPIPE) ||
		errors.Is(reason, unix.ETIMEDOUT) || errors.Is(reason, errDead)
}
