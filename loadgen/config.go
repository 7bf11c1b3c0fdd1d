package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"c10klab/loadgen/judge"
	"c10klab/loadgen/plan"
)

// Config is one run of the generator. ConfigFrom fills everything but the addresses,
// which belong to the command.
type Config struct {
	Target string // the host:port under load
	// Servers are those whose admin ports are known: the target, record.Broker, and others
	// that work beside it.
	Servers []Server

	Protocol  string        `knob:"protocol"`
	Closed    bool          `knob:"mode=closed"`
	Producers int           `knob:"producers"`
	Schedule  plan.Schedule // with a Trace: its mean rate
	Fetches   plan.Schedule // of all consumers together; PerSecond 0: a closed loop
	Trace     *plan.Trace   // requests to replay; nil: the schedules'
	TraceTo   string        // the file that requests are written to as a Trace; empty: none
	InFlight  int           `knob:"in-flight"` // requests per producer connection

	Idle            int           // connections that only stay open
	IdleInterval    time.Duration `knob:"idle-interval"` // between two requests of one of them; 0: none
	SourceAddresses int           `knob:"source-addresses"`

	BatchBytes   int     `knob:"batch-bytes"`
	RecordBytes  int     `knob:"record-bytes"`
	Compression  string  `knob:"compression"`
	Compressible float64 `knob:"compressible"` // share of each value that is zeros, with a Compression
	Acks         int16
	Topic        string `knob:"topic"`
	Partitions   int    `knob:"partitions"`

	Consumers           string        `knob:"consumers"`
	ConsumerConnections int           `knob:"consumer-connections"`
	LaggingConnections  int           `knob:"lagging-connections"` // with ConsumersBoth
	LaggingTopic        string        `knob:"lagging-topic"`       // empty: Topic
	LaggingPartitions   int           `knob:"lagging-partitions"`  // 0: all of the topic's
	LaggingWrap         bool          `knob:"lagging-wrap"`        // begin a partition again at its end
	BadConsumers        string        `knob:"bad-consumers"`
	BadConnections      int           `knob:"bad-connections"`
	FetchMaxBytes       int           `knob:"fetch-max-bytes"`
	FetchMinBytes       int           `knob:"fetch-min-bytes"`
	FetchMaxWait        time.Duration `knob:"fetch-max-wait"`
	FetchBytesPerSecond float64       // over all lagging consumers; 0: no cap

	EchoBytes int `knob:"echo-bytes"`

	WarmUp time.Duration `knob:"warm-up"`
	Window time.Duration `knob:"window"`
	Drain  time.Duration `knob:"drain"`

	Reconnect time.Duration `knob:"reconnect"` // how long a connection that broke may be without a broker; 0: not at all

	LatenessLimit     time.Duration `knob:"lateness-limit"`  // beyond which the generator, not the target, is measured
	SwitchbackSlot    time.Duration `knob:"switchback-slot"` // of a target that has arms
	SwitchbackDiscard time.Duration `knob:"switchback-discard"`

	JoinSamples  int  `knob:"join-samples"` // requests to sample; 0: none
	ClientStamps bool // the kernel stamps arrivals

	Threads  int   `knob:"load-threads"` // sender and receiver pairs
	CPUs     []int // empty: any
	BusyPoll bool  `knob:"busy-poll=auto"` // of threads that have CPUs of their own

	Text map[string]string // the knobs as given, for the record

	Progress func(Progress) // hears once a second how far the load is; nil: nobody does
}

// plan is what the run offers.
func (c Config) plan() *plan.Plan {
	consumers, lagging := c.tailCount(), c.laggingCount()
	if !c.tails() {
		consumers, lagging = lagging, 0 // alone they are plan.OfConsumers
	}
	bytes := c.BatchBytes
	if c.Protocol == plan.ProtocolEcho {
		bytes = c.EchoBytes
	}
	return &plan.Plan{
		Protocol: c.Protocol, Closed: c.Closed, InFlight: c.InFlight, Schedule: c.Schedule, Fetches: c.Fetches, Trace: c.Trace,
		WarmUp: c.WarmUp, Window: c.Window, Senders: c.pairs(),
		Connections: [plan.Kinds]int{plan.OfProducers: c.Producers, plan.OfConsumers: consumers, plan.OfLaggingConsumers: lagging},
		Bytes:       [plan.Kinds]int{plan.OfProducers: bytes, plan.OfConsumers: c.FetchMaxBytes, plan.OfLaggingConsumers: c.FetchMaxBytes},
	}
}

