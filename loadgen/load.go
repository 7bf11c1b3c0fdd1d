package loadgen

import (
	"context"
	"fmt"
	"sync/atomic"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"

	"golang.org/x/sys/unix"
)

// load is one run: its connections, its threads, and what they share.
type load struct {
	cfg      Config
	ground   ground
	protocol protocol   // that of the largest requests
	sizes    []protocol // one for each size that requests have
	sampling sampling
	window   *window
	wall     clock.Offset
	topic    *topic // the producers'; nil: nobody uses it
	backlog  *topic // lagging and bad consumers'; may be topic
	admin    *admin
	dialer   *dialer
	// The memory on both sides before the first connection, and when all had an answer.
	unconnected, connected footprint

	ctx  context.Context // ends with the first error, which is its cause
	fail context.CancelCauseFunc

	threads     *osthread.Registry
	uses        threadUses
	descriptors []int
	connections []*connection
	readers     []*readers  // kinds of consumers
	consumers   []*consumer // all of them
	idle        []*idle
	bad         badConsumers
	receivers   []*receiver
	tallies     []*tally // one per thread that counts
	endsBefore  []int64  // log ends before the first request

	priority string       // of the threads, for the record
	settle   func() error // gives a thread that priority; nil: nothing to do

	outstanding atomic.Int64 // requests due and not answered
	answers     atomic.Int64 // producers' answers since the first request
	ackedDue    atomic.Int64 // acknowledged requests due in the window
	consumed    atomic.Int64 // batches due in the window that reached a tail consumer
	offering    atomic.Int64 // senders that have not come to the window's end
	stopped     atomic.Bool
}

// open connects everything; no thread runs and no request is sent yet.
func open(ctx context.Context, cfg Config) (*load, error) {
	if err := CheckRoom(cfg); err != nil {
		return nil, err
	}
	l := &load{cfg: cfg, admin: newAdmin(cfg.Admin), ground: kernel{}, window: newWindow(), threads: osthread.NewRegistry(osthread.Options{})}
	l.ctx, l.fail = context.WithCancelCause(ctx)
	l.wall.Sample()
	if err := l.connect(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *load) connect() error {
	if err := l.speak(); err != nil {
		return err
	}
	d, err := newDialer(l.cfg.Target, l.cfg.SourceAddresses)
	if err != nil {
		return err
	}
	l.dialer = d
	if err := l.makeReceivers(); err != nil {
		return err
	}
	if l.unconnected, err = l.takeFootprint(); err != nil {
		return err
	}
	if err := l.connectProducers(d); err != nil {
		return err
	}
	if err := l.connectIdle(d); err != nil {
		return err
	}
	return l.connectConsumers(d)
}

// makeReceivers makes those of the producers.
func (l *load) makeReceivers() error {
	for i := range l.cfg.pairs() {
		if _, err := l.addReceiver(fmt.Sprintf("%s%d", receiverPrefix, i)); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) connectProducers(d *dialer) error {
	receivers := l.receivers
	pools := make([][]*framePool, len(receivers))
	for i := range pools {
		for _, p := range l.sizes {
			pools[i] = append(pools[i], newFramePool(p, l.cfg.InFlight))
		}
	}
	return d.dialAll(l.ctx, l.cfg.Producers, func(fd int) error {
		l.descriptors = append(l.descriptors, fd)
		index := len(l.connections)
		pair := index % len(receivers)
		c := newConnection(l, pools[pair], receivers[pair].tally, fd, index)
		l.connections = append(l.connections, c)
		return receivers[pair].add(fd, c)
	})
}

// addReceiver makes a receiver whose thread will have that name.
func (l *load) addReceiver(name string) (*receiver, error) {
	r, err := newReceiver(l, name)
	if err != nil {
		return nil, err
	}
	r.tally.watchOverTime(l.cfg.Window)
	l.receivers = append(l.receivers, r)
	l.tallies = append(l.tallies, r.tally)
	return r, nil
}

func (l *load) newTally() *tally {
	t := newTally()
	t.watchOverTime(l.cfg.Window)
	l.tallies = append(l.tallies, t)
	return t
}

// start runs body on a locked thread; its error ends the run.
func (l *load) start(name string, body func(*osthread.Thread) error) error {
	return l.threads.Start(name, func(t *osthread.Thread) {
		var err error
		if l.settle != nil {
			err = l.settle()
		}
		if err == nil {
			err = body(t)
		}
		if err == nil {
			err = l.uses.note()
		}
		if err != nil {
			l.fail(err)
		}
	})
}

// startReceivers starts the threads that take answers. Consumers begin to fetch.
func (l *load) startReceivers() error {
	for _, c := range l.consumers {
		if err := c.begin(); err != nil {
			return err
		}
	}
	for _, r := range l.receivers {
		if err := l.start(r.name, r.run); err != nil {
			return err
		}
	}
	return nil
}

// startSenders starts the threads that offer requests by the schedule.
func (l *load) startSenders(beginNs int64) error {
	for part := range l.cfg.pairs() {
		s := newSender(l, part)
		s.tally.expectTraced(l.cfg)
		err := l.startSender(fmt.Sprintf("%s%d", senderPrefix, part), func(t *osthread.Thread) error { return s.run(t, beginNs) })
		if err != nil {
			return err
		}
	}
	return nil
}

// startSender starts a thread that offers requests.
func (l *load) startSender(name string, body func(*osthread.Thread) error) error {
	l.offering.Add(1)
	return l.start(name, func(t *osthread.Thread) error {
		defer l.offering.Add(-1)
		if err := osthread.SetTimerSlack(); err != nil {
			return err
		}
		return body(t)
	})
}

// stop ends all threads; tallies and connections are the caller's afterwards.
func (l *load) stop() {
	l.bad.stop()
	l.stopped.Store(true)
	for _, r := range l.receivers {
		r.wake.Wake()
	}
	l.threads.Wait()
}

// close ends what still runs and closes everything.
func (l *load) close() {
	l.stop()
	l.fail(nil)
	for _, fd := range l.descriptors {
		unix.Close(fd)
	}
	for _, r := range l.receivers {
		r.close()
	}
	if l.topic != nil {
		l.topic.close()
	}
	if l.backlog != nil && !l.cfg.backlogIsOwn() {
		l.backlog.close()
	}
}
