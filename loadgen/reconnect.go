package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"c10klab/internal/clock"
	"c10klab/internal/poll"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sys/unix"
)

// reconnectPause is between two rounds of looking for leaders, as Kafka's clients make it
// (retry.backoff.ms).
const reconnectPause = 100 * time.Millisecond

// errMoved says that a broker does not lead a partition any more.
var errMoved = errors.New("another broker leads the partition now")

// moved reports whether an answer's error code tells that.
func moved(code int16) bool {
	switch code {
	case kerr.NotLeaderForPartition.Code, kerr.LeaderNotAvailable.Code, kerr.FencedLeaderEpoch.Code, kerr.UnknownLeaderEpoch.Code:
		return true
	}
	return false
}

// disconnected reports whether an error is a connection's end, after which another may stand.
func disconnected(err error) bool {
	for _, end := range []error{errClosedByTarget, errMoved, io.EOF, io.ErrUnexpectedEOF,
		unix.ECONNRESET, unix.ECONNREFUSED, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// reconnects reports whether the run outlives a connection's end.
func (l *load) reconnects() bool { return l.cfg.Reconnect > 0 && l.cfg.Protocol == plan.ProtocolKafka }

// sendFailed sorts what a send call failed with: a connection that broke is its receiver's to
// notice, which goes on elsewhere.
func (l *load) sendFailed(err error) error {
	if err != nil && l.reconnects() && disconnected(err) {
		return nil
	}
	return err
}

// recoverable is a connection that can go on over another one. Its receiver's thread calls both.
type recoverable interface {
	peer
	// lose gives up what was under way, and keeps everybody off the descriptor.
	lose(nowNs int64)
	// leader is the broker that it wants to be connected to.
	leader() string
	// topicUsed is asked for the leader; nil: it has none.
	topicUsed() *topic
	reopen(fd int) error
}

// outage is one connection without a broker.
type outage struct {
	peer     recoverable
	receiver *receiver
	sinceNs  int64
	fd       int // that it goes on with
}

// outages are those of a load, which a goroutine of its own ends by and by: it finds out who leads,
// connects, and hands the connection back to its receiver. Any thread may add.
type outages struct {
	load    *load
	mu      sync.Mutex
	open    []*outage
	running sync.WaitGroup
	begun   bool
	ended   chan struct{}
	dialers *dialers // of this goroutine

	longestNs atomic.Int64
}

func newOutages(l *load) *outages {
	return &outages{load: l, ended: make(chan struct{}), dialers: &dialers{sources: l.cfg.SourceAddresses, to: map[string]*dialer{}}}
}

// lose gives up a connection that broke, or returns the error, which ends the run.
func (r *receiver) lose(fd int, p peer, err error) error {
	lost, can := p.(recoverable)
	if !can || !r.load.reconnects() || !disconnected(err) || r.load.stopped.Load() {
		return err
	}
	nowNs := clock.Now()
	lost.lose(nowNs)
	r.peers[fd] = nil
	r.load.descriptors.close(fd)
	if _, idles := p.(*idle); !idles { // those a server may close for being idle
		r.tally.Counts[judge.LostConnections]++
	}
	r.load.outages.add(&outage{peer: lost, receiver: r, sinceNs: nowNs})
	return nil
}

func (o *outages) add(one *outage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = append(o.open, one)
	if !o.begun {
		o.begun = true
		o.running.Go(o.run)
	}
}

// stop ends the goroutine.
func (o *outages) stop() {
	o.mu.Lock()
	o.begun = true // none begins any more
	select {
	case <-o.ended:
	default:
		close(o.ended)
	}
	o.mu.Unlock()
	o.running.Wait()
}

// run goes round those that are open until the load ends.
func (o *outages) run() {
	ctx, cancel := context.WithCancel(o.load.ctx)
	defer cancel()
	go func() {
		select {
		case <-o.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		if err := o.round(ctx); err != nil {
			o.load.fail(err)
			return
		}
		if !sleep(ctx, reconnectPause) {
			return
		}
	}
}

// round tries each that is open once, a broker that does not answer once for all.
func (o *outages) round(ctx context.Context) error {
	o.mu.Lock()
	open := o.open
	o.open = nil
	o.mu.Unlock()
	asked, unreached := map[*topic]error{}, map[string]error{}
	for i := 0; i < len(open); i++ {
		one := open[i]
		t := one.peer.topicUsed()
		if _, done := asked[t]; !done && t != nil {
			limited, cancel := context.WithTimeout(ctx, o.load.cfg.Reconnect)
			asked[t] = t.refresh(limited)
			cancel()
		}
		addr, err := "", asked[t]
		if err == nil {
			if c, is := one.peer.(*consumer); is {
				for _, split := range c.split() {
					open = append(open, &outage{peer: split, receiver: one.receiver, sinceNs: one.sinceNs})
				}
			}
			addr = one.peer.leader()
			err = unreached[addr]
		}
		if err == nil {
			if one.fd, err = o.dialers.dial(addr); err != nil {
				unreached[addr] = err
			}
		}
		switch {
		case ctx.Err() != nil:
			if err == nil {
				unix.Close(one.fd)
			}
			return nil
		case err == nil:
			o.end(one)
		case clock.Now()-one.sinceNs > int64(o.load.cfg.Reconnect):
			return fmt.Errorf("not reached again within %v (knob reconnect): %w", o.load.cfg.Reconnect, err)
		default:
			o.mu.Lock()
			o.open = append(o.open, one)
			o.mu.Unlock()
		}
	}
	return nil
}

// end hands a connection back.
func (o *outages) end(one *outage) {
	o.load.descriptors.add(one.fd)
	ns := clock.Now() - one.sinceNs
	o.longestNs.Store(max(o.longestNs.Load(), ns))
	r := one.receiver
	r.mu.Lock()
	r.reopened = append(r.reopened, one)
	r.mu.Unlock()
	r.wake.Wake()
}

// takeReopened lets connections go on; the receiver calls it.
func (r *receiver) takeReopened() error {
	r.mu.Lock()
	reopened := r.reopened
	r.reopened = nil
	r.mu.Unlock()
	for _, one := range reopened {
		if err := r.add(one.fd, one.peer); err != nil {
			return err
		}
		if err := one.peer.reopen(one.fd); err != nil {
			if err = r.lose(one.fd, one.peer, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// leader and the methods below make a producer recoverable.
func (c *connection) leader() string { return c.load.leaderOf(c.index) }

func (c *connection) topicUsed() *topic { return c.load.topic }

// lose puts what was in flight back ahead of what waits, oldest first: as producers do that try
// again, and the log may hold it twice.
func (c *connection) lose(nowNs int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down, c.partial = true, c.partial[:0]
	c.blockedSinceNs = cmp.Or(c.blockedSinceNs, nowNs)
	if c.out.buffer != nil {
		c.out.pool.buffers.Put(c.out.buffer)
		c.out = outgoing{}
	}
	var again ring[request]
	for _, r := range c.refused {
		again.push(r)
	}
	for _, queue := range []*ring[request]{&c.inFlight, &c.waiting} {
		for queue.len() > 0 {
			again.push(queue.pop())
		}
	}
	sent := 0
	for i := range again.len() {
		r := again.at(i)
		if r.FirstByteNs != 0 {
			sent++
		}
		r.FirstByteNs, r.LastByteNs, r.BegunNs, r.sampled = 0, 0, 0, false
	}
	c.own.Counts[judge.SentAgain] += int64(sent)
	c.refused, c.waiting = nil, again
}

func (c *connection) reopen(fd int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fd, c.down = fd, false
	if err := c.stampAgain(); err != nil {
		return err
	}
	return c.pump(c.own)
}

// stampAgain asks the kernel for the arrivals of a new socket, where it was asked of the last.
func (s *stream) stampAgain() error {
	if s.stamped == nil {
		return nil
	}
	return poll.EnableReceiveStamps(s.fd)
}

// lose and reopen are of connections with one request under way, which is asked again.
func (o *oneRequest) lose(int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down, o.rest, o.partial = true, nil, o.partial[:0]
}

func (o *oneRequest) reopened(fd int) error {
	o.fd, o.down = fd, false
	return o.stampAgain()
}

func (c *idle) leader() string { return c.load.cfg.Target }

func (c *idle) topicUsed() *topic { return nil }

func (c *idle) reopen(fd int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reopened(fd); err != nil || !c.asking {
		return err
	}
	return c.send(c.request(c.lastID))
}

func (c *consumer) leader() string {
	return c.kind.topic.leader(int(c.request.Topics[0].Partitions[0].Partition))
}

// split leaves the consumer the partitions that the leader of its first one leads; what others lead
// now goes to consumers of their own, in a closed loop. The consumer is connected nowhere.
func (c *consumer) split() (others []*consumer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byLeader := map[string]*consumer{c.leader(): c}
	all := c.request.Topics[0].Partitions
	c.request.Topics[0].Partitions = nil
	for _, p := range all {
		leader := c.kind.topic.leader(int(p.Partition))
		other := byLeader[leader]
		if other == nil {
			other = newConsumer(c.load, c.kind, c.receiver, -1, c.index, nil)
			other.scheduled, other.stamped, other.down, other.asking = false, c.stamped, true, true
			other.now, other.request.MaxBytes = dueFetch{attemptedNs: c.load.system.now()}, c.request.MaxBytes
			byLeader[leader], others = other, append(others, other)
		}
		partitions := &other.request.Topics[0].Partitions
		*partitions = append(*partitions, p)
	}
	c.splits = append(c.splits, others...)
	return others
}

// everyConsumer calls fn for all consumers, with those that parted from them.
func (l *load) everyConsumer(fn func(c *consumer)) {
	var each func(c *consumer)
	each = func(c *consumer) {
		fn(c)
		c.mu.Lock()
		splits := c.splits
		c.mu.Unlock()
		for _, s := range splits {
			each(s)
		}
	}
	for _, c := range l.consumers {
		each(c)
	}
}

func (c *consumer) topicUsed() *topic { return c.kind.topic }

// reopen asks again for what was under way.
func (c *consumer) reopen(fd int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reopened(fd); err != nil || !c.asking {
		return err
	}
	return c.ask()
}
