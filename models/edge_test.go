package models

import "testing"

// The edge of a request that comes while its connection is muted is told once. It
// must not be forgotten when a request read earlier is taken next.
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
