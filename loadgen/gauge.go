package loadgen

import "sync"

// gauge counts requests that have fallen due and are not answered, and integrates
// the count over time. It is kept apart from the histograms so that the two can
// be held against each other by Little's law: requests that percentiles never
// see, those of a starved connection, are seen here. Any thread may use it.
type gauge struct {
	mu     sync.Mutex
	n      int64
	lastNs int64
	area   int64 // request-nanoseconds up to lastNs
}

// add changes the count by delta at an instant. Instants of different threads
// may come slightly out of order; the integral comes out the same.
func (g *gauge) add(delta, atNs int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.area += g.n * (atNs - g.lastNs)
	g.n += delta
	g.lastNs = atNs
}

// count is the number of requests due and not answered.
func (g *gauge) count() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

// integral is the integral of the count up to an instant, in request-nanoseconds.
func (g *gauge) integral(atNs int64) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.area + g.n*(atNs-g.lastNs)
}
