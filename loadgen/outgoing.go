package loadgen

import (
	"cmp"
	"sync"

	"golang.org/x/sys/unix"

	"c10klab/loadgen/judge"
)

// outgoing is what a connection sends: the frames of its youngest requests in flight, side
// by side in one buffer. The zero value sends nothing.
type outgoing struct {
	pool   *framePool
	buffer *[]byte // of the pool; nil: nothing is sent
	rest   []byte  // its bytes not yet accepted
	frames int     // not yet wholly accepted
	partly int     // bytes accepted of the first of them
}

// full reports whether the buffer has no room for a frame more.
func (o *outgoing) full() bool {
	return o.buffer != nil && (o.frames+1)*o.pool.frameBytes > len(*o.buffer)
}

// add puts a frame of the pool behind the others, not a byte sent, and returns it.
func (o *outgoing) add(pool *framePool) []byte {
	if o.buffer == nil {
		o.pool, o.buffer = pool, pool.buffers.Get().(*[]byte)
	}
	o.frames++
	o.rest = (*o.buffer)[:o.frames*pool.frameBytes]
	return o.rest[len(o.rest)-pool.frameBytes:]
}

// fill takes in hand as many of the waiting requests, of one size, as may be in flight and
// go out together. Its caller holds mu, and nothing is being sent.
func (c *connection) fill() {
	size := c.waiting.at(0).size
	for c.waiting.len() > 0 && c.waiting.at(0).size == size && c.mayBegin() && !c.out.full() {
		c.begin(c.waiting.pop())
	}
}

// mayBegin reports whether one more request may be in flight.
func (c *connection) mayBegin() bool { return c.inFlight.len() < c.load.cfg.InFlight }

// begin makes the frame of a request and puts it in flight, not a byte sent.
func (c *connection) begin(r request) {
	l := c.load
	c.lastID += c.idStride()
	r.ID = c.lastID
	r.sampled = l.picker.Picks(r.ID)
	l.sizes[r.size].stamp(c.out.add(c.frames[r.size]), c.index, r.ID, r.DueNs)
	if r.AttemptedNs == 0 || r.sampled {
		r.BegunNs = l.system.now()
		r.AttemptedNs = cmp.Or(r.AttemptedNs, r.BegunNs)
	}
	c.inFlight.push(r)
}

// flush sends the frames under way as far as the socket takes them.
func (c *connection) flush(t *judge.Tally) error {
	for len(c.out.rest) > 0 {
		n, errno := c.load.system.send(c.fd, c.out.rest)
		if errno == unix.EAGAIN {
			return nil
		}
		if errno != 0 {
			return c.load.sendFailed(errno)
		}
		c.out.rest = c.out.rest[n:]
		c.accepted(n, c.load.system.now(), t)
	}
	if c.out.buffer != nil {
		c.out.pool.buffers.Put(c.out.buffer)
		c.out = outgoing{}
	}
	return nil
}

// accepted stamps the requests of whose frames a send call took n bytes.
func (c *connection) accepted(n int, nowNs int64, t *judge.Tally) {
	for n > 0 {
		r := c.inFlight.at(c.inFlight.len() - c.out.frames)
		r.FirstByteNs = cmp.Or(r.FirstByteNs, nowNs)
		took := min(n, c.out.pool.frameBytes-c.out.partly)
		n -= took
		c.out.partly += took
		if c.out.partly < c.out.pool.frameBytes {
			return
		}
		r.LastByteNs = nowNs
		c.out.partly = 0
		c.out.frames--
		if !c.load.offered.Answers {
			done := c.inFlight.pop()
			c.complete(&done, nowNs, 0, t)
		}
	}
}

// togetherBytes bounds the frames that go out in one send call: small ones, for which the
// call costs more than the bytes.
const togetherBytes = 16 << 10

// framePool lends buffers of request frames of one size, one to each connection that is
// sending, so that idle connections hold none. Any thread may use it.
type framePool struct {
	frameBytes int
	buffers    sync.Pool // of *[]byte, each a whole number of frames
}

// newFramePool makes one for connections that have up to so many requests in flight.
func newFramePool(p protocol, inFlight int) *framePool {
	frameBytes := len(p.newFrame())
	together := max(1, min(togetherBytes/frameBytes, inFlight))
	return &framePool{frameBytes: frameBytes, buffers: sync.Pool{New: func() any {
		buffer := make([]byte, 0, together*frameBytes)
		for range together {
			buffer = append(buffer, p.newFrame()...)
		}
		return &buffer
	}}}
}
