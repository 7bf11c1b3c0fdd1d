package models

import (
	"bytes"
	"encoding/binary"
	"testing"

	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

// scripted is a socket that gives a stream in pieces of given sizes, each followed
// by nothing for now.
type scripted struct {
	stream []byte
	sizes  []byte // of the pieces, less one; used in turn
	next   int
	dry    bool
}

func (s *scripted) receive(_ *receiver, p []byte) (int, int64, unix.Errno) {
	s.dry = !s.dry
	if s.dry && s.next > 0 {
		return 0, 0, unix.EAGAIN
	}
	if len(s.stream) == 0 {
		return 0, 0, 0
	}
	size := len(s.stream)
	if len(s.sizes) > 0 {
		size = 1 + int(s.sizes[s.next%len(s.sizes)])
		s.next++
	}
	n := copy(p[:min(len(p), size)], s.stream)
	s.stream = s.stream[n:]
	return n, 0, 0
}

func (s *scripted) send(p []byte, _ bool) (int, unix.Errno)          { return len(p), 0 }
func (s *scripted) sendfile(_ int, _ int64, n int) (int, unix.Errno) { return n, 0 }
func (s *scripted) sendMapped(poll.Mapping) (int, unix.Errno)        { return 0, 0 }
func (s *scripted) awaitReadable()                                   {}
func (s *scripted) unsent() int                                      { return 0 }
func (s *scripted) stopReceiving()                                   {}
func (s *scripted) shutdown()                                        {}
func (s *scripted) shutdownSending()                                 {}
func (s *scripted) close()                                           {}

const fuzzMaxFrame = 1 << 16

// framesOf is the plain reading of a stream: its whole frames, and whether a
// length in it is impossible.
func framesOf(stream []byte) (frames [][]byte, bad bool) {
	for len(stream) >= lengthBytes {
		length := int(int32(binary.BigEndian.Uint32(stream)))
		if length <= 0 || length > fuzzMaxFrame {
			return frames, true
		}
		if len(stream)-lengthBytes < length {
			break
		}
		frames = append(frames, stream[lengthBytes:lengthBytes+length])
		stream = stream[lengthBytes+length:]
	}
	return frames, false
}

// FuzzInput holds the frame reader to the plain reading, however the stream is
// cut into pieces.
func FuzzInput(f *testing.F) {
	two := append(request(opEcho, 1, []byte("hello")), request(opEcho, 2, make([]byte, 40_000))...)
	f.Add(two, []byte{0})
	f.Add(two, []byte{255, 3, 100})
	f.Add(two[:len(two)-1], []byte{})
	f.Add([]byte{255, 255, 255, 255}, []byte{1})
	f.Add([]byte{0, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, stream, sizes []byte) {
		e := &env{config: Config{InFlight: 1, MaxFrameBytes: fuzzMaxFrame}, log: t.Logf}
		c := new(conn).open(e, &scripted{stream: stream, sizes: sizes}, -1, "fuzz", nil, loopManner, new(freeJobs))
		receiver := e.newReceiver(new(threadCounters).open(e, "net-0"), make([]byte, scratchBytes))
		r := &receiver
		want, bad := framesOf(stream)
		got := 0
		var err error
		for err == nil && !c.input.ended {
			var j *Job
			if j, err = c.input.next(c, r); j == nil {
				continue
			}
			if got == len(want) || !bytes.Equal(j.Frame(), want[got]) {
				t.Fatalf("frame %d has %d bytes and is not that of the stream", got, len(j.Frame()))
			}
			got++
			j.free()
		}
		if got != len(want) || (err != nil) != bad {
			t.Fatalf("%d frames and error %v, want %d and an error: %v", got, err, len(want), bad)
		}
		c.kill(nil)
		if e.live.Load() != 0 {
			t.Error("the connection is still referred to")
		}
	})
}
