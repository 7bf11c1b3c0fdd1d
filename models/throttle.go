package models

import (
	"container/heap"
	"time"

	"c10klab/internal/clock"
)

// MuteFor asks that the connection be read no further for d from now, as Kafka
// mutes the channel of a client above its quota (KIP-219). The response itself is
// sent at once; requests received before it are served. At a stop the connection
// does not wait.
func (r *Response) MuteFor(d time.Duration) { r.mutedUntilNs = clock.Now() + int64(d) }

// muteEnd is when a loop reads a connection again.
type muteEnd struct {
	atNs int64 // CLOCK_MONOTONIC
	conn *conn
}

// throttleHeap holds a loop's muted connections, the first to be read on top.
type throttleHeap []muteEnd

func (h throttleHeap) Len() int           { return len(h) }
func (h throttleHeap) Less(i, k int) bool { return h[i].atNs < h[k].atNs }
func (h throttleHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *throttleHeap) Push(x any)        { *h = append(*h, x.(muteEnd)) }
func (h *throttleHeap) Pop() any {
	last := len(*h) - 1
	end := (*h)[last]
	(*h)[last] = muteEnd{}
	*h = (*h)[:last]
	return end
}

// mute stops reading a connection until an instant. Of two such requests the later
// instant counts. The loop's thread only.
func (l *loop) mute(c *conn, untilNs int64) {
	c.mutedUntilNs = max(c.mutedUntilNs, untilNs)
	heap.Push(&l.throttled, muteEnd{untilNs, c})
}

// endMuted ends a job that another thread sent, and mutes its connection before
// another request can be read.
func (l *loop) endMuted(j *Job) {
	c := j.conn
	l.mute(c, j.response.mutedUntilNs)
	c.endedHere++
	j.free()
}

// throttles reports whether the connection is muted for a time.
func (l *loop) throttles(c *conn) bool {
	if c.mutedUntilNs == 0 {
		return false
	}
	c.readable.Store(true)
	return true
}

// unmuteExpired reads those connections again whose time is over.
func (l *loop) unmuteExpired() {
	now := clock.Now()
	for len(l.throttled) > 0 && l.throttled[0].atNs <= now {
		c := heap.Pop(&l.throttled).(muteEnd).conn
		if c.mutedUntilNs <= now {
			c.mutedUntilNs = 0
			l.markReady(c)
		}
	}
}

// untilUnmute is how long the loop may sleep without missing an end.
func (l *loop) untilUnmute() time.Duration {
	return max(0, time.Duration(l.throttled[0].atNs-clock.Now()))
}

// waitMuted is what a connection with an executor of its own does: it waits, until
// the instant or the server's stop.
func (s *serial) waitMuted(untilNs int64) {
	timer := time.NewTimer(time.Duration(untilNs - clock.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.env.stopped:
	}
}
