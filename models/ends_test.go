package models

// How connections end, by whom and when, is the same under every model: a difference would bias each
// comparison of them.

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestHalfClosedConnectionGetsItsAnswers(t *testing.T) { everyCombination(t, testHalfClose) }

func testHalfClose(t *testing.T, b *bench) {
	c := b.dial()
	c.send(append(request(opDelay, 1, number(20)), request(opFile, 2, number(5), number(100_000))...))
	c.CloseWrite()
	c.expect(1, nil)
	c.expect(2, b.fileAnswer(5, 100_000))
	if _, _, err := c.receive(); err != io.EOF {
		t.Errorf("after the answers: %v, want the end of the stream", err)
	}
}

func TestResetDuringAnswerReleasesEverything(t *testing.T) { everyCombination(t, testReset) }

func testReset(t *testing.T, b *bench) {
	for range 5 {
		c := b.dial()
		c.send(request(opFile, 1, number(0), number(testFileBytes)))
		c.send(request(opEcho, 2))
		if _, err := io.ReadFull(c, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		c.SetLinger(0)
		c.Close()
	}
	b.awaitNoConnections()
	mix(b, b.dial(), 2)
}

// TestWhatCameBeforeAResetIsServed: a peer that asks for no answers and resets its connection at once
// loses none of its requests, whichever the model.
func TestWhatCameBeforeAResetIsServed(t *testing.T) { everyCombination(t, testBeforeReset) }

func testBeforeReset(t *testing.T, b *bench) {
	const requests = 100
	var all []byte
	for tag := range uint32(requests) {
		all = append(all, request(opSilent, tag)...)
	}
	for round := range int64(5) {
		c := b.dial()
		c.send(all)
		c.SetLinger(0)
		c.Close()
		b.await("all requests that came before the reset", func() bool { return b.service.handled.Load() == requests*(round+1) })
	}
	b.awaitNoConnections()
}

// TestIdleConnectionsAreClosed, those in the middle of a frame too, under every model, and no others.
func TestIdleConnectionsAreClosed(t *testing.T) { everyCombination(t, testIdle, "max-idle=400ms") }

func testIdle(t *testing.T, b *bench) {
	idle, half, busy := b.dial(), b.dial(), b.dial()
	half.send([]byte{0, 0, 1, 0, opEcho})
	closed := make(chan error, 2)
	for _, c := range []client{idle, half} {
		go func() {
			_, _, err := c.receive()
			closed <- err
		}()
	}
	for tag, left := uint32(0), 2; left > 0; tag++ {
		busy.send(request(opEcho, tag))
		busy.expect(tag, nil)
		select {
		case err := <-closed:
			if left--; err == nil {
				t.Error("an idle connection got an answer")
			}
		case <-time.After(50 * time.Millisecond):
		}
	}
	busy.send(request(opEcho, 7))
	busy.expect(7, nil)
}

// TestHalfSentRequestsAreBounded: those that hold the memory keep the others waiting, and nobody whose
// requests are short; once they go the others are served.
func TestHalfSentRequestsAreBounded(t *testing.T) {
	everyCombination(t, testHalfSent, "request-memory=8MiB", "max-frame=4MiB")
}

func testHalfSent(t *testing.T, b *bench) {
	long := request(opEcho, 3, make([]byte, 3<<20))
	var holders, waiting []client
	for range 2 {
		c := b.dial()
		c.send(long[:len(long)/2])
		holders = append(holders, c)
	}
	used := func() int64 {
		m := b.server.env.requests
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.used
	}
	const all = 2 * (3 << 20)
	b.await("two to have begun", func() bool { return used() >= all })
	for range 3 {
		c := b.dial()
		go c.Write(long)
		waiting = append(waiting, c)
	}
	short := b.dial()
	for tag := range uint32(20) {
		short.send(request(opEcho, tag))
		short.expect(tag, nil)
		if used() > 8<<20 {
			t.Fatalf("%d bytes are in use", used())
		}
	}
	for _, c := range holders {
		c.Close()
	}
	var reading sync.WaitGroup // all at once: an answer that nobody reads keeps its memory
	for _, c := range waiting {
		reading.Go(func() {
			if tag, body, err := c.receive(); err != nil || tag != 3 || len(body) != 3<<20 {
				t.Errorf("answer %d of %d bytes, %v", tag, len(body), err)
			}
		})
	}
	reading.Wait()
	b.await("all memory to be given back", func() bool { return used() == 0 })
}

// awaitNoConnections returns when the server has let go of all connections.
func (b *bench) awaitNoConnections() {
	b.t.Helper()
	b.await("the server to let go of all connections", func() bool { return b.server.env.live.Load() == 0 })
}

func TestHangUpClosesAfterEarlierAnswers(t *testing.T) { everyCombination(t, testHangUp) }

func testHangUp(t *testing.T, b *bench) {
	c := b.dial()
	c.send(append(request(opEcho, 1), request(opHangUp, 2)...))
	c.expect(1, nil)
	if _, _, err := c.receive(); err == nil {
		t.Error("the connection is still open")
	}
	b.awaitNoConnections()
	if !strings.Contains(b.logs.text(), "asked to") {
		t.Errorf("the log lacks the reason: %s", b.logs.text())
	}
}
