package models

import (
	"strings"
	"testing"
	"time"
)

// A response may mute its connection: it is sent at once, the next request is not
// read before the time is over, and other connections do not notice.
func TestMutedConnectionIsNotReadUntilItsTimeIsOver(t *testing.T) {
	everyCombination(t, testMute)
	everyPolicy(t, []string{OnFullPause, OnFullSplit, OnFullShed}, testMute)
	everyPolicy(t, []string{OnFullBlock, OnFullSplit}, testMute, "response-writer=handler")
}

func testMute(t *testing.T, b *bench) {
	const muted = 60 * time.Millisecond
	c, other := b.dial(), b.dial()
	begun := time.Now()
	c.send(request(opMute, 1, number(int(muted.Milliseconds()))))
	c.send(request(opEcho, 2))
	c.expect(1, nil)
	for tag := uint32(10); time.Since(begun) < muted/2; tag++ {
		other.send(request(opEcho, tag))
		other.expect(tag, nil)
	}
	c.expect(2, nil)
	if waited := time.Since(begun); waited < muted {
		t.Errorf("the next answer came after %v, the connection was muted for %v", waited, muted)
	}
}

// A stop does not wait for muted connections.
func TestStopEndsMutedConnections(t *testing.T) {
	everyCombination(t, func(t *testing.T, b *bench) {
		c := b.dial()
		c.send(request(opMute, 1, number(int(2*patience.Milliseconds()))))
		c.expect(1, nil)
		b.stop()
	})
}

func TestPolicyWithoutARequestQueueIsRefused(t *testing.T) {
	for _, model := range []string{"reactor", "loop-per-thread", "thread-per-connection", "goroutine-per-connection"} {
		for _, setting := range []string{"on-full=pause", "on-full=split", "on-full=shed", "isolate=file"} {
			err := Check(defaultConfig(t, "model="+model, setting))
			if err == nil || !strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), "request queue") {
				t.Errorf("%s with %s: error %v", model, setting, err)
			}
		}
	}
}