func (c Config) offered() *judge.Load {
	return &judge.Load{
		Plan: c.plan(), Drain: c.Drain, Answers: c.answers(), Tails: c.tails(), MustLag: c.lags() && !c.LaggingWrap, FetchMaxWait: c.FetchMaxWait,
		// An echo server counts the requests of idle connections too.
		MostInFlight: int64(c.Producers*c.InFlight + countIf(c.Protocol == plan.ProtocolEcho, c.Idle)),
		CPUs:         len(c.CPUs), SendersBusyWait: c.sendersBusyWait(), LatenessLimit: c.LatenessLimit,
	}
}

// answers reports whether the producers' requests are answered.
func (c Config) answers() bool { return c.Protocol != plan.ProtocolKafka || c.Acks != 0 }

// pairs is the number of sender and receiver pairs with at least one connection.
func (c Config) pairs() int { return min(c.Threads, c.Producers) }

// sendersBusyWait reports whether each thread of an open loop that has something to do has
// one of the generator's CPUs to itself.
func (c Config) sendersBusyWait() bool {
	p, threads := c.plan(), c.pairs()
	threads += countIf(c.answers(), c.pairs())
	for _, has := range []bool{c.tails(), c.lags(), p.OffersFetches(plan.OfConsumers), p.OffersFetches(plan.OfLaggingConsumers)} {
		threads += countIf(has, 1)
	}
	return c.BusyPoll && p.OffersRequests() && threads <= len(c.CPUs)
}

// consumes reports whether there are consumers, bad ones apart, tails, lags and misbehaves
// whether there are any of that kind.
func (c Config) consumes() bool   { return c.tails() || c.lags() }
func (c Config) tails() bool      { return c.Consumers == ConsumersTail || c.Consumers == ConsumersBoth }
func (c Config) lags() bool       { return c.Consumers == ConsumersLagging || c.Consumers == ConsumersBoth }
func (c Config) misbehaves() bool { return c.BadConsumers != BadNone }

func (c Config) tailCount() int { return countIf(c.tails(), c.ConsumerConnections) }
func (c Config) badCount() int  { return countIf(c.misbehaves(), c.BadConnections) }

func (c Config) laggingCount() int {
	if c.Consumers == ConsumersLagging {
		return c.ConsumerConnections
	}
	return countIf(c.Consumers == ConsumersBoth, c.LaggingConnections)
}

func countIf(holds bool, n int) int {
	if holds {
		return n
	}
	return 0
}

// ConnectionCount is the number of all connections under load.
func (c Config) ConnectionCount() int {
	return c.Producers + c.Idle + c.tailCount() + c.laggingCount() + c.badCount()
}

// readsLaggingTopic reports whether anybody does.
func (c Config) readsLaggingTopic() bool { return c.lags() || c.misbehaves() }

// laggingTopicIsOwn reports whether the lagging topic is the producers'.
func (c Config) laggingTopicIsOwn() bool { return c.LaggingTopic == "" || c.LaggingTopic == c.Topic }

// usesTopic reports whether the producers' topic is needed.
func (c Config) usesTopic() bool {
	return c.Producers > 0 || c.tails() || c.readsLaggingTopic() && c.laggingTopicIsOwn()
}

// laggingPartitions is how many partitions lagging consumers share, 0 while only the target knows.
func (c Config) laggingPartitions() int {
	if c.laggingTopicIsOwn() {
		return cmp.Or(c.LaggingPartitions, c.Partitions)
	}
	return c.LaggingPartitions
}

// CheckServers refuses names that tell no server from another, or that keys of histograms
// could not be read back with.
func CheckServers(servers []Server) error {
	named := map[string]bool{}
	for _, s := range servers {
		switch {
		case s.Name == "" || strings.ContainsAny(s.Name, ":/,="):
			return fmt.Errorf("server %q at %s: a name has a character at least, and none of : / , =", s.Name, s.Admin)
		case named[s.Name]:
			return fmt.Errorf("server %s has two admin ports", s.Name)
		}
		named[s.Name] = true
	}
	return nil
}

// highestPerSecond is where arrivals come closer than the clock can tell.
const highestPerSecond = 1e8

// check refuses what cannot be measured; each error names the knob at fault.
func (c Config) check() error {
	if err := c.checkConsumers(); err != nil {
		return err
	}
	if c.Trace != nil {
		if err := c.checkTrace(); err != nil {
			return fmt.Errorf("knob trace: %w", err)
		}
	}
	if c.Protocol == plan.ProtocolKafka && c.Producers > 0 {
		for _, bytes := range c.plan().Sizes(plan.OfProducers) {
			if _, err := newProduce(c, bytes, nil); err != nil {
				return err
			}
		}
	}
	open, perSecond := c.plan().OffersRequests(), c.Schedule.PerSecond
	return firstBroken([]constraint{
		{c.Window <= 0, fmt.Sprintf("knob window: %v measures nothing", c.Window)},
		{c.Producers == 0 && !c.consumes(), "knob producers: 0 without consumers is no load"},
		{c.Closed && !c.answers(), "knob mode: closed waits for answers, and acks 0 has none"},
		{open && perSecond == 0 && c.Protocol == plan.ProtocolEcho, "knob rate-requests: the echo protocol's rate is in requests, and 0 is no load"},
		{open && perSecond == 0 && c.Protocol == plan.ProtocolKafka, "knob rate: 0 is no load"},
		{open && perSecond > 0 && perSecond*c.Window.Seconds() < 1, fmt.Sprintf("knobs rate and window: at %g requests/s nothing falls due in %v", perSecond, c.Window)},
		{open && perSecond > highestPerSecond, fmt.Sprintf("knobs rate and rate-requests: %g requests/s are above the highest possible, %g", perSecond, highestPerSecond)},
	})
}

