package loadgen

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"c10klab/internal/clock"
	"c10klab/internal/kafka"
	"c10klab/loadgen/judge"

	"golang.org/x/sys/unix"
)

// rig is one connection without threads: the test calls what the sender and the
// receiver would, and is the target.
type rig struct {
	*connection
	t      *testing.T
	target net.Conn
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fds[1]), "target")
	target, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	l := newLoad(cfg)
	if err := l.makeProtocols(); err != nil {
		t.Fatal(err)
	}
	l.window.Set(0, 1<<62)
	r := &rig{t: t, target: target}
	r.connection = newConnection(l, []*framePool{newFramePool(l.protocol, cfg.InFlight)}, l.newTally(), fds[0], 0)
	t.Cleanup(func() { target.Close(); unix.Close(fds[0]) })
	return r
}

func (r *rig) offerAt(dueNs int64) {
	r.t.Helper()
	if err := r.offer(dueNs, 0, r.own); err != nil {
		r.t.Fatal(err)
	}
}

// read takes one request frame at the target and returns its payload.
func (r *rig) read() []byte {
	r.t.Helper()
	var prefix [kafka.PrefixBytes]byte
	if _, err := io.ReadFull(r.target, prefix[:]); err != nil {
		r.t.Fatal(err)
	}
	payload := make([]byte, binary.BigEndian.Uint32(prefix[:]))
	if _, err := io.ReadFull(r.target, payload); err != nil {
		r.t.Fatal(err)
	}
	return payload
}

// answer sends bytes from the target and lets the connection receive them.
func (r *rig) answer(frame []byte) error {
	r.t.Helper()
	if _, err := r.target.Write(frame); err != nil {
		r.t.Fatal(err)
	}
	return r.receive(make([]byte, scratchBytes), false)
}

func (r *rig) mustAnswer(payload []byte) {
	r.t.Helper()
	if err := r.answer(framed(payload)); err != nil {
		r.t.Fatal(err)
	}
}

// firstOf returns the only value that a span's histogram holds.
func (r *rig) firstOf(s judge.Span) int64 {
	r.t.Helper()
	h := r.own.Histograms[s]
	if h.Count() != 1 {
		r.t.Fatalf("%d values, want 1", h.Count())
	}
	return h.MaxNs()
}

func TestFreeConnectionIsAttemptedWhenTheSenderComes(t *testing.T) {
	r := newRig(t, echoConfig(t, ""))
	const lateNs = 50_000_000
	dueNs := clock.Now() - lateNs
	r.offerAt(dueNs)
	r.mustAnswer(r.read())
	if late := r.firstOf(judge.Lateness); late < lateNs {
		t.Errorf("Lateness %d ns, the sender came %d ns late", late, lateNs)
	}
	if response, service := r.firstOf(judge.ResponseTime), r.firstOf(judge.ServiceTime); response < lateNs || service >= response {
		t.Errorf("ResponseTime %d ns, ServiceTime %d ns", response, service)
	}
}

func TestRequestThatFindsTheConnectionBlockedIsNotLate(t *testing.T) {
	r := newRig(t, echoConfig(t, ""))
	r.offerAt(clock.Now())
	dueNs := clock.Now()
	for clock.Now() == dueNs {
	}
	r.offerAt(dueNs)
	waiting := *r.waiting.at(0)
	if waiting.AttemptedNs != dueNs {
		t.Errorf("attempted %d ns after it fell due, want at due", waiting.AttemptedNs-dueNs)
	}
	r.mustAnswer(r.read())
	r.mustAnswer(r.read())
	if back, response := r.own.Histograms[judge.BackPressure].MaxNs(), r.own.Histograms[judge.ResponseTime].MinNs(); back == 0 || response == 0 {
		t.Errorf("BackPressure %d ns, ResponseTime %d ns", back, response)
	}
}

func TestRequestDueBeforeTheConnectionWasBlockedIsLate(t *testing.T) {
	r := newRig(t, echoConfig(t, ""))
	const lateNs = 50_000_000
	dueNs := clock.Now() - lateNs
	r.offerAt(dueNs)
	r.offerAt(dueNs + 1) // the connection was free at that time: only the sender slept
	if got := *r.waiting.at(0); got.AttemptedNs-got.DueNs < lateNs-1 {
		t.Errorf("Lateness %d ns, want at least %d", got.AttemptedNs-got.DueNs, lateNs-1)
	}
}

func TestInFlightLimit(t *testing.T) {
	r := newRig(t, echoConfig(t, "", "in-flight", "2"))
	for range 3 {
		r.offerAt(clock.Now())
	}
	if r.inFlight.len() != 2 || r.waiting.len() != 1 {
		t.Fatalf("%d in flight and %d waiting, want 2 and 1", r.inFlight.len(), r.waiting.len())
	}
	first, second := r.read(), r.read()
	r.mustAnswer(first)
	if r.inFlight.len() != 2 || r.waiting.len() != 0 {
		t.Errorf("after an answer %d in flight and %d waiting, want 2 and 0", r.inFlight.len(), r.waiting.len())
	}
	r.mustAnswer(second)
	r.mustAnswer(r.read())
	if n := r.load.outstanding.Load(); n != 0 {
		t.Errorf("%d outstanding at the end", n)
	}
}

