package models

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// holdsNoThread reports whether the strategy promises that a reader which stops
// reading occupies none of the threads that others need.
func holdsNoThread(c Config) bool {
	return c.Send != "selector-pool" && !strings.HasSuffix(c.Model, "per-connection")
}

// stuckReaders asks for more than sockets hold and reads the first byte only, so
// that sending has begun and cannot go on.
func (b *bench) stuckReaders(n int) []client {
	var readers []client
	for range n {
		c := b.dial()
		c.send(request(opFile, 1, number(0), number(testFileBytes)))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			b.t.Fatal(err)
		}
		readers = append(readers, c)
	}
	return readers
}

func TestReadersThatStopHoldNoThread(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		if !holdsNoThread(b.config) {
			t.Skip("the original holds a thread for each reader")
		}
		b.stuckReaders(4)
		mix(b, b.dial(), 5)
	}, "send-threads=1", "handlers=1", "loops=1")
}

func TestSelectorPoolClosesReadersThatTakeNothing(t *testing.T) {
	config := defaultConfig(t, "send=selector-pool", "send-threads=1", "selector-timeout=50ms")
	b := startBench(t, config)
	b.stuckReaders(1)
	mix(b, b.dial(), 2) // once the only send thread is free again
	if want := "took nothing for 50ms"; !strings.Contains(b.logs.text(), want) {
		t.Errorf("the log lacks %q: %s", want, b.logs.text())
	}
}

func TestSelectorsAreReusedNewestFirstAndClosedWhenIdle(t *testing.T) {
	pool := selectors{idleFor: time.Hour}
	defer pool.close()
	first, _ := pool.borrow()
	second, err := pool.borrow()
	if err != nil {
		t.Fatal(err)
	}
	pool.giveBack(first)
	pool.giveBack(second)
	if again, _ := pool.borrow(); again != second {
		t.Error("the selector used last was not taken first")
	}
	pool.idle[0].sinceNs -= int64(2 * time.Hour)
	pool.giveBack(second)
	if len(pool.idle) != 1 || pool.idle[0].epoll != second {
		t.Errorf("%d selectors are kept, want the one used last", len(pool.idle))
	}
	if _, err := first.Poll(); err == nil {
		t.Error("the selector that lay idle is still open")
	}
}

func TestTruncatedFileEndsItsConnectionOnly(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		other := b.dial()
		const left = testFileBytes/2 + 100
		if err := os.Truncate(b.service.file.os.Name(), left); err != nil {
			t.Fatal(err)
		}
		for _, offset := range []int{0, left - 10, left + 1<<20} {
			c := b.dial()
			c.send(request(opFile, 1, number(offset), number(1<<21)))
			if _, _, err := c.receive(); err == nil {
				t.Errorf("a region from %d on of a file of %d bytes was answered", offset, left)
			}
		}
		mix(b, other, 2)
		if want := errSegmentEnded.Error(); strings.Count(b.logs.text(), want) != 3 {
			t.Errorf("the log does not say %q three times: %s", want, b.logs.text())
		}
	})
}

func TestResponsesTakeTurnsAndLoseNothing(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		b.stuckReaders(1)
		c := b.dial()
		mix(b, c, 10)
		c.send(request(opFile, 1, number(3), number(testFileBytes-3)))
		c.expect(1, b.fileAnswer(3, testFileBytes-3))
	}, "send-cap=30000", "sends-per-turn=1", "max-in-flight=4")
}

func TestSendCapBoundsEverySendCall(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send(request(opFile, 1, number(0), number(testFileBytes)))
		c.expect(1, b.fileAnswer(0, testFileBytes))
		b.stop()
		const capBytes, memoryPieces = 50_000, 2
		var sends int64
		for _, io := range b.server.ThreadIO() {
			sends += io.SendCalls
		}
		if sends < testFileBytes/capBytes+memoryPieces {
			t.Errorf("%d send calls for %d bytes, %d at a time", sends, testFileBytes, capBytes)
		}
	}, "send-cap=50000")
}
