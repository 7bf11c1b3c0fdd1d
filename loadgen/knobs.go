package loadgen

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"c10klab/internal/kafka"
	"c10klab/internal/knob"
	"c10klab/internal/osthread"
	"c10klab/internal/sample"
	"c10klab/loadgen/plan"
)

// Choices of knobs.
const (
	ModeOpen   = "open"
	ModeClosed = "closed"

	ConsumersNone    = "none"
	ConsumersTail    = "tail"
	ConsumersLagging = "lagging"
	ConsumersBoth    = "both"

	acksAll = "all" // another word for −1, as Kafka's producers have it

	BadNone    = "none"
	BadDies    = "dies"
	BadTrickle = "trickle"
	BadStuck   = "stuck"
)

const (
	bytesPerMB   = 1e6            // the MB of all rates
	longestPhase = 30 * 24 * 3600 // of a run, in seconds: 30 days
)

// Knobs are the generator's tunables.
var Knobs = []knob.Knob{
	{Name: "protocol", Kind: knob.Choice, Choices: []string{plan.ProtocolKafka, plan.ProtocolEcho}, Default: plan.ProtocolKafka, Meaning: "what the target speaks: Kafka's protocol, or the frames of the echo and synthetic services"},
	{Name: "mode", Kind: knob.Choice, Choices: []string{ModeOpen, ModeClosed}, Default: ModeOpen, Meaning: "open: requests fall due by a schedule whatever the target does; closed: in-flight requests outstanding per connection at all times"},
	{Name: "producers", Kind: knob.Int, Unit: "connections", Default: "30", Max: 1e6, Meaning: "connections that send requests; number i writes to partition i modulo partitions"},
	{Name: "connections", Kind: knob.Int, Unit: "connections", Default: "0", Max: 1e6, Meaning: "connections of producers and idle ones together, in the place of producers; 0: as many as producers says, none idle"},
	{Name: "idle-share", Kind: knob.Float, Default: "0", Max: 1, Meaning: "share of connections that only stay open"},
	{Name: "idle-interval", Kind: knob.Duration, Default: "0s", Max: 86_400, Meaning: "how often each idle connection sends a small request (ApiVersions, or an echo); 0: never after the first"},
	{Name: "source-addresses", Kind: knob.Int, Unit: "addresses", Default: "1", Min: 1, Max: 200, Meaning: "addresses of loopback, from 127.0.0.1 on, that connections come from in turn, since one has ports for about 28 000; 1: the kernel's choice"},
	{Name: "rate", Kind: knob.Float, Unit: "MB/s", Default: "100", Meaning: "offered record batches, in 10⁶ bytes a second over all producers"},
	{Name: "rate-requests", Kind: knob.Float, Unit: "requests/s", Default: "0", Meaning: "offered requests over all producers; overrides rate unless 0"},
	{Name: "schedule", Kind: knob.Choice, Choices: []string{plan.Constant, plan.Poisson}, Default: plan.Poisson, Meaning: "when requests fall due: evenly spaced, or independent of each other"},
	{Name: "seed", Kind: knob.Int, Default: "1", Meaning: "seed of the schedule; the same seed gives the same arrivals"},
	{Name: "trace", Kind: knob.Text, Default: "", Meaning: "CSV file of requests (time,api,bytes) to offer instead of a schedule and, where it holds fetches, of the consumers' closed loop, as load --write-trace makes one; rate, schedule and sizes are the file's"},
	{Name: "in-flight", Kind: knob.Int, Unit: "requests", Default: "1", Min: 1, Max: 1e5, Meaning: "unanswered requests that a producer connection may have"},
	{Name: "batch-bytes", Kind: knob.Bytes, Default: "64KiB", Min: 1, Max: kafka.MaxFrameBytes, Meaning: "record batch of one produce request, header included"},
	{Name: "record-bytes", Kind: knob.Bytes, Default: "1KiB", Min: 1, Meaning: "value of one record"},
	{Name: "compression", Kind: knob.Choice, Choices: []string{"none", "gzip", "snappy", "lz4", "zstd"}, Default: "none", Meaning: "codec of the record batches (Kafka: compression.type), made once before the run, so that it costs the generator nothing; batch-bytes and rate are before compression, what is acknowledged and fetched counts as it goes over the wire"},
	{Name: "compressible", Kind: knob.Float, Default: "0.5", Max: 1, Meaning: "share of each record's value that is zeros, with a compression; the rest is random and does not compress"},
	{Name: "acks", Kind: knob.Choice, Choices: []string{"0", "1", "-1", acksAll}, Default: "1", Meaning: "Kafka's acks, -1 or all for all replicas in sync; with 0 a request is done when its last byte is accepted and has no ResponseTime"},
	{Name: "topic", Kind: knob.Text, Default: "c10klab", Meaning: "topic to write and read, created if missing"},
	{Name: "partitions", Kind: knob.Int, Unit: "partitions", Default: "30", Min: 1, Max: 1e5, Meaning: "partitions of the topic that are used"},
	{Name: "consumers", Group: knob.Consumer, Kind: knob.Choice, Choices: []string{ConsumersNone, ConsumersTail, ConsumersLagging, ConsumersBoth}, Default: ConsumersNone, Meaning: "readers beside the producers: at the end of the producers' topic, from the beginning of lagging-topic, or both kinds"},
	{Name: "consumer-connections", Group: knob.Consumer, Kind: knob.Int, Unit: "connections", Default: "10", Min: 1, Max: 1e5, Meaning: "connections of the consumers, each with partitions of its own and one fetch in flight; with consumers=both, of the tail ones"},
	{Name: "lagging-connections", Group: knob.Consumer, Kind: knob.Int, Unit: "connections", Default: "10", Min: 1, Max: 1e5, Meaning: "with consumers=both, connections of the lagging consumers"},
	{Name: "lagging-topic", Group: knob.Consumer, Kind: knob.Text, Default: "", Meaning: "topic that lagging and bad consumers read from its beginning, as made by c10klab prepare; empty: the producers'"},
	{Name: "lagging-partitions", Group: knob.Consumer, Kind: knob.Int, Unit: "partitions", Default: "0", Max: 1e5, Meaning: "partitions of the lagging topic that are read; 0: all"},
	{Name: "fetch-max-bytes", Group: knob.Consumer, Kind: knob.Bytes, Default: "1MiB", Min: 1, Max: mostFetchBytes, Meaning: "most record bytes asked for per partition and per fetch response"},
	{Name: "fetch-min-bytes", Group: knob.Consumer, Kind: knob.Bytes, Default: "1", Max: 1 << 30, Meaning: "record bytes that a fetch waits for"},
	{Name: "fetch-max-wait", Group: knob.Consumer, Kind: knob.Duration, Default: "500ms", Max: 3600, Meaning: "how long a fetch waits for fetch-min-bytes"},
	{Name: "fetch-rate", Group: knob.Consumer, Kind: knob.Float, Unit: "MB/s", Default: "0", Meaning: "cap on what lagging consumers read together, in 10⁶ bytes a second; 0: none"},
	{Name: "fetch-rate-requests", Group: knob.Consumer, Kind: knob.Float, Unit: "fetches/s", Default: "0", Meaning: "offered fetches over all consumers together, each connection the same, whatever the target does; 0: a consumer fetches again when it has its answer"},
	{Name: "fetch-schedule", Group: knob.Consumer, Kind: knob.Choice, Choices: []string{plan.Constant, plan.Poisson}, Default: plan.Poisson, Meaning: "when fetches of fetch-rate-requests fall due: evenly spaced, or independent of each other"},
	{Name: "lagging-wrap", Group: knob.Consumer, Kind: knob.Bool, Default: "false", Meaning: "a lagging consumer that reaches the end of a partition begins it again and need not lag; what it reads again may be in the page cache"},
	{Name: "bad-consumers", Group: knob.Consumer, Kind: knob.Choice, Choices: []string{BadNone, BadDies, BadTrickle, BadStuck}, Default: BadNone, Meaning: "consumers that fetch from the lagging topic while load runs and then hang up within the answer, read a byte a second, or read nothing; in no statistics of the generator"},
	{Name: "bad-connections", Group: knob.Consumer, Kind: knob.Int, Unit: "connections", Default: "10", Min: 1, Max: 1e4, Meaning: "connections of the bad consumers"},
	{Name: "echo-bytes", Kind: knob.Bytes, Default: "64", Min: correlationBytes, Max: mostEchoBytes, Meaning: "payload of an echo frame, without its 4-byte length"},
	{Name: "warm-up", Kind: knob.Duration, Default: "2s", Max: longestPhase, Meaning: "load before the measured window"},
	{Name: "window", Kind: knob.Duration, Default: "8s", Max: longestPhase, Meaning: "measured window"},
	{Name: "drain", Kind: knob.Duration, Default: "10s", Max: longestPhase, Meaning: "longest wait for answers after the window"},
	{Name: "reconnect", Kind: knob.Duration, Default: "30s", Max: 86_400, Meaning: "with protocol kafka, how long a connection that broke, or whose partition another broker leads now, may look for its leader; what was under way is sent again, and may be in the log twice; 0: the first that breaks ends the run"},
	{Name: "lateness-limit", Kind: knob.Duration, Default: "1ms", Min: 1e-6, Max: 10, Meaning: "Lateness, at the highest percentile shown, up to which the run is the target's and not the generator's; the same for all cells of an experiment, whatever they measure"},
	{Name: "switchback-slot", Kind: knob.Duration, Default: "400ms", Min: 0.01, Max: 60, Meaning: "how long a server with knob switchback stays in one arm before the next is put in use"},
	{Name: "switchback-discard", Kind: knob.Duration, Default: "50ms", Max: 60, Meaning: "beginning of each slot that counts for no arm, since something of the arm before may be under way"},
	{Name: "load-threads", Kind: knob.Int, Unit: "thread pairs", Default: "1", Min: 1, Max: 1024, Meaning: "pairs of a sender and a receiver thread that the producers are spread over"},
	{Name: "join-samples", Group: knob.Instrument, Kind: knob.Int, Unit: "requests", Default: "4096", Max: sample.MostKept / 2, Meaning: "requests of the window, about, whose stamps on both sides are joined by correlation id, with a server that keeps them; in a closed loop one of 64, and the newest of these; 0: none"},
	{Name: "client-stamps", Group: knob.Instrument, Kind: knob.Choice, Choices: []string{"auto", "on", "off"}, Default: "auto", Meaning: "arrival stamps of answers by the kernel, for joined requests; auto: on with protocol kafka"},
	{Name: "busy-poll", Kind: knob.Choice, Choices: []string{"auto", "off"}, Default: "auto", Meaning: "whether threads with a CPU of load-cpus each look again and again instead of sleeping; auto: in a closed loop receivers, for answers, so that the target need not wake them; in an open one senders, for the time, at rates that leave no time to sleep"},
	{Name: "load-cpus", Kind: knob.Text, Default: "", Meaning: "CPUs to confine the generator to, such as 1 or 2-3; empty: any"},
}

