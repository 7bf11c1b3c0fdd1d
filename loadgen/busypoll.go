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
//
// Senders of an open loop wait for the clock in the same way (naps) where they share no CPU.
func (l *load) decideBusyPoll() {
	if l.cfg.sendersBusyWait() {
		l.priority += "; senders busy-wait at high rates"
	}
	if !l.cfg.BusyPoll || !l.cfg.Closed || len(l.receivers) > len(l.cfg.CPUs) {
		return
	}
	for _, r := range l.receivers {
		r.busyPolls = true
	}
	l.priority += "; receivers busy-poll"
}

// sendersBusyWait reports whether each thread of an open loop that has something to do has
// one of the generator's CPUs to itself.
func (c Config) sendersBusyWait() bool {
	threads := c.pairs()
	if c.answers() {
		threads += c.pairs()
	}
	for _, has := range []bool{c.tails(), c.lags(), c.replays(ofReaders), c.replays(ofLaggingReaders)} {
		if has {
			threads++
		}
	}
	return c.BusyPoll && c.opensLoop() && threads <= len(c.CPUs)
}

// busyPoll looks for events until there are some or it has been long enough.
func (r *receiver) busyPoll() (n int, err error) {
	for end := clock.Now() + int64(busyPollFor); n == 0 && err == nil && clock.Now() < end; {
		n, err = r.epoll.Poll()
	}
	return n, err
}
