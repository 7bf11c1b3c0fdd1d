package models

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"c10klab/internal/osthread"
	"c10klab/internal/stage"

	"golang.org/x/sys/unix"
)

// mix sends different kinds of requests in one go and expects their answers in
// request order.
func mix(b *bench, c client, rounds int) {
	var all []byte
	for i := range uint32(rounds) {
		all = append(all, request(opEcho, 4*i, []byte("hello"))...)
		all = append(all, request(opFile, 4*i+1, number(int(i)*1000), number(70_000))...)
		all = append(all, request(opDelay, 4*i+2, number(1))...)
		all = append(all, request(opFile, 4*i+3, number(0), number(0))...)
	}
	go c.Write(all)
	for i := range uint32(rounds) {
		c.expect(4*i, []byte("hello"))
		c.expect(4*i+1, b.fileAnswer(int(i)*1000, 70_000))
		c.expect(4*i+2, nil)
		c.expect(4*i+3, []byte("<>"))
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) { mix(b, b.dial(), 20) })
}

func TestSeveralInFlightAreAnsweredInOrder(t *testing.T) {
	everyCombination(t, testInFlight, "max-in-flight=8")
}

func testInFlight(t *testing.T, b *bench) {
	c := b.dial()
	c.send(append(request(opDelay, 1, number(50)), request(opEcho, 2)...))
	c.expect(1, nil)
	c.expect(2, nil)
	mix(b, c, 20)
}

func TestHandlersThatWriteKeepOrder(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) { mix(b, b.dial(), 20) }, "response-writer=handler")
	everyCombination(t, func(t *testing.T, b *bench) { mix(b, b.dial(), 20) }, "response-writer=handler", "max-in-flight=8")
}

func TestFramesArriveByteByByte(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c := b.dial()
		for _, one := range request(opEcho, 7, []byte("slow")) {
			c.send([]byte{one})
		}
		c.expect(7, []byte("slow"))
	})
}

func TestLargeFrameIsWhole(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c := b.dial()
		body := b.service.file.content
		go c.Write(append(request(opEcho, 1, body), request(opEcho, 2)...))
		c.expect(1, body)
		c.expect(2, nil)
	})
}

func TestReaderThatStopsHurtsNobodyElse(t *testing.T) { everyCombination(t, testStuckReader) }

func testStuckReader(t *testing.T, b *bench) {
	stuck := b.dial()
	for tag := range uint32(8) {
		stuck.send(request(opFile, tag, number(0), number(testFileBytes)))
	}
	other := b.dial()
	mix(b, other, 10)
	for tag := range uint32(8) { // and the stuck one loses nothing
		stuck.expect(tag, b.fileAnswer(0, testFileBytes))
	}
}

func TestSilentRequestUnmutesTheConnection(t *testing.T) { everyCombination(t, testSilent) }

func testSilent(t *testing.T, b *bench) {
	c := b.dial()
	c.send(append(request(opSilent, 1), request(opEcho, 2)...))
	c.expect(2, nil)
}

func TestImpossibleFrameLengthClosesOnlyItsConnection(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		other := b.dial()
		half := b.dial()
		half.send(number(1000)) // and then silence
		for _, length := range []int{-1, 0, 100<<20 + 1} {
			c := b.dial()
			c.send(append(request(opEcho, 1), number(length)...))
			c.expect(1, nil)
			if _, _, err := c.receive(); err == nil {
				t.Errorf("length %d: the connection is still open", length)
			}
		}
		mix(b, other, 1)
		if want := "frame length -1"; !strings.Contains(b.logs.text(), want) {
			t.Errorf("the log lacks %q: %s", want, b.logs.text())
		}
	})
}

// TestCallbacksComeInRequestOrderAfterSending has a client that does not read: the kernel
// takes a part of a large answer and no more, so that nothing behind it is sent either.
func TestCallbacksComeInRequestOrderAfterSending(t *testing.T) {
	const fixed = "socket-buffer=100KiB" // the kernel's own tuning may take a whole answer
	everyCombination(t, testCallbackOrder, fixed, "max-in-flight=4")
	everyCombination(t, testCallbackOrder, fixed, "max-in-flight=4", "response-writer=handler")
}

func testCallbackOrder(t *testing.T, b *bench) {
	const answers, large = 12, 4 // every fourth answer is larger than what the kernel takes
	ran := make(chan uint32, answers)
	callback := func(tag uint32) { ran <- tag }
	b.service.answered.Store(&callback)
	c := b.dial()
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for tag := range uint32(answers) {
		all = append(all, request([]byte{opFile, opEcho, opDelay, opEcho}[tag%large], tag, number(1), number(testFileBytes-1))...)
	}
	c.send(all)
	for tag := range uint32(answers) {
		if tag%large == 0 {
			c.awaitStuck()
			if len(ran) > 0 {
				t.Fatalf("the callback of answer %d ran while answer %d was on its way", <-ran, tag)
			}
		}
		if _, _, err := c.receive(); err != nil {
			t.Fatal(err)
		}
		if got := <-ran; got != tag {
			t.Fatalf("callback %d came when that of %d was due", got, tag)
		}
	}
}

