package loadgen

import (
	"bytes"
	"encoding/binary"
	"testing"

	"c10klab/internal/kafka"

	"golang.org/x/sys/unix"
)

// slow is a system whose clock moves with each look and whose sockets take a few bytes a
// call, every other call none.
type slow struct {
	kernel
	bytesPerCall int
	nowNs        int64
	calls        int
	sent         bytes.Buffer
}

func (s *slow) now() int64 { s.nowNs++; return s.nowNs }

func (s *slow) send(_ int, b []byte) (int, unix.Errno) {
	if s.calls++; s.calls%2 == 0 {
		return 0, unix.EAGAIN
	}
	n := min(s.bytesPerCall, len(b))
	s.sent.Write(b[:n])
	return n, 0
}

const togetherNow = 4

// newSlowRig makes a connection of four requests in flight with four more waiting.
func newSlowRig(t *testing.T, bytesPerCall int) (*rig, *slow) {
	r := newRig(t, echoConfig(t, "", "in-flight", "4"))
	g := &slow{bytesPerCall: bytesPerCall}
	r.load.system = g
	for range 2 * togetherNow {
		r.offerAt(1)
	}
	for r.inFlight.at(togetherNow-1).LastByteNs == 0 {
		if err := r.writable(); err != nil {
			t.Fatal(err)
		}
	}
	if r.waiting.len() != togetherNow {
		t.Fatalf("%d requests wait, want %d", r.waiting.len(), togetherNow)
	}
	return r, g
}

// answerAll answers the four in flight in one piece.
func (r *rig) answerAll() {
	r.t.Helper()
	var answers []byte
	for i := range togetherNow {
		payload := make([]byte, r.load.cfg.EchoBytes)
		binary.BigEndian.PutUint32(payload, uint32(r.inFlight.at(i).ID))
		answers = append(answers, framed(payload)...)
	}
	if err := r.answer(answers); err != nil {
		r.t.Fatal(err)
	}
}

func TestRequestsThatMayGoAtOnceGoInOneCall(t *testing.T) {
	r, g := newSlowRig(t, 1<<20)
	before := g.calls - g.calls%2
	g.calls = before
	r.answerAll()
	if calls := g.calls - before; calls != 1 || r.waiting.len() != 0 {
		t.Errorf("%d send calls for %d requests, %d of them wait", calls, togetherNow, r.waiting.len())
	}
	if r.out.buffer != nil {
		t.Error("the buffer was not given back")
	}
}

// TestFramesThatGoOutTogetherAreStampedEach lets the socket take the bytes of four frames
// in pieces: the bytes are those of whole frames in order, and a request's stamps are those
// of the calls that took its first and its last byte.
func TestFramesThatGoOutTogetherAreStampedEach(t *testing.T) {
	for _, bytesPerCall := range []int{1, 67, 68, 69, 100, 137, 1 << 20} {
		r, g := newSlowRig(t, bytesPerCall)
		r.answerAll()
		for r.out.buffer != nil {
			if err := r.writable(); err != nil {
				t.Fatal(err)
			}
		}
		frameBytes := kafka.PrefixBytes + r.load.cfg.EchoBytes
		sent := g.sent.Bytes()
		if len(sent) != 2*togetherNow*frameBytes {
			t.Fatalf("%d bytes a call: %d bytes sent", bytesPerCall, len(sent))
		}
		for i := range 2 * togetherNow {
			frame := sent[i*frameBytes:][:frameBytes]
			if id := binary.BigEndian.Uint32(frame[kafka.PrefixBytes:]); binary.BigEndian.Uint32(frame) != uint32(r.load.cfg.EchoBytes) || id != uint32(1+int32(i)*r.idStride()) {
				t.Errorf("%d bytes a call: frame %d has id %d", bytesPerCall, i, id)
			}
		}
		for i := range togetherNow {
			q := r.inFlight.at(i)
			oneCall := i*frameBytes/bytesPerCall == ((i+1)*frameBytes-1)/bytesPerCall
			if q.FirstByteNs == 0 || q.LastByteNs < q.FirstByteNs || (q.LastByteNs == q.FirstByteNs) != oneCall {
				t.Errorf("%d bytes a call: request %d of %d bytes was stamped %d to %d", bytesPerCall, i, frameBytes, q.FirstByteNs, q.LastByteNs)
			}
			if i > 0 && q.FirstByteNs < r.inFlight.at(i-1).LastByteNs {
				t.Errorf("%d bytes a call: request %d began before the one ahead of it was out", bytesPerCall, i)
			}
		}
	}
}