// constraint is something that a Config must not be, and why.
type constraint struct {
	broken bool
	why    string
}

func firstBroken(constraints []constraint) error {
	for _, c := range constraints {
		if c.broken {
			return errors.New(c.why)
		}
	}
	return nil
}

// Bounds of sizes.
const (
	mostEchoBytes  = 64 << 20
	mostFetchBytes = 1 << 30
)

func (c Config) checkTrace() error {
	p := c.plan()
	if err := p.CheckTrace(); err != nil {
		return err
	}
	if sizes := p.Sizes(plan.OfProducers); c.Protocol == plan.ProtocolEcho && (slices.Min(sizes) < correlationBytes || slices.Max(sizes) > mostEchoBytes) {
		return fmt.Errorf("echo payloads of %d to %d bytes; they have %d to %d", slices.Min(sizes), slices.Max(sizes), correlationBytes, mostEchoBytes)
	}
	for _, kind := range []plan.Kind{plan.OfConsumers, plan.OfLaggingConsumers} {
		if !c.Trace.Holds(kind) {
			continue
		}
		api, largest := plan.APIs(c.Protocol)[kind], slices.Max(p.Sizes(kind))
		switch {
		case p.Connections[kind] == 0:
			return fmt.Errorf("it holds %s, for which consumers=%s has no connections", api, c.Consumers)
		case largest > mostFetchBytes:
			return fmt.Errorf("a %s of %d bytes; at most %d can be asked for", api, largest, mostFetchBytes)
		case c.FetchBytesPerSecond > 0 || c.Fetches.PerSecond > 0:
			return errors.New("it says when fetches fall due, so fetch-rate and fetch-rate-requests cannot")
		}
	}
	return nil
}

// checkLaggingCount refuses more lagging consumers than partitions.
func (c Config) checkLaggingCount(partitions int) error {
	if c.laggingCount() <= partitions {
		return nil
	}
	knob := "consumer-connections"
	if c.Consumers == ConsumersBoth {
		knob = "lagging-connections"
	}
	return fmt.Errorf("knob %s: %d lagging consumers cannot share %d partitions", knob, c.laggingCount(), partitions)
}

func (c Config) checkConsumers() error {
	if partitions := c.laggingPartitions(); partitions > 0 {
		if err := c.checkLaggingCount(partitions); err != nil {
			return err
		}
	}
	fetches := c.Fetches.PerSecond
	return firstBroken([]constraint{
		{c.consumes() && c.Protocol == plan.ProtocolEcho, "knob consumers: " + c.Consumers + " needs protocol kafka"},
		{c.misbehaves() && c.Protocol == plan.ProtocolEcho, "knob bad-consumers: " + c.BadConsumers + " needs protocol kafka"},
		{c.tailCount() > c.Partitions, fmt.Sprintf("knob consumer-connections: %d consumers cannot share %d partitions", c.tailCount(), c.Partitions)},
		{c.readsLaggingTopic() && c.laggingTopicIsOwn() && c.LaggingPartitions > c.Partitions, fmt.Sprintf("knob lagging-partitions: %d of a topic of which %d are in use", c.LaggingPartitions, c.Partitions)},
		{c.FetchBytesPerSecond > 0 && !c.lags(), "knob fetch-rate: only lagging consumers have a cap"},
		{fetches > 0 && !c.consumes(), "knob fetch-rate-requests: there are no consumers"},
		{fetches > 0 && c.Closed, "knob fetch-rate-requests: a closed loop has no plan; use mode open"},
		{fetches > 0 && c.FetchBytesPerSecond > 0, "knob fetch-rate-requests: it says when fetches fall due, so fetch-rate cannot"},
		{fetches > 0 && fetches*c.Window.Seconds() < 1, fmt.Sprintf("knobs fetch-rate-requests and window: at %g fetches/s nothing falls due in %v", fetches, c.Window)},
		{fetches > highestPerSecond, fmt.Sprintf("knob fetch-rate-requests: %g fetches/s are above the highest possible, %g", fetches, highestPerSecond)},
	})
}
