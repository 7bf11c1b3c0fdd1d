package loadgen

import (
	"time"

	"c10klab/internal/clock"
)

// busyPollFor is how long a receiver that busy-polls looks for answers before it sleeps.
const busyPollFor = 200 * time.Microsecond

// decideBusyPoll lets receivers look for answers instead of sleeping where that takes
// nothing from anybody: in a closed loop, which has no senders, on CPUs that the receivers
// need not share. The thread of a target that answers a sleeping receiver has to wake it,
// on another CPU, which in a virtual machine takes microseconds, as long as a small request;
// so the slower a target is, the more it would pay for its client.
func (l *load) decideBusyPoll() {
	if !l.cfg.BusyPoll || !l.cfg.Closed || len(l.receivers) > len(l.cfg.CPUs) {
		return
	}
	for _, r := range l.receivers {
		r.busyPolls = true
	}
	l.priority += "; receivers busy-poll"
}

// busyPoll looks for events until there are some or it has been long enough.
func (r *receiver) busyPoll() (n int, err error) {
	for end := clock.Now() + int64(busyPollFor); n == 0 && err == nil && clock.Now() < end; {
		n, err = r.epoll.Poll()
	}
	return n, err
}
