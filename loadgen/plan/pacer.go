package plan

import "time"

const (
	// LongestSleepNs is the longest sleep, so that a stop is seen.
	LongestSleepNs = int64(50 * time.Millisecond)
	// leastSleepNs is the shortest sleep of a sender that offers what has fallen due
	// meanwhile all at once.
	leastSleepNs = int64(50 * time.Microsecond)
	// A thread wakes this early for a request, by how late it has woken of late.
	leastEarlyNs = int64(20 * time.Microsecond)
	mostEarlyNs  = int64(100 * time.Microsecond)
	// lateInMind is how many wake-ups the mean of their lateness is about.
	lateInMind = 16
)

// Pacer decides how a sender sleeps until requests fall due. As long as that leaves it half
// of its time to sleep, it wakes early for each request and lets others run until the
// request falls due, so that Lateness is a microsecond or two. Above, one that has a CPU to
// itself does not sleep at all. Any other sleeps until requests have fallen due and offers
// them together: a thread that never sleeps gets no CPU from the kernel when it needs it,
// and keeps the receiver, with which it shares one, from its work. One thread at a time
// uses it.
type Pacer struct {
	// gapNs is the mean time between requests; 0: not known.
	gapNs int64
	// busyWaits: it has a CPU to itself.
	busyWaits bool
	// lateNs is by how much sleeps have ended late, on average.
	lateNs int64
}

// NewPacer is for a sender of so many requests a second; 0: not known.
func NewPacer(perSecond float64, busyWaits bool) Pacer {
	if perSecond <= 0 {
		return Pacer{}
	}
	return Pacer{gapNs: int64(float64(time.Second) / perSecond), busyWaits: busyWaits}
}

// Until is the instant to sleep to from now on for a request that falls due at dueNs,
// and how early to wake.
func (p *Pacer) Until(nowNs, dueNs int64) (untilNs, earlyNs int64) {
	earlyNs = min(max(leastEarlyNs, p.lateNs+p.lateNs/2), mostEarlyNs)
	switch dense := p.gapNs > 0 && p.gapNs < 2*earlyNs; {
	case dense && p.busyWaits:
		return dueNs, dueNs - nowNs
	case dense:
		return max(dueNs, nowNs+leastSleepNs), 0
	}
	return min(dueNs, nowNs+LongestSleepNs), earlyNs
}

// Woke learns how late a sleep ended; one that the machine forgot for long teaches no more
// than the limit does.
func (p *Pacer) Woke(lateNs int64) {
	if lateNs > 0 {
		p.lateNs += (min(lateNs, 2*mostEarlyNs) - p.lateNs) / lateInMind
	}
}
