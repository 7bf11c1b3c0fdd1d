package loadgen

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
	"c10klab/internal/sample"
	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// load is one run: its connections, its threads, and what they share.
type load struct {
	cfg      Config
	offered  *judge.Load
	window   *judge.Window
	system   system
	protocol protocol   // that of the largest requests
	sizes    []protocol // one for each size that requests have
	wall     clock.Offset
	servers  []Server // the target's first, which has no address where it is not known
	dialers  *dialers
	threads  *threads

	topic        *topic  // the producers'; nil: nobody uses it
	laggingTopic *topic  // lagging and bad consumers'; may be topic
	endsBefore   []int64 // log ends of the producers' topic before the first request

	descriptors descriptors
	connections []*connection
	kinds       []*consumerKind
	consumers   []*consumer // of all kinds
	idle        []*idle
	bad         badConsumers
	receivers   []*receiver
	tallies     []*judge.Tally // one per thread that counts

	rule   sample.Rule   // by which both sides sample
	picker sample.Picker // picks nothing unless both do

	switching      sync.WaitGroup // who switches the target
	latestSwitchNs int64          // after its slot's beginning a switch had come about

	problems []string // what a reader of the numbers must know
	// The memory on both sides before the first connection, and when all had an answer.
	unconnected, connected footprint

	ctx  context.Context // ends with the first error, which is its cause
	fail context.CancelCauseFunc

	outstanding atomic.Int64 // requests due and not answered
	answers     atomic.Int64 // producers' answers since the first request
	ackedDue    atomic.Int64 // acknowledged requests due in the window
	consumed    atomic.Int64 // batches due in the window that reached a tail consumer
	stopped     atomic.Bool
	outages     *outages
}

func newLoad(cfg Config) *load {
	l := &load{cfg: cfg, offered: cfg.offered(), window: judge.NewWindow(), system: kernel{}}
	l.outages = newOutages(l)
	return l
}