// awaitStuck returns when bytes have arrived that nobody reads, and for a while no more.
func (c client) awaitStuck() {
	c.t.Helper()
	const while = 20 * time.Millisecond
	raw, err := c.SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	waiting := func() (bytes int) {
		controlErr := raw.Control(func(fd uintptr) { bytes, err = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
		if err := errors.Join(controlErr, err); err != nil {
			c.t.Fatal(err)
		}
		return bytes
	}
	for before, since, deadline := 0, time.Now(), time.Now().Add(patience); before == 0 || time.Since(since) < while; time.Sleep(time.Millisecond) {
		if now := waiting(); now != before {
			before, since = now, time.Now()
		}
		if time.Now().After(deadline) {
			c.t.Fatal("no answer fills the socket")
		}
	}
}

func TestFullQueueLosesNothing(t *testing.T) {
	everyCombination(t, testFullQueue, "request-queue=2", "handlers=1", "connection-queue=1")
}

func testFullQueue(t *testing.T, b *bench) {
	const connections = 20
	var clients []client
	for i := range uint32(connections) {
		c := b.dial()
		c.send(request(opGate, i))
		c.send(request(opEcho, i+1000, []byte("after")))
		clients = append(clients, c)
	}
	close(b.service.gate)
	for i, c := range clients {
		c.expect(uint32(i), nil)
		c.expect(uint32(i)+1000, []byte("after"))
	}
}

func TestStopUnderLoadAnswersEveryAcceptedRequest(t *testing.T) {
	everyCombination(t, testStopUnderLoad, "max-in-flight=1")
}

func testStopUnderLoad(t *testing.T, b *bench) {
	const connections = 8
	answered := make(chan int, connections)
	for range connections {
		go loadUntilClosed(b, answered)
	}
	for b.service.handled.Load() < 200 {
		runtime.Gosched()
	}
	b.stop()
	total := 0
	for range connections {
		total += <-answered
	}
	if handled := int(b.service.handled.Load()); total != handled {
		t.Errorf("%d requests were handled, %d answers arrived", handled, total)
	}
}

// loadUntilClosed keeps one request under way and reports the answers it got.
func loadUntilClosed(b *bench, answered chan<- int) {
	n := 0
	defer func() { answered <- n }()
	c, err := net.Dial("tcp", b.server.Addr())
	if err != nil {
		return
	}
	defer c.Close()
	one := client{b.t, c.(*net.TCPConn)}
	requests := [][]byte{request(opEcho, 1, make([]byte, 100)), request(opFile, 2, number(0), number(200_000)), request(opDelay, 3, number(2))}
	for ; ; n++ {
		if _, err := c.Write(requests[n%len(requests)]); err != nil {
			return
		}
		if _, _, err := one.receive(); err != nil {
			return
		}
	}
}

func TestNothingLeaks(t *testing.T) { everyCombination(t, testLeaks) }

func testLeaks(t *testing.T, b *bench) {
	before := resources(t)
	config := b.config
	for range 2 {
		again := startBench(t, config)
		for range 10 {
			mix(again, again.dial(), 1)
		}
		abandoned := again.dial()
		abandoned.send(request(opFile, 1, number(0), number(testFileBytes)))
		abandoned.Close()
		again.awaitAllButOpen(10)
		again.stop()
	}
	awaitResources(t, before)
}

// awaitAllButOpen waits until no more than n connections are open.
func (b *bench) awaitAllButOpen(n int) {
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		if _, open := b.server.Connections(); open <= n {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatal("an abandoned connection is still held")
		}
	}
}

type usage struct{ descriptors, goroutines int }

func resources(t *testing.T) usage {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return usage{len(entries), runtime.NumGoroutine()}
}

// awaitResources waits for the clients' own goroutines and for threads on their
// way out.
func awaitResources(t *testing.T, before usage) {
	t.Helper()
	const clientDescriptors = 2 * 12 // clients and files of two servers live until the test ends
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		now := resources(t)
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors+clientDescriptors {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("before %+v, after %+v", before, now)
		}
	}
}

func TestCensusMatchesTheDocumentsTable(t *testing.T) { everyCombination(t, testCensus) }