// ConfigFrom reads and checks the generator's knobs.
func ConfigFrom(v *knob.Values) (Config, error) {
	c := Config{FetchBytesPerSecond: v.Float("fetch-rate") * bytesPerMB, Text: map[string]string{}}
	v.Fill(&c)
	if err := c.divide(v.Int("connections"), v.Float("idle-share")); err != nil {
		return Config{}, err
	}
	for _, k := range Knobs {
		c.Text[k.Name] = v.Text(k.Name)
	}
	c.ClientStamps = v.Text("client-stamps") == "on" || v.Text("client-stamps") == "auto" && c.Protocol == plan.ProtocolKafka
	acks, err := strconv.ParseInt(strings.ReplaceAll(v.Text("acks"), acksAll, "-1"), 10, 16)
	if err != nil {
		return Config{}, fmt.Errorf("knob acks: %w", err)
	}
	c.Acks = int16(acks)
	c.Schedule = plan.Schedule{Kind: v.Text("schedule"), PerSecond: v.Float("rate-requests"), Seed: uint64(v.Int("seed"))}
	if c.Schedule.PerSecond == 0 && c.Protocol == plan.ProtocolKafka {
		c.Schedule.PerSecond = v.Float("rate") * bytesPerMB / float64(c.BatchBytes)
	}
	c.Fetches = plan.Schedule{Kind: v.Text("fetch-schedule"), PerSecond: v.Float("fetch-rate-requests"), Seed: c.Schedule.Seed}
	if path := v.Text("trace"); path != "" {
		if c.Trace, err = plan.ReadTraceFile(path, c.Protocol); err != nil {
			return Config{}, fmt.Errorf("knob trace: %w", err)
		}
		c.Schedule.PerSecond = c.Trace.PerSecond(c.WarmUp + c.Window)
	}
	if text := v.Text("load-cpus"); text != "" {
		if c.CPUs, err = osthread.ParseCPUs(text); err != nil {
			return Config{}, fmt.Errorf("knob load-cpus: %w", err)
		}
	}
	return c, c.check()
}

// divide gives a number of connections to producers and idle ones.
func (c *Config) divide(connections int, idleShare float64) error {
	switch {
	case connections > 0:
		c.Idle = int(math.Round(float64(connections) * idleShare))
		c.Producers = connections - c.Idle
	case idleShare > 0:
		return errors.New("knob idle-share: it divides knob connections, which is 0")
	}
	return nil
}
