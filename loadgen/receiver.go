package loadgen

import (
	"sync"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/poll"
	"c10klab/loadgen/judge"
)

const (
	eventsPerPoll = 256
	scratchBytes  = 256 << 10
	busyPollFor   = 200 * time.Microsecond // how long a receiver looks for answers before it sleeps
)

// peer is one connection in a receiver's care. The receiver's thread calls all.
type peer interface {
	receive(scratch []byte, toEnd bool) error
	writable() error
}

// receiver is the thread that takes answers off sockets and goes on with partial sends.
type receiver struct {
	load    *load
	name    string // of its thread
	epoll   *poll.Epoll
	wake    *poll.Eventfd
	peers   []peer // by descriptor
	scratch []byte
	tally   *judge.Tally
	// timed are consumers that may have to wait before their next fetch.
	timed     []*consumer
	busyPolls bool

	mu       sync.Mutex
	reopened []*outage // connections that may go on
}

func newReceiver(l *load, name string) (*receiver, error) {
	epoll, err := poll.NewEpoll(eventsPerPoll)
	if err != nil {
		return nil, err
	}
	wake, err := poll.NewEventfd()
	if err != nil {
		epoll.Close()
		return nil, err
	}
	r := &receiver{load: l, name: name, epoll: epoll, wake: wake, scratch: make([]byte, scratchBytes), tally: l.addTally()}
	if err := epoll.Add(wake.FD(), poll.Readable); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// add takes a connection into care, before run.
func (r *receiver) add(fd int, p peer) error {
	for len(r.peers) <= fd {
		r.peers = append(r.peers, nil)
	}
	r.peers[fd] = p
	return r.epoll.Add(fd, poll.Readable|poll.Writable|poll.HalfClosed|poll.Edge)
}

// run serves events until the load is stopped.
func (r *receiver) run(thread *osthread.Thread) error {
	for !r.load.stopped.Load() {
		timeout, err := r.resume()
		if err != nil {
			return err
		}
		n, err := r.await(thread, timeout)
		if err != nil {
			return err
		}
		for i := range n {
			if err := r.serve(r.epoll.Event(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// await returns once there are events or the timeout has passed.
func (r *receiver) await(thread *osthread.Thread, timeout time.Duration) (int, error) {
	n, err := r.epoll.Poll()
	if n == 0 && err == nil && r.busyPolls {
		n, err = r.busyPoll()
	}
	if n == 0 && err == nil {
		thread.AboutToBlock()
		n, err = r.epoll.Wait(timeout)
	}
	return n, err
}

// busyPoll looks for events until there are some or it has been long enough.
func (r *receiver) busyPoll() (n int, err error) {
	for end := clock.Now() + int64(busyPollFor); n == 0 && err == nil && clock.Now() < end; {
		n, err = r.epoll.Poll()
	}
	return n, err
}

func (r *receiver) serve(e poll.Event) error {
	if e.FD == r.wake.FD() {
		r.wake.Clear()
		return r.takeReopened()
	}
	p := r.peers[e.FD]
	if p == nil {
		return nil // given up since
	}
	const ended = poll.HalfClosed | poll.HungUp | poll.Failed
	if e.Flags&(poll.Readable|ended) != 0 {
		if err := p.receive(r.scratch, e.Flags&ended != 0); err != nil {
			return r.lose(e.FD, p, err)
		}
	}
	if e.Flags&poll.Writable == 0 {
		return nil
	}
	if err := p.writable(); err != nil {
		return r.lose(e.FD, p, err)
	}
	return nil
}

// resume starts the fetches whose time has come and returns how long the next one waits;
// negative: for ever.
func (r *receiver) resume() (time.Duration, error) {
	if len(r.timed) == 0 {
		return -1, nil
	}
	nowNs, next := clock.Now(), time.Duration(-1)
	for _, c := range r.timed {
		left, err := c.resume(nowNs)
		if err != nil {
			return 0, err
		}
		if left > 0 && (next < 0 || left < next) {
			next = left
		}
	}
	return next, nil
}

func (r *receiver) close() {
	r.wake.Close()
	r.epoll.Close()
}
