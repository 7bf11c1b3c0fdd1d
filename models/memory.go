package models

import (
	"errors"
	"sync"
)

// requestMemory bounds what long requests take together from their length to their answer (Kafka's
// queued.max.request.bytes): those whose frame is longer than firstBufferBytes; the others are bounded by
// the number of connections. One that is longer than all there is may have it alone. Any thread may
// call its methods; none is called for a short request.
type requestMemory struct {
	limit int64 // 0: none

	mu      sync.Mutex
	used    int64
	freed   *sync.Cond
	waiting map[*conn]struct{} // of loops, which hear when something is given back
}

func newRequestMemory(limit int) *requestMemory {
	m := &requestMemory{limit: int64(limit), waiting: map[*conn]struct{}{}}
	m.freed = sync.NewCond(&m.mu)
	return m
}

// errNoMemory: the frame that begins has to wait until others have ended.
var errNoMemory = errors.New("no memory for the request now")

// claim takes a request's bytes; the thread that reads the connection calls it. It fails with
// errNoMemory at a loop's connection, whose loop hears when to try again, and at others, which wait here,
// when the server stops or the connection is dead.
func (m *requestMemory) claim(c *conn, n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.limit > 0 && m.used > 0 && m.used+int64(n) > m.limit {
		if c.loop != nil {
			m.waiting[c] = struct{}{}
			return errNoMemory
		}
		if c.dead.Load() || c.env.stopping.Load() {
			return errNoMemory
		}
		m.freed.Wait()
	}
	delete(m.waiting, c)
	m.used += int64(n)
	return nil
}

// release gives bytes back and wakes all that wait.
func (m *requestMemory) release(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= int64(n)
	m.freed.Broadcast()
	for c := range m.waiting {
		delete(m.waiting, c)
		if c.retainOpen() {
			c.loop.post(message{kind: connReadable, conn: c})
		}
	}
}

// stop has those who wait look at the server's state.
func (m *requestMemory) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.freed.Broadcast()
}
