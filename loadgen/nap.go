package loadgen

import "time"

const (
	// longestNapNs is the longest sleep, so that a stop is seen.
	longestNapNs = int64(50 * time.Millisecond)
	// leastNapNs is the shortest sleep of a sender that offers what has fallen due
	// meanwhile all at once.
	leastNapNs = int64(50 * time.Microsecond)
	// A thread wakes this early for a request, by how late it has woken of late.
	leastEarlyNs = int64(20 * time.Microsecond)
	mostEarlyNs  = int64(100 * time.Microsecond)
	// lateInMind is how many wake-ups the mean of their lateness is about.
	lateInMind = 16
)

// naps decides how a sender sleeps. As long as that leaves it half of its time to sleep,
// it wakes early for each request and lets others run until the request falls due, so
// that Lateness is a microsecond or two. Above, one that has a CPU to itself does not sleep
// at all. Any other sleeps until requests have fallen due and offers them together: a
// thread that never sleeps gets no CPU from the kernel when it needs it, and keeps the
// receiver, with which it shares one, from its work.
type naps struct {
	// gapNs is the mean time between requests; 0: not known.
	gapNs int64
	// busyWaits: it has a CPU to itself.
	busyWaits bool
	// lateNs is by how much sleeps have ended late, on average.
	lateNs int64
}

// newNaps is for a sender of so many requests a second; 0: not known.
func newNaps(perSecond float64, busyWaits bool) naps {
	if perSecond <= 0 {
		return naps{}
	}
	return naps{gapNs: int64(float64(time.Second) / perSecond), busyWaits: busyWaits}
}

// until is the instant to sleep to from now on for a request that falls due at dueNs,
// and how early to wake.
func (n *naps) until(nowNs, dueNs int64) (untilNs, earlyNs int64) {
	earlyNs = min(max(leastEarlyNs, n.lateNs+n.lateNs/2), mostEarlyNs)
	switch dense := n.gapNs > 0 && n.gapNs < 2*earlyNs; {
	case dense && n.busyWaits:
		return dueNs, dueNs - nowNs
	case dense:
		return max(dueNs, nowNs+leastNapNs), 0
	}
	return min(dueNs, nowNs+longestNapNs), earlyNs
}

// woke learns how late a sleep ended; one that the machine forgot for long teaches no more
// than the limit does.
func (n *naps) woke(lateNs int64) {
	if lateNs > 0 {
		n.lateNs += (min(lateNs, 2*mostEarlyNs) - n.lateNs) / lateInMind
	}
}
