package loadgen

import (
	"fmt"
	"strconv"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/poll"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"

	"golang.org/x/sys/unix"
)

// system is what senders and connections ask of the operating system. Runs ask the kernel,
// known-answer tests virtual time and a simulated server. Any thread may use it.
type system interface {
	// now is the instant, CLOCK_MONOTONIC in nanoseconds.
	now() int64
	// sleep returns near an instant, before or after it: callers look at the clock. It gives up its
	// thread's CPU until earlyNs before the instant and tells how late it got it back; then, and
	// where that has passed already, it lets others that are ready run and tells 0.
	sleep(untilNs, earlyNs int64) (lateNs int64)
	// send gives a socket the bytes that it takes without waiting (poll.Send).
	send(fd int, b []byte) (int, unix.Errno)
}

// kernel is the system of runs.
type kernel struct{}

func (kernel) now() int64 { return clock.Now() }

func (kernel) sleep(untilNs, earlyNs int64) (lateNs int64) {
	wakeNs := untilNs - earlyNs
	if wakeNs <= clock.Now() {
		poll.Yield()
		return 0
	}
	until := unix.NsecToTimespec(wakeNs)
	// An interrupted sleep is taken up again by the caller.
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil)
	return max(0, clock.Now()-wakeNs)
}

func (kernel) send(fd int, b []byte) (int, unix.Errno) { return poll.Send(fd, b, false) }

// mostOutstanding bounds the requests that wait, which occupy memory (about a GiB).
const mostOutstanding = 1 << 24

// offerer is a connection that takes requests which have fallen due.
type offerer interface {
	// offer takes one of a size, by its index, and counts it in the caller's tally.
	offer(dueNs int64, size int, t *judge.Tally) error
}

// attemptedAt is when a request was attempted that fell due at dueNs and is offered now, to a
// connection that has been unable to send since an instant; 0: it is able, so that the request is
// attempted when it is sent. One that finds its connection blocked since before it fell due was
// attempted when it fell due: that wait is the target's. Otherwise the sender is late, if anyone.
func (l *load) attemptedAt(blockedSinceNs, dueNs int64) int64 {
	switch {
	case blockedSinceNs == 0:
		return 0
	case blockedSinceNs > dueNs:
		return l.system.now()
	}
	return dueNs
}

// sender offers the requests of one pair as they fall due, or the fetches of one kind of consumers.
type sender struct {
	load       *load
	next       plan.Source
	connection func(index int) offerer
	tally      *judge.Tally
	pacer      plan.Pacer
}

// newSender makes the one of a pair.
func newSender(l *load, pair int) *sender {
	return &sender{
		load: l, next: l.offered.Requests(pair), connection: func(i int) offerer { return l.connections[i] }, tally: l.addTally(),
		pacer: plan.NewPacer(l.cfg.Schedule.PerSecond/float64(l.cfg.pairs()), l.offered.SendersBusyWait),
	}
}

func (l *load) startSenders(beginNs int64) error {
	for pair := range l.cfg.pairs() {
		s := newSender(l, pair)
		if l.cfg.TraceTo != "" {
			s.tally.Recording.Expect(l.cfg.Schedule.PerSecond * (l.cfg.WarmUp + l.cfg.Window).Seconds() / float64(l.cfg.pairs()))
		}
		err := l.threads.startSender(strconv.Itoa(pair), func(t *osthread.Thread) error { return s.run(t, beginNs) })
		if err != nil {
			return err
		}
	}
	return nil
}

// startFetches starts the threads that offer fetches to the consumers as they fall due. At the window's end
// tail consumers go on in a closed loop, so that what was produced in it reaches them.
func (l *load) startFetches(beginNs int64) error {
	for _, kind := range l.kinds {
		if !l.offered.OffersFetches(kind.planned) {
			continue
		}
		s := &sender{
			load: l, next: l.offered.FetchesOf(kind.planned), tally: l.addTally(),
			connection: func(i int) offerer { return kind.consumers[i] },
			pacer:      plan.NewPacer(l.offered.FetchSchedule(kind.planned).PerSecond, l.offered.SendersBusyWait),
		}
		err := l.threads.startSender(kind.name, func(thread *osthread.Thread) error {
			if err := s.run(thread, beginNs); err != nil || !kind.tail || !s.waitUntil(thread, l.window.EndNs()) {
				return err
			}
			for _, c := range kind.consumers {
				if err := c.closeLoop(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// run follows the plan, which began at beginNs, to the window's end.
func (s *sender) run(thread *osthread.Thread, beginNs int64) error {
	for {
		next, more := s.next()
		dueNs := beginNs + next.OffsetNs
		if !more || s.load.window.Over(dueNs) || !s.waitUntil(thread, dueNs) {
			return nil
		}
		if err := s.connection(next.Connection).offer(dueNs, next.Size, s.tally); err != nil {
			return err
		}
		if waiting := s.load.outstanding.Load(); waiting > mostOutstanding {
			return fmt.Errorf("%w: %g requests/s; %d of them wait for an answer", judge.ErrRate, s.load.cfg.Schedule.PerSecond, waiting)
		}
	}
}

// waitUntil returns at an instant, or false when the run has been stopped.
func (s *sender) waitUntil(thread *osthread.Thread, ns int64) bool {
	for !s.load.stopped.Load() {
		nowNs := s.load.system.now()
		if nowNs >= ns {
			return true
		}
		thread.AboutToBlock()
		until, early := s.pacer.Until(nowNs, ns)
		s.pacer.Woke(s.load.system.sleep(until, early))
	}
	return false
}
