package loadgen

import (
	"fmt"
	"slices"

	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

// consumerKind is the consumers of one kind.
type consumerKind struct {
	name           string // of its consumers and threads
	tail           bool
	topic          *topic
	count          int
	starts         []int64   // the offsets that they begin at, by partition
	shares         [][]int32 // the partitions of each, which no other has and one broker leads
	planned        plan.Kind // of their fetches
	sizes          []int     // most record bytes that a fetch asks for
	wraps          bool      // begin a partition again at its end
	consumers      []*consumer
	bytesPerSecond float64 // cap on what each of them reads; 0: none
}

// connectConsumers connects the tail consumers, and the lagging ones, which begin with the
// first offset of each partition. Each kind has a receiver of its own: taking large
// responses off a socket must delay neither the producers' stamps nor those of the tail.
func (l *load) connectConsumers() error {
	if l.cfg.tails() {
		tail := &consumerKind{name: judge.TailConsumers, tail: true, topic: l.topic, count: l.cfg.tailCount(), starts: l.endsBefore, planned: plan.OfConsumers}
		if err := l.connectKind(tail); err != nil {
			return err
		}
	}
	if !l.cfg.lags() {
		return nil
	}
	count := l.cfg.laggingCount()
	if err := l.cfg.checkLaggingCount(l.laggingTopic.partitions); err != nil {
		return fmt.Errorf("%w of topic %q", err, l.laggingTopic.name)
	}
	starts, err := l.laggingTopic.offsets(l.ctx, logStart)
	if err != nil {
		return err
	}
	lagging := &consumerKind{name: "lagging", topic: l.laggingTopic, count: count, starts: starts, planned: plan.OfConsumers, wraps: l.cfg.LaggingWrap}
	lagging.bytesPerSecond = l.cfg.FetchBytesPerSecond / float64(count)
	if l.cfg.tails() {
		lagging.planned = plan.OfLaggingConsumers
	}
	return l.connectKind(lagging)
}

func (l *load) connectKind(kind *consumerKind) error {
	r, err := l.addReceiver(judge.ConsumerPrefix + kind.name)
	if err != nil {
		return err
	}
	kind.sizes = l.offered.Sizes(kind.planned)
	if kind.shares, err = share(kind.topic.leaders, kind.count); err != nil {
		return fmt.Errorf("%s consumers of topic %q: %w", kind.name, kind.topic.name, err)
	}
	l.kinds = append(l.kinds, kind)
	leader := func(i int) string { return kind.topic.leaders[kind.shares[i][0]] }
	return l.dial(kind.count, leader, func(fd int) error {
		c := newConsumer(l, kind, r, fd, len(kind.consumers), kind.shares[len(kind.consumers)])
		kind.consumers = append(kind.consumers, c)
		l.consumers = append(l.consumers, c)
		return r.add(fd, c)
	})
}

// share divides partitions, of which it is told the leaders, among consumers: consumer i has some of
// those of leader i modulo the leaders, in the order of their names.
func share(leaders []string, consumers int) ([][]int32, error) {
	names := slices.Compact(slices.Sorted(slices.Values(leaders)))
	if consumers < len(names) {
		return nil, fmt.Errorf("%d brokers lead its partitions, each of which takes a consumer; there are %d", len(names), consumers)
	}
	shares := make([][]int32, consumers)
	for n, name := range names {
		own := (consumers - n + len(names) - 1) / len(names) // consumers of this leader
		led := 0
		for p, leader := range leaders {
			if leader == name {
				i := n + led%own*len(names)
				shares[i] = append(shares[i], int32(p))
				led++
			}
		}
		if led < own {
			return nil, fmt.Errorf("%d consumers cannot share the %d partitions that %s leads", own, led, name)
		}
	}
	return shares, nil
}

// caughtUp is how many lagging consumers reached the end of a partition; those that may
// not are named among the problems.
func (l *load) caughtUp() (n int) {
	l.everyConsumer(func(c *consumer) {
		times := c.caughtUp.Load()
		if c.kind.tail || times == 0 {
			return
		}
		n++
		if !c.kind.wraps {
			l.problems = append(l.problems, fmt.Sprintf("%s read to the end of the log %d times and did not lag", c.name, times))
		}
	})
	return n
}
