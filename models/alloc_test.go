package models

import (
	"runtime"
	"testing"

	"c10klab/internal/poll"
)

// An echo allocates nothing in steady state. All threads of the process count;
// the client makes plain system calls.
func TestEchoAllocatesNothing(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c := b.dial()
		raw, err := c.File()
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		fd, frame, answer := int(raw.Fd()), request(opEcho, 1, make([]byte, 64)), make([]byte, 1024)
		const rounds = 2000
		exchange := func() {
			for range rounds {
				if _, errno := poll.SendWait(fd, frame, false); errno != 0 {
					t.Fatal(errno)
				}
				if _, errno := poll.RecvWait(fd, answer); errno != 0 {
					t.Fatal(errno)
				}
			}
		}
		exchange()
		const background = rounds / 50 // of the runtime and the clock sampler
		fewest := uint64(rounds)
		for range 3 { // the background has its moments, requests would allocate every time
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			exchange()
			runtime.ReadMemStats(&after)
			if fewest = min(fewest, after.Mallocs-before.Mallocs); fewest <= background {
				return
			}
		}
		t.Errorf("at least %d allocations in %d requests", fewest, rounds)
	})
}
