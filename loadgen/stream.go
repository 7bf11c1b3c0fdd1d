package loadgen

import (
	"errors"
	"fmt"
	"slices"

	"c10klab/internal/clock"
	"c10klab/internal/kafka"
	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

var errClosedByTarget = errors.New("closed by the target")

// stream is one socket and the frames that arrive on it. Its receiver thread
// uses it, except fd and broken, which any thread may.
type stream struct {
	fd             int
	down           bool   // there is no connection at present; under the lock of whoever embeds it
	name           string // "producer 17", for errors
	maxAnswerBytes int
	// deliver gets a frame's payload, valid during the call, and the instant at
	// which its last byte was at this process.
	deliver func(payload []byte, nowNs int64) error
	proceed func() error // called once the frames of one read have been delivered; may be nil

	stamped   *stampedSocket // nil: arrivals are not stamped
	arrivedNs int64          // the newest bytes did, by the kernel; 0: not known

	partial   []byte // a frame that has begun to arrive; empty: none
	wantBytes int    // what partial is to grow to next: a length or a whole frame
}

// broken wraps an error with the connection's name and local port, by which the
// target's side of it is found.
func (s *stream) broken(err error) error {
	local := "closed socket"
	if addr, failed := unix.Getsockname(s.fd); failed == nil {
		switch a := addr.(type) {
		case *unix.SockaddrInet4:
			local = fmt.Sprintf("local port %d", a.Port)
		case *unix.SockaddrInet6:
			local = fmt.Sprintf("local port %d", a.Port)
		}
	}
	return fmt.Errorf("connection of %s (%s): %w", s.name, local, err)
}

// receive takes what the socket holds and delivers every whole frame. toEnd goes
// on to the end of the stream, which is an error.
func (s *stream) receive(scratch []byte, toEnd bool) error {
	for {
		space := scratch
		if len(s.partial) > 0 {
			space = s.partial[len(s.partial):s.wantBytes]
		}
		n, errno := s.recv(space)
		switch {
		case errno == unix.EAGAIN:
			return nil
		case errno != 0:
			return s.broken(errno)
		case n == 0:
			return s.broken(errClosedByTarget)
		}
		if err := s.arrived(space[:n], clock.Now()); err != nil {
			return s.broken(err)
		}
		if n < len(space) && !toEnd {
			return nil // the socket is empty; more is another edge
		}
	}
}

// oneRequest is a connection with at most one request under way. Its mutex is for whoever
// embeds it.
type oneRequest struct {
	stream
	mu     poll.Mutex
	rest   []byte // of the request, not yet accepted
	lastID int32  // its correlation id, the newest one
	asking bool   // it has no answer yet
}

// send sends a request. Its caller holds mu.
func (o *oneRequest) send(frame []byte) error {
	o.asking, o.rest = true, frame
	return o.push()
}

// push sends what the socket takes. Its caller holds mu.
func (o *oneRequest) push() error {
	for len(o.rest) > 0 {
		n, errno := poll.Send(o.fd, o.rest, false)
		if errno == unix.EAGAIN {
			return nil
		}
		if errno != 0 {
			return o.broken(errno)
		}
		o.rest = o.rest[n:]
	}
	return nil
}

// writable continues a send; the receiver calls it.
func (o *oneRequest) writable() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.push()
}

// isSent reports whether a request is wholly sent and not answered. Its caller holds mu.
func (o *oneRequest) isSent() bool { return o.asking && len(o.rest) == 0 }

// stampedSocket reads the sockets of one receiver thread with the kernel's stamps.
type stampedSocket struct {
	receiver poll.StampedReceiver
	wall     *clock.Offset
}

func (s *stream) recv(p []byte) (int, unix.Errno) {
	if s.stamped == nil {
		return poll.Recv(s.fd, p)
	}
	n, realNs, errno := s.stamped.receiver.Recv(s.fd, p)
	s.arrivedNs = 0
	if realNs != 0 {
		s.arrivedNs = s.stamped.wall.Monotonic(realNs)
	}
	return n, errno
}

// arrived delivers the frames that data completes and keeps the rest. What had arrived of a
// frame before lies right ahead of data.
func (s *stream) arrived(data []byte, nowNs int64) error {
	begun := len(s.partial) > 0
	if begun {
		data = s.partial[:len(s.partial)+len(data)]
	}
	for {
		size, err := s.frameBytes(data)
		if err != nil {
			return err
		}
		if len(data) < size {
			if !begun {
				data = append(slices.Grow(s.partial, size), data...)
			}
			s.partial, s.wantBytes = slices.Grow(data, size-len(data)), size
			break
		}
		if err := s.deliver(data[kafka.PrefixBytes:size], nowNs); err != nil {
			return err
		}
		data, s.partial, begun = data[size:], s.partial[:0], false
	}
	if s.proceed == nil {
		return nil
	}
	return s.proceed()
}

// frameBytes is the size of the frame that data begins with, length included, or that of
// the length while it is not whole.
func (s *stream) frameBytes(data []byte) (int, error) {
	if len(data) < kafka.PrefixBytes {
		return kafka.PrefixBytes, nil
	}
	n, err := kafka.FrameLength(data)
	if err == nil && n > s.maxAnswerBytes {
		err = fmt.Errorf("an answer of %d bytes, at most %d make sense", n, s.maxAnswerBytes)
	}
	return kafka.PrefixBytes + n, err
}
