package models

import (
	"encoding/binary"
	"fmt"

	"c10klab/internal/stage"

	"golang.org/x/sys/unix"
)

// firstBufferBytes bounds the memory that a frame's length alone can claim; the
// buffer grows with the bytes that really come.
const firstBufferBytes = 1 << 20

// input cuts a connection's byte stream into frames. One thread at a time uses
// it: the one that reads the connection.
type input struct {
	pending  []byte // bytes received and not yet looked at
	kept     []byte // stable memory of pending between two calls of next
	prefix   [lengthBytes]byte
	prefixed int // bytes of prefix that are there
	job      *Job
	length   int // of the frame under way
	filled   int // bytes of it that are there
	// Stamps of the newest receive: when its bytes arrived (0: unknown), when it
	// was called, when it returned.
	arrivedNs, startNs, endNs int64
	// The first two of the receive that brought the frame's first byte.
	firstArrivedNs, firstStartNs int64
	drained                      bool // the newest receive emptied the socket
	ended                        bool // the peer will send no more
}

// next returns the connection's next frame as a job, or nil when the socket has
// no more for now or, with ended, for ever. It receives no more often than one
// frame needs.
func (in *input) next(c *conn, r *receiver) (*Job, error) {
	for {
		for len(in.pending) > 0 && !in.complete() {
			if err := in.absorb(c); err != nil {
				return nil, err
			}
		}
		if in.complete() {
			return in.take(c), nil
		}
		if received, err := in.receive(c, r); !received || err != nil {
			return nil, err
		}
		if j := in.takeWhole(c); j != nil {
			return j, nil
		}
		if in.drained && !in.complete() && len(in.pending) == 0 && c.awaitsEdge() {
			return nil, nil
		}
	}
}

// takeWhole takes the short way of most small requests: what was received is one
// frame and nothing else. Where no queue follows, it goes to the service at once; and
// where the thread reads no more before the answer is sent, the frame stays in the
// thread's scratch memory.
func (in *input) takeWhole(c *conn) *Job {
	p := in.pending
	if in.prefixed > 0 || in.job != nil || len(p) <= lengthBytes || len(p) > keptBufferBytes ||
		int(binary.BigEndian.Uint32(p)) != len(p)-lengthBytes {
		return nil
	}
	j := newJob(c)
	j.frame = p[lengthBytes:]
	if !c.serial() {
		j.fit(len(p) - lengthBytes)
		j.frame = j.buffer.bytes[:copy(j.buffer.bytes, p[lengthBytes:])]
	}
	j.stamps[stage.Arrived], j.stamps[stage.ReadStart] = in.arrivedNs, in.startNs
	in.pending = nil
	in.stampComplete(c, j)
	j.stamps[stage.EnqueueStart] = j.stamps[stage.FrameComplete]
	return j
}

func (in *input) complete() bool { return in.job != nil && in.filled == in.length }

// hasPending reports whether bytes wait that were received with an earlier frame.
func (in *input) hasPending() bool { return len(in.pending) > 0 }

// receive reads the socket once: into the frame under way, or into the thread's
// scratch memory. False means that the socket has nothing.
func (in *input) receive(c *conn, r *receiver) (bool, error) {
	target := r.scratch
	if in.job != nil {
		target = in.room()
	} else if in.prefixed == 0 && c.env.plant.Planted(stage.SocketQueue) {
		c.socket.awaitReadable()
		c.env.plant.In(stage.SocketQueue)
		r.freshNs = 0
	}
	start := r.start(c.env)
	n, arrivedNs, errno := c.socket.receive(r, target)
	r.counters.own.Receives++
	switch {
	case errno == unix.EAGAIN:
		return false, nil
	case errno == unix.EINTR:
		return true, nil
	case errno != 0:
		return false, fmt.Errorf("receive: %w", errno)
	case n == 0:
		in.ended = true
		return false, nil
	}
	in.endNs = c.env.now()
	in.arrivedNs, in.startNs = c.readInterval(arrivedNs, start, in.endNs)
	r.counters.received(n, in.endNs-in.startNs)
	in.drained = n < len(target)
	if in.job != nil {
		in.filled += n
	} else {
		in.pending = target[:n]
	}
	return true, nil
}

// readInterval corrects the stamps of a receive. A receive that waited began to
// read when the thread ran again, not when it was called: the wait for the data
// is nobody's, the wait for a CPU belongs to SocketQueue. Where a loop asked the
// socket before the data came, it began to read when they came. The kernel's stamp
// is that of the newest segment read: SocketQueue is a lower bound where that is
// not the frame's first.
func (c *conn) readInterval(arrived, start, end int64) (arrivedNs, startNs int64) {
	waits := c.serial()
	switch {
	case waits && (arrived == 0 || arrived > start):
		return arrived, end
	case arrived > start:
		return arrived, arrived
	}
	return arrived, start
}

// room is where the frame under way goes on; the buffer doubles when full.
func (in *input) room() []byte {
	j := in.job
	if in.filled == len(j.buffer.bytes) {
		j.buffer = j.buffer.grown(in.filled, 2*in.filled)
	}
	return j.buffer.bytes[in.filled:min(in.length, len(j.buffer.bytes))]
}

// absorb moves pending bytes into the frame's prefix or body.
func (in *input) absorb(c *conn) error {
	if in.job == nil {
		if in.prefixed == 0 {
			in.firstArrivedNs, in.firstStartNs = in.arrivedNs, in.startNs
		}
		n := copy(in.prefix[in.prefixed:], in.pending)
		in.prefixed += n
		in.pending = in.pending[n:]
		if in.prefixed < lengthBytes {
			return nil
		}
		return in.open(c)
	}
	n := copy(in.room(), in.pending)
	in.filled += n
	in.pending = in.pending[n:]
	return nil
}

// open starts the frame whose length is known now.
func (in *input) open(c *conn) error {
	length := int(int32(binary.BigEndian.Uint32(in.prefix[:])))
	if length <= 0 || length > c.env.config.MaxFrameBytes {
		return fmt.Errorf("frame length %d is outside 1 … %d bytes", length, c.env.config.MaxFrameBytes)
	}
	j := newJob(c)
	j.fit(min(length, firstBufferBytes))
	j.stamps[stage.Arrived], j.stamps[stage.ReadStart] = in.firstArrivedNs, in.firstStartNs
	in.job, in.length, in.filled = j, length, 0
	return nil
}

// take hands the complete frame over and keeps what was read beyond it.
func (in *input) take(c *conn) *Job {
	j := in.job
	j.frame = j.buffer.bytes[:in.length]
	in.stampComplete(c, j)
	in.job, in.prefixed = nil, 0
	in.keep()
	return j
}

// stampComplete stamps the end of the receive that brought the last byte.
func (in *input) stampComplete(c *conn, j *Job) {
	if c.env.plant.Planted(stage.Receive) {
		c.env.plant.In(stage.Receive)
		in.endNs = c.env.now()
	}
	j.stamps[stage.FrameComplete] = in.endNs
}

// keep moves pending bytes out of the thread's scratch memory.
func (in *input) keep() {
	if len(in.pending) > 0 {
		in.kept = append(in.kept[:0], in.pending...)
		in.pending = in.kept
	} else if in.kept != nil {
		in.kept = nil
	}
}

// drop frees a frame that will never be complete.
func (in *input) drop() {
	if in.job != nil {
		in.job.free()
		in.job = nil
	}
	in.pending, in.kept = nil, nil
}
