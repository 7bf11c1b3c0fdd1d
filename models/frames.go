package models

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
	"c10klab/internal/stage"

	"golang.org/x/sys/unix"
)

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
	// began is when the next receive begins, where the thread has just read the clock.
	began instant
}

// begins is the instant at which a receive begins, now.
func (r *receiver) begins(e *env) int64 {
	if ns := r.began.take(); ns != 0 {
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

// stampsArrivals reports whether the kernel's receive stamps are asked for: only
// stages use them.
func (e *env) stampsArrivals() bool { return e.config.KernelStamps && e.stages != nil }

// newReceiver makes one that receives into scratch, of scratchBytes.
func (e *env) newReceiver(counters *threadCounters, scratch []byte) receiver {
	return receiver{kernelStamps: e.stampsArrivals(), offset: &e.offset, scratch: scratch, counters: counters}
}

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
	starved                      bool // the frame that begins waits for memory
	ended                        bool // the peer will send no more
}

// next returns the connection's next frame as a job, or nil when the socket has
// no more for now or, with ended, for ever, or when the frame waits for memory. It receives no more often than one
// frame needs. Only the thread that reads the connection may call it, with its own
// receiver; it waits if the connection's manner is to wait.
func (in *input) next(c *conn, r *receiver) (*Job, error) {
	for justRead := false; ; justRead = true {
		for len(in.pending) > 0 && !in.complete() {
			if err := in.absorb(c); err == errNoMemory {
				in.starved = true
				in.keep() // out of the thread's scratch memory
				return nil, nil
			} else if err != nil {
				return nil, err
			}
		}
		if in.complete() {
			return in.take(justRead), nil
		}
		if received, err := in.receive(c, r); !received || err != nil {
			return nil, err
		}
		if j := in.takeWhole(c); j != nil {
			return j, nil
		}
		if in.drained && !in.complete() && len(in.pending) == 0 && c.hearsOfMore() {
			return nil, nil
		}
	}
}

// takeWhole takes the short way of most small requests: what was received is one
// frame and nothing else. Where the thread reads no more before the answer is sent, the
// frame stays in the thread's scratch memory.
func (in *input) takeWhole(c *conn) *Job {
	p := in.pending
	if in.prefixed > 0 || in.job != nil || len(p) <= lengthBytes || len(p) > keptBufferBytes ||
		int(binary.BigEndian.Uint32(p)) != len(p)-lengthBytes {
		return nil
	}
	j := newJob(c)
	j.frame = p[lengthBytes:]
	if !c.manner.lockStep {
		j.fit(len(p) - lengthBytes)
		j.frame = j.buffer.bytes[:copy(j.buffer.bytes, p[lengthBytes:])]
	}
	j.stamps[stage.Arrived], j.stamps[stage.ReadStart] = in.arrivedNs, in.startNs
	in.pending = nil
	in.stampComplete(j, true)
	return j
}

func (in *input) complete() bool { return in.job != nil && in.filled == in.length }

// receive reads the socket once: into the frame under way, or into the thread's
// scratch memory. False means that the socket has nothing.
func (in *input) receive(c *conn, r *receiver) (bool, error) {
	target := r.scratch
	if in.job != nil {
		target = in.room()
	} else if in.prefixed == 0 && c.env.plant.Planted(stage.SocketQueue) {
		c.socket.awaitReadable()
		c.env.plant.In(stage.SocketQueue)
		r.began.drop()
	}
	start := r.begins(c.env)
	n, arrivedNs, errno := c.socket.receive(r, target)
	r.counters.own.ReceiveCalls++
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
	switch {
	case c.manner.waits && (arrived == 0 || arrived > start):
		return arrived, end
	case arrived > start:
		return arrived, arrived
	}
	return arrived, start
}

// hearsOfMore reports that epoll will tell when the socket has more, so that an emptied
// one need not be asked. The end of the stream is told only once.
func (c *conn) hearsOfMore() bool { return c.manner.edges && !c.reading.halfShut }

// room is where the frame under way goes on; the buffer doubles when full.
func (in *input) room() []byte {
	j := in.job
	if in.filled == len(j.buffer.bytes) {
		larger := newBuffer(2 * in.filled)
		copy(larger.bytes, j.buffer.bytes)
		j.buffer.free()
		j.buffer = larger
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
	claimed := 0
	if length > firstBufferBytes {
		if err := c.env.requests.claim(c, length); err != nil {
			return err
		}
		claimed = length
	}
	in.starved = false
	j := newJob(c)
	j.claimed = claimed
	j.fit(min(length, firstBufferBytes))
	j.stamps[stage.Arrived], j.stamps[stage.ReadStart] = in.firstArrivedNs, in.firstStartNs
	in.job, in.length, in.filled = j, length, 0
	return nil
}

// take hands the complete frame over and keeps what was read beyond it.
func (in *input) take(justRead bool) *Job {
	j := in.job
	j.frame = j.buffer.bytes[:in.length]
	in.stampComplete(j, justRead)
	in.job, in.prefixed = nil, 0
	in.keep()
	return j
}

// stampComplete stamps the end of the receive that brought the last byte, which was the
// thread's newest deed if the frame was just read.
func (in *input) stampComplete(j *Job, justRead bool) {
	j.justRead = justRead
	j.reachAt(stage.FrameComplete, in.endNs)
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

// Frame buffers come in powers of two and are used again, so that steady load
// allocates nothing.
const (
	leastBufferBits   = 9 // 512 bytes
	mostBufferBits    = 27
	keptBufferBytes   = 4 << 10  // the largest buffer that a job keeps between requests
	keptResponseBytes = 64 << 10 // the same for the memory of a response
)

type buffer struct {
	bytes []byte
	class int
}

var buffers [mostBufferBits + 1]sync.Pool

// newBuffer returns a buffer of at least n bytes, at most 128 MiB.
func newBuffer(n int) *buffer {
	class := max(bits.Len(uint(n-1)), leastBufferBits)
	if b, _ := buffers[class].Get().(*buffer); b != nil {
		return b
	}
	return &buffer{bytes: make([]byte, 1<<class), class: class}
}

func (b *buffer) free() {
	if b != nil {
		buffers[b.class].Put(b)
	}
}