func TestPartialSendGoesOnWhenTheTargetTakesMore(t *testing.T) {
	const payloadBytes = 8 << 20 // more than any socket buffer here
	r := newRig(t, echoConfig(t, "", "echo-bytes", "8MiB"))
	r.offerAt(clock.Now())
	sending := *r.inFlight.at(0)
	if sending.FirstByteNs == 0 || sending.LastByteNs != 0 {
		t.Fatalf("first byte stamp %d, last byte stamp %d: want a send half done", sending.FirstByteNs, sending.LastByteNs)
	}
	got := make(chan []byte)
	go func() {
		frame := make([]byte, kafka.PrefixBytes+payloadBytes)
		io.ReadFull(r.target, frame)
		got <- frame[kafka.PrefixBytes:]
	}()
	for r.inFlight.at(0).LastByteNs == 0 {
		if err := r.writable(); err != nil {
			t.Fatal(err)
		}
	}
	payload := <-got
	want := r.load.protocol.newFrame()
	r.load.protocol.stamp(want, r.index, sending.ID, sending.DueNs)
	if want = want[kafka.PrefixBytes:]; !bytes.Equal(payload, want) {
		t.Error("the target got other bytes than were sent")
	}
	if err := r.deliver(payload, clock.Now()); err != nil {
		t.Fatal(err)
	}
	if back, service := r.firstOf(judge.BackPressure), r.firstOf(judge.ServiceTime); back == 0 || back > service {
		t.Errorf("BackPressure %d ns, ServiceTime %d ns", back, service)
	}
}

func TestWrongAnswersAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		offers int
		frame  []byte
		want   string
	}{
		"correlation id":     {1, framed(make([]byte, 64)), "correlation id 0, next is 1"},
		"nothing asked":      {0, framed(make([]byte, 64)), "without a request"},
		"too short":          {1, framed([]byte{0, 0}), "no correlation id"},
		"absurd length":      {1, []byte{0x7f, 0, 0, 0}, "above the limit"},
		"negative length":    {1, []byte("\xff\xff\xff\xff"), "negative"},
		"more than it makes": {1, framed(make([]byte, 65)), "at most 64"},
		"HTTP":               {1, []byte("HTTP/1.1 400 Bad Request\r\n"), "above the limit"},
	} {
		r := newRig(t, echoConfig(t, ""))
		for range c.offers {
			r.offerAt(clock.Now())
		}
		err := r.answer(c.frame)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "producer 0") {
			t.Errorf("%s: %v, want an error with %q that names the connection", name, err, c.want)
		}
	}
}

func TestAnswerBeforeTheRequestIsOutIsAnError(t *testing.T) {
	r := newRig(t, echoConfig(t, "", "echo-bytes", "8MiB"))
	r.offerAt(clock.Now())
	if err := r.deliver([]byte{0, 0, 0, 1}, clock.Now()); err == nil || !strings.Contains(err.Error(), "before its last byte") {
		t.Errorf("got %v", err)
	}
}

func TestAnswersInAnyPieces(t *testing.T) {
	const requests = 40
	for _, pieceBytes := range []int{1, 3, 5, 67, 68, 69, 137, 1000} {
		r := newRig(t, echoConfig(t, "", "in-flight", "100"))
		var stream []byte
		for range requests {
			r.offerAt(clock.Now())
			stream = append(stream, framed(r.read())...)
		}
		for len(stream) > 0 {
			piece := stream[:min(pieceBytes, len(stream))]
			stream = stream[len(piece):]
			if err := r.answer(piece); err != nil {
				t.Fatalf("pieces of %d: %v", pieceBytes, err)
			}
		}
		if n := r.own.Counts[judge.Answered]; n != requests {
			t.Errorf("pieces of %d: %d answers, want %d", pieceBytes, n, requests)
		}
	}
}

func TestRequestAllocatesNothing(t *testing.T) {
	r := newRig(t, echoConfig(t, ""))
	frame := make([]byte, kafka.PrefixBytes+r.load.cfg.EchoBytes)
	scratch := make([]byte, scratchBytes)
	allocs := testing.AllocsPerRun(1000, func() {
		r.offerAt(clock.Now())
		if _, err := io.ReadFull(r.target, frame); err != nil {
			t.Fatal(err)
		}
		if _, err := r.target.Write(frame); err != nil {
			t.Fatal(err)
		}
		if err := r.receive(scratch, false); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per request", allocs)
	}
}

func TestEveryConnectionHasCorrelationIDsOfItsOwn(t *testing.T) {
	payload := echo{payloadBytes: 8}
	l := &load{cfg: Config{Producers: 3}, protocol: payload, sizes: []protocol{payload}, system: kernel{}}
	seen := map[int32]int{}
	for index := range 3 {
		c := newConnection(l, []*framePool{newFramePool(payload, 100)}, nil, -1, index)
		for range 100 {
			c.begin(request{})
			if other, twice := seen[c.lastID]; twice {
				t.Fatalf("connections %d and %d both use id %d", other, index, c.lastID)
			}
			seen[c.lastID] = index
		}
	}
}
