package broker

import "time"

// sweepEvery is how often the purgatory looks for operations that nobody waits
// for any more: what a broken connection's long poll may hold on to its memory.
const sweepEvery = time.Second

// run completes operations whose time is over, and abandoned ones, until close.
func (p *purgatory) run() {
	defer close(p.stopped)
	timer := time.NewTimer(sweepEvery)
	for {
		wait, closed := p.expire()
		if closed {
			return
		}
		timer.Reset(wait)
		select {
		case <-p.wake:
		case <-timer.C:
		}
	}
}

// expire completes what is over by now and returns how long to sleep at most.
func (p *purgatory) expire() (wait time.Duration, closed bool) {
	over, wait, closed := p.takeOver()
	for _, d := range over {
		d.complete(true)
	}
	return wait, closed
}

// takeOver removes what is over: expired, abandoned, or everything when closed.
func (p *purgatory) takeOver() (over []*delayed, wait time.Duration, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for _, d := range p.byDeadline {
		if p.closed || d.deadlineNs <= now || d.abandoned() {
			over = append(over, d)
		}
	}
	for _, d := range over {
		p.remove(d)
	}
	wait = sweepEvery
	if len(p.byDeadline) > 0 {
		wait = min(wait, time.Duration(p.byDeadline[0].deadlineNs-now))
	}
	p.wakeNs = now + int64(wait)
	return over, wait, p.closed
}

// close completes everything that waits and makes later operations wait no more.
// It returns when all is answered.
func (p *purgatory) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.signal()
	<-p.stopped
}