func testCensus(t *testing.T, b *bench) {
	const connections = 5
	for i := range uint32(connections) {
		c := b.dial()
		c.send(request(opFile, i, number(0), number(100)))
		c.expect(i, b.fileAnswer(0, 100))
	}
	census := b.settledCensus()
	want, err := Threads(b.config, connections)
	if err != nil {
		t.Fatal(err)
	}
	if got := census.Groups(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("census %v, the table says %v", got, want)
	}
	for deadline := time.Now().Add(patience); ; runtime.Gosched() { // a thread may not have slept yet
		idle := ""
		for _, e := range census.Threads {
			serves := strings.HasPrefix(e.Name, "conn-") || strings.HasPrefix(e.Name, "net-")
			if serves && (e.CPUNs == 0 || e.VoluntarySwitches == 0 || e.State == "") {
				idle = fmt.Sprintf("%s served a request and shows CPU %d ns, %d switches", e.Name, e.CPUNs, e.VoluntarySwitches)
			}
		}
		if idle == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(idle)
		}
		census = b.settledCensus()
	}
}

// settledCensus waits for threads that end with their send.
func (b *bench) settledCensus() osthread.Census {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		census, err := b.server.Census()
		if err != nil {
			b.t.Fatal(err)
		}
		if b.config.Send != "thread-per-send" || census.Groups()["send"] == 0 {
			return census
		}
		if time.Now().After(deadline) {
			b.t.Fatal("a send thread lives on after its send")
		}
	}
}

func TestEveryStageIsCountedOncePerRequest(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c := b.dial()
		const rounds = 5
		mix(b, c, rounds)
		b.stop()
		recorded, _ := b.stages.Snapshot()
		for _, key := range []struct {
			api  string
			want int64
		}{{"plain", 2 * rounds}, {"file", 2 * rounds}} {
			for k, h := range recorded {
				once := k.Stage != stage.BlockedOnDisk.String()
				if once && k.API == key.api && h.Count()+h.OutOfRange() != key.want {
					t.Errorf("%s: %d counts for %d requests", k, h.Count()+h.OutOfRange(), key.want)
				}
			}
		}
	})
}

func TestRefusedPairsSayWhy(t *testing.T) {
	cases := []struct{ settings, want string }{
		{"model=thread-per-connection,send=pool", "thread of its own"},
		{"model=goroutine-per-connection,send=pool", "thread of its own"},
		{"model=thread-per-connection,max-in-flight=2", "one request at a time"},
		{"model=reactor,response-writer=handler", "no handler threads"},
		{"model=loop-per-thread,response-writer=handler", "no handler threads"},
		{"model=reactor,send=handler", "no handler threads"},
		{"model=loop-per-thread,send=prewarm", "no handler threads"},
		{"model=thread-per-connection,send=prewarm", "no handler threads"},
		{"model=goroutine-per-connection,send=handler", "no handler threads"},
		{"model=thread-per-connection,send=thread-per-send", "thread of its own"},
		{"model=thread-per-connection,send=shared-selector", "thread of its own"},
		{"model=goroutine-per-connection,send=selector-pool", "thread of its own"},
		{"model=goroutine-per-connection,send=resident", "thread of its own"},
	}
	for _, c := range cases {
		config := defaultConfig(t, strings.Split(c.settings, ",")...)
		_, err := Start(config, "127.0.0.1:0", &testService{}, nil, t.Logf)
		var refused *RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), config.Model) {
			t.Errorf("%s gave %v", c.settings, err)
		}
	}
}

func TestUnknownNamesAreNamed(t *testing.T) {
	config := defaultConfig(t)
	config.Model = "reactr"
	if err := Check(config); err == nil || !strings.Contains(err.Error(), "did you mean reactor?") {
		t.Errorf("error %v", err)
	}
}

func TestPortInUseIsNamed(t *testing.T) {
	b := startBench(t, defaultConfig(t))
	_, err := Start(b.config, b.server.Addr(), b.service, nil, b.logs.log)
	if err == nil || !strings.Contains(err.Error(), b.server.Addr()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v does not name the address and its fate", err)
	}
}

// Epoll tells once of a request that comes while its connection has all in flight that it
// may. It must not be forgotten when a request read earlier is taken next.
func TestRequestThatComesWhileMutedIsRead(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c, other := b.dial(), b.dial()
		c.send(append(request(opLater, 1), request(opEcho, 2)...))
		b.waitFor("delayed request", func() bool { return b.service.handled.Load() == 1 })
		c.send(request(opEcho, 3))
		other.send(request(opEcho, 9)) // its answer comes after the edge of 3 was seen
		other.expect(9, nil)
		close(b.service.later)
		for tag := range uint32(3) {
			c.expect(tag+1, nil)
		}
	}, "loops=1")
}
