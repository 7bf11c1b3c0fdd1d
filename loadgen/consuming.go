package loadgen

import (
	"cmp"
	"fmt"
)

// Kinds of consumers, the choices of the knob consumers.
const (
	ConsumersNone    = "none"
	ConsumersTail    = "tail"
	ConsumersLagging = "lagging"
	ConsumersBoth    = "both"
)

// reads reports whether there are consumers at all.
func (c Config) reads() bool { return c.tails() || c.lags() }

// tails reports whether there are tail consumers.
func (c Config) tails() bool { return c.Consumers == ConsumersTail || c.Consumers == ConsumersBoth }

// lags reports whether there are lagging consumers.
func (c Config) lags() bool { return c.Consumers == ConsumersLagging || c.Consumers == ConsumersBoth }

// mustLag reports whether a lagging consumer may not reach the end of the log.
func (c Config) mustLag() bool { return c.lags() && !c.LaggingWrap }

// misbehaves reports whether there are bad consumers.
func (c Config) misbehaves() bool { return c.BadConsumers != BadNone }

// laggingKnob names the knob that counts lagging consumers.
func (c Config) laggingKnob() string {
	if c.Consumers == ConsumersBoth {
		return "lagging-connections"
	}
	return "consumer-connections"
}

func (c Config) tailCount() int {
	if c.tails() {
		return c.ConsumerConnections
	}
	return 0
}

func (c Config) laggingCount() int {
	switch c.Consumers {
	case ConsumersLagging:
		return c.ConsumerConnections
	case ConsumersBoth:
		return c.LaggingConnections
	}
	return 0
}

func (c Config) badCount() int {
	if c.misbehaves() {
		return c.BadConnections
	}
	return 0
}

// readsBacklog reports whether anybody reads the lagging topic.
func (c Config) readsBacklog() bool { return c.lags() || c.misbehaves() }

// backlogIsOwn reports whether the lagging topic is the producers'.
func (c Config) backlogIsOwn() bool { return c.LaggingTopic == "" || c.LaggingTopic == c.Topic }

// usesTopic reports whether the producers' topic is needed.
func (c Config) usesTopic() bool {
	return c.Producers > 0 || c.tails() || c.readsBacklog() && c.backlogIsOwn()
}

// laggingPartitions is how many partitions lagging consumers share, 0 while only
// the target knows.
func (c Config) laggingPartitions() int {
	if c.backlogIsOwn() {
		return cmp.Or(c.LaggingPartitions, c.Partitions)
	}
	return c.LaggingPartitions
}

// checkLaggingCount refuses more lagging consumers than partitions.
func (c Config) checkLaggingCount(partitions int) error {
	if c.laggingCount() <= partitions {
		return nil
	}
	return fmt.Errorf("knob %s: %d lagging consumers cannot share %d partitions", c.laggingKnob(), c.laggingCount(), partitions)
}

// checkConsumers refuses consumers that cannot be had; each error names the knob
// at fault.
func (c Config) checkConsumers() error {
	if partitions := c.laggingPartitions(); partitions > 0 {
		if err := c.checkLaggingCount(partitions); err != nil {
			return err
		}
	}
	return firstBroken([]constraint{
		{c.reads() && c.Protocol == ProtocolEcho, "knob consumers: " + c.Consumers + " needs protocol kafka"},
		{c.misbehaves() && c.Protocol == ProtocolEcho, "knob bad-consumers: " + c.BadConsumers + " needs protocol kafka"},
		{c.tailCount() > c.Partitions, fmt.Sprintf("knob consumer-connections: %d consumers cannot share %d partitions", c.tailCount(), c.Partitions)},
		{c.readsBacklog() && c.backlogIsOwn() && c.LaggingPartitions > c.Partitions, fmt.Sprintf("knob lagging-partitions: %d of a topic of which %d are in use", c.LaggingPartitions, c.Partitions)},
		{c.FetchBytesPerSecond > 0 && !c.lags(), "knob fetch-rate: only lagging consumers have a cap"},
	})
}