// open connects everything; no thread runs and no request is sent yet.
func open(ctx context.Context, cfg Config) (*load, error) {
	if err := CheckRoom(cfg); err != nil {
		return nil, err
	}
	l := newLoad(cfg)
	l.servers = brokerFirst(cfg.Servers)
	l.ctx, l.fail = context.WithCancelCause(ctx)
	l.threads = &threads{registry: osthread.NewRegistry(osthread.Options{}), fail: l.fail, prioritize: func() error { return nil }}
	l.wall.Sample()
	if err := l.connect(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *load) connect() error {
	return inTurn(
		l.askArms,
		l.makeProtocols,
		l.openTopics,
		l.makeDialers,
		l.addPairs,
		func() error { return l.takeFootprint(&l.unconnected) },
		l.connectProducers,
		l.connectIdle,
		l.connectConsumers,
	)
}

// inTurn takes steps up to the first that fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// makeProtocols makes the protocol for each size of the producers' requests.
func (l *load) makeProtocols() error {
	sizes := l.offered.Sizes(plan.OfProducers)
	for _, bytes := range sizes {
		var p protocol = echo{payloadBytes: bytes}
		if l.cfg.Protocol == plan.ProtocolKafka {
			var err error
			if p, err = newProduce(l.cfg, bytes, &l.wall); err != nil {
				return err
			}
		}
		l.sizes = append(l.sizes, p)
	}
	l.protocol = l.sizes[slices.Index(sizes, slices.Max(sizes))]
	return nil
}

// openTopics finds those that anybody uses, and creates the producers'.
func (l *load) openTopics() (err error) {
	if l.cfg.Protocol != plan.ProtocolKafka {
		return nil
	}
	if l.cfg.usesTopic() {
		own := &topic{name: l.cfg.Topic, partitions: l.cfg.Partitions}
		if l.cfg.Producers > 0 {
			own.uses = append(own.uses, kmsg.Produce)
		}
		if l.cfg.tails() || l.cfg.readsLaggingTopic() && l.cfg.laggingTopicIsOwn() {
			own.uses = append(own.uses, kmsg.Fetch)
		}
		if l.topic, err = openTopic(l.ctx, l.cfg.Target, own, (*topic).ensure); err != nil {
			return err
		}
		if l.endsBefore, err = l.topic.offsets(l.ctx, logEnd); err != nil {
			return err
		}
	}
	switch {
	case !l.cfg.readsLaggingTopic():
	case l.cfg.laggingTopicIsOwn():
		own := *l.topic
		own.partitions = l.cfg.laggingPartitions()
		own.leaders = own.leaders[:own.partitions]
		l.laggingTopic = &own
	default:
		prepared := &topic{name: l.cfg.LaggingTopic, partitions: l.cfg.LaggingPartitions, uses: []kmsg.Key{kmsg.Fetch}}
		l.laggingTopic, err = openTopic(l.ctx, l.cfg.Target, prepared, (*topic).mustExist)
	}
	return err
}

func (l *load) makeDialers() error {
	l.dialers = &dialers{sources: l.cfg.SourceAddresses, to: map[string]*dialer{}}
	_, err := l.dialers.get(l.cfg.Target)
	return err
}

// leaderOf is the address of the broker to which a producer's requests go.
func (l *load) leaderOf(producer int) string {
	if l.topic == nil {
		return l.cfg.Target
	}
	return l.topic.leader(producer % l.topic.partitions)
}

// targetOf is the address of connections that any broker may have.
func (l *load) targetOf(int) string { return l.cfg.Target }

// addPairs makes the producers' receivers.
func (l *load) addPairs() error {
	for i := range l.cfg.pairs() {
		if _, err := l.addReceiver(fmt.Sprintf("%s%d", judge.ReceiverPrefix, i)); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) connectProducers() error {
	receivers := l.receivers
	pools := make([][]*framePool, len(receivers))
	for i := range pools {
		for _, p := range l.sizes {
			pools[i] = append(pools[i], newFramePool(p, l.cfg.InFlight))
		}
	}
	return l.dial(l.cfg.Producers, l.leaderOf, func(fd int) error {
		index := len(l.connections)
		pair := index % len(receivers)
		c := newConnection(l, pools[pair], receivers[pair].tally, fd, index)
		l.connections = append(l.connections, c)
		return receivers[pair].add(fd, c)
	})
}

// dial opens n connections one after the other, each to its address, whose descriptors are the load's.
func (l *load) dial(n int, address func(i int) string, opened func(fd int) error) error {
	for i := range n {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		fd, err := l.dialers.dial(address(i))
		if err != nil {
			return err
		}
		l.descriptors.add(fd)
		if err := opened(fd); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) addReceiver(name string) (*receiver, error) {
	r, err := newReceiver(l, name)
	if err != nil {
		return nil, err
	}
	l.receivers = append(l.receivers, r)
	return r, nil
}

// startReceivers starts the threads that take answers. Consumers begin to fetch.
func (l *load) startReceivers() error {
	for _, c := range l.consumers {
		if err := c.begin(); err != nil {
			return err
		}
	}
	for _, r := range l.receivers {
		if err := l.threads.start(r.name, r.run); err != nil {
			return err
		}
	}
	return nil
}

// stop ends all threads; tallies and connections are the caller's afterwards.
func (l *load) stop() {
	l.bad.stop()
	l.stopped.Store(true)
	for _, r := range l.receivers {
		r.wake.Wake()
	}
	l.threads.registry.Wait()
	l.outages.stop()
}

// close ends what still runs and closes everything.
func (l *load) close() {
	l.stop()
	l.fail(nil)
	l.switching.Wait()
	l.descriptors.closeAll()
	for _, r := range l.receivers {
		r.close()
	}
	if l.topic != nil {
		l.topic.close()
	}
	if l.laggingTopic != nil && !l.cfg.laggingTopicIsOwn() {
		l.laggingTopic.close()
	}
}
