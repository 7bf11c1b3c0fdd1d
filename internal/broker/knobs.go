package broker

import (
	"time"

	"c10klab/internal/knob"
	"c10klab/storage"
)

// Knobs are the tunables of the log service and of the synthetic one.
var Knobs = []knob.Knob{
	{Name: "auto-create-topics", Kind: knob.Bool, Default: "true",
		Meaning: "create an unknown topic when a client asks for its metadata and allows it (Kafka's auto.create.topics.enable)"},
	{Name: "default-partitions", Kind: knob.Int, Unit: "partitions", Default: "1", Min: 1, Max: storage.MaxPartitions,
		Meaning: "partitions of a topic that is created without a number (Kafka's num.partitions)"},
	{Name: "fetch-cap", Kind: knob.Bytes, Default: "55MiB", Min: 1, Max: 1 << 30,
		Meaning: "cap on the records of one fetch response, whatever the client asks for (the broker's fetch.max.bytes); the first batch found may break it"},
	{Name: "fetch-partition-cap", Kind: knob.Bytes, Default: "0", Max: 1 << 30,
		Meaning: "cap on each partition's records in a fetch response, whatever the client asks for, 0: none (Kafka leaves it to the client's max.partition.fetch.bytes); the first batch found may break it"},
	{Name: "read-quota", Kind: knob.Float, Unit: "MB/s", Default: "0",
		Meaning: "record bytes that each consumer connection may fetch, 0: any number; a fetch above it gets an empty answer and its connection is read again when there is room (Kafka's consumer_byte_rate, per client id)"},
	{Name: "read-quota-total", Kind: knob.Float, Unit: "MB/s", Default: "0",
		Meaning: "record bytes that all consumers together may fetch, 0: any number"},

	{Name: "cost", Kind: knob.Duration, Default: "0s",
		Meaning: "synthetic service: mean time that handling one request takes"},
	{Name: "cost-distribution", Kind: knob.Choice, Choices: []string{"constant", "exponential"}, Default: "constant",
		Meaning: "synthetic service: how the cost is drawn"},
	{Name: "cost-kind", Kind: knob.Choice, Choices: []string{"spin", "sleep"}, Default: "spin",
		Meaning: "synthetic service: spend the cost as processor time of the thread, or as time asleep"},
	{Name: "cost-seed", Kind: knob.Int, Default: "1",
		Meaning: "synthetic service: seed of the drawn costs; equal seeds draw equal costs in order of handling"},
}

const bytesPerMB = 1e6

// LogConfig configures the log service.
type LogConfig struct {
	AutoCreateTopics  bool `knob:"auto-create-topics"`
	DefaultPartitions int  `knob:"default-partitions"`
	FetchMaxBytes     int  `knob:"fetch-cap"` // of records in one fetch response
	// PartitionMaxBytes is the most of one partition's; 0: no bound of its own.
	PartitionMaxBytes int `knob:"fetch-partition-cap"`
	// Record bytes a second that fetches may take, per connection and in total; 0:
	// no quota.
	ReadQuotaBytes, TotalReadQuotaBytes float64
	// Appended is called after each append with when it began (CLOCK_MONOTONIC), by the
	// thread that appended; nil: nobody is told.
	Appended func(beganNs int64)
}

// LogConfigFrom reads the log service's knobs.
func LogConfigFrom(v *knob.Values) LogConfig {
	c := LogConfig{ReadQuotaBytes: v.Float("read-quota") * bytesPerMB, TotalReadQuotaBytes: v.Float("read-quota-total") * bytesPerMB}
	v.Fill(&c)
	return c
}

// SyntheticConfig configures the synthetic service.
type SyntheticConfig struct {
	Cost        time.Duration `knob:"cost"`                          // mean; 0 costs nothing
	Exponential bool          `knob:"cost-distribution=exponential"` // drawn from an exponential distribution, otherwise constant
	Sleep       bool          `knob:"cost-kind=sleep"`               // spent asleep, otherwise spinning
	Seed        uint64
}

// SyntheticConfigFrom reads the synthetic service's knobs.
func SyntheticConfigFrom(v *knob.Values) SyntheticConfig {
	c := SyntheticConfig{Seed: uint64(v.Int("cost-seed"))}
	v.Fill(&c)
	return c
}
