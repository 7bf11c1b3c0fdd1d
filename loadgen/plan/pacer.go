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

// Pacer decides how a sender sleeps until requests fall due (docs/loadgen.md). As long as
// that leaves it half of its time to sleep, it wakes early for each request and lets others
// run until the request falls due. Above, one that has a CPU to itself does not sleep at
// all; any other sleeps until requests have fallen due and offers them together.
type Pacer struct {
	gapNs     int64 // mean time between requests; 0: not known
	busyWaits bool  // it has a CPU to itself
	lateNs    int64 // by how much sleeps have ended late, on average
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

// Woke learns how late a sleep ended.
func (p *Pacer) Woke(lateNs int64) {
	if lateNs > 0 {
		p.lateNs += (min(lateNs, 2*mostEarlyNs) - p.lateNs) / lateInMind
	}
}
