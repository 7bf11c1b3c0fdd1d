package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"c10klab/internal/vfs"
)

// TopicConfig is one of Kafka's topic configurations (org.apache.kafka.common.config.TopicConfig).
type TopicConfig struct {
	Name    string
	Default string // the store's own, or Kafka's where the store does not obey it
	Kind    TopicConfigKind

	// obey applies a value that has been checked; nil: the store keeps it and does not obey it.
	obey func(c *Config, n int64)
	// now is the value of the store's configuration.
	now func(c *Config) int64
}

type TopicConfigKind int

const (
	ConfigText TopicConfigKind = iota
	ConfigBool
	ConfigInt
	ConfigLong
	ConfigDouble
	ConfigList
)

const noLimit = -1 // Kafka's way to say never, or any number

// unlimited translates Kafka's -1 into the store's 0 and back.
func unlimited(n int64) int64 {
	if n == noLimit {
		return 0
	}
	return n
}

func limited(n int64) int64 {
	if n == 0 {
		return noLimit
	}
	return n
}

// topicConfigs are those that a topic may have, by name as Kafka lists them.
var topicConfigs = []TopicConfig{
	{Name: "cleanup.policy", Default: "delete", Kind: ConfigList},
	{Name: "compression.gzip.level", Default: "-1", Kind: ConfigInt},
	{Name: "compression.lz4.level", Default: "9", Kind: ConfigInt},
	{Name: "compression.type", Default: "producer"},
	{Name: "compression.zstd.level", Default: "3", Kind: ConfigInt},
	{Name: "delete.retention.ms", Default: "86400000", Kind: ConfigLong},
	{Name: "file.delete.delay.ms", Default: "60000", Kind: ConfigLong},
	{Name: "flush.messages", Kind: ConfigLong,
		obey: func(c *Config, n int64) { c.flush.messages = n % math.MaxInt64 },
		now:  func(c *Config) int64 { return orEver(c.flush.messages) }},
	{Name: "flush.ms", Default: strconv.Itoa(math.MaxInt64), Kind: ConfigLong},
	{Name: "follower.replication.throttled.replicas", Kind: ConfigList},
	{Name: "index.interval.bytes", Kind: ConfigInt,
		obey: func(c *Config, n int64) { c.IndexIntervalBytes = max(1, n) },
		now:  func(c *Config) int64 { return c.IndexIntervalBytes }},
	{Name: "leader.replication.throttled.replicas", Kind: ConfigList},
	{Name: "local.retention.bytes", Default: "-2", Kind: ConfigLong},
	{Name: "local.retention.ms", Default: "-2", Kind: ConfigLong},
	{Name: "max.compaction.lag.ms", Default: strconv.Itoa(math.MaxInt64), Kind: ConfigLong},
	{Name: "max.message.bytes", Kind: ConfigInt,
		obey: func(c *Config, n int64) { c.MaxBatchBytes = n },
		now:  func(c *Config) int64 { return orMost(c.MaxBatchBytes) }},
	{Name: "message.timestamp.after.max.ms", Default: strconv.Itoa(math.MaxInt64), Kind: ConfigLong},
	{Name: "message.timestamp.before.max.ms", Default: strconv.Itoa(math.MaxInt64), Kind: ConfigLong},
	{Name: "message.timestamp.type", Default: "CreateTime"},
	{Name: "min.cleanable.dirty.ratio", Default: "0.5", Kind: ConfigDouble},
	{Name: "min.compaction.lag.ms", Default: "0", Kind: ConfigLong},
	{Name: "min.insync.replicas", Default: "1", Kind: ConfigInt},
	{Name: "preallocate", Default: "false", Kind: ConfigBool},
	{Name: "remote.storage.enable", Default: "false", Kind: ConfigBool},
	{Name: "retention.bytes", Kind: ConfigLong,
		obey: func(c *Config, n int64) { c.RetentionBytes = unlimited(n) },
		now:  func(c *Config) int64 { return limited(c.RetentionBytes) }},
	{Name: "retention.ms", Kind: ConfigLong,
		obey: func(c *Config, n int64) { c.RetentionMs = unlimited(n) },
		now:  func(c *Config) int64 { return limited(c.RetentionMs) }},
	{Name: "segment.bytes", Kind: ConfigInt,
		obey: func(c *Config, n int64) { c.SegmentBytes = n },
		now:  func(c *Config) int64 { return c.SegmentBytes }},
	{Name: "segment.index.bytes", Default: "10485760", Kind: ConfigInt},
	{Name: "segment.jitter.ms", Default: "0", Kind: ConfigLong},
	{Name: "segment.ms", Kind: ConfigLong,
		obey: func(c *Config, n int64) { c.SegmentMs = n % math.MaxInt64 },
		now:  func(c *Config) int64 { return orEver(c.SegmentMs) }},
	{Name: "unclean.leader.election.enable", Default: "false", Kind: ConfigBool},
}

func orEver(n int64) int64 {
	if n == 0 {
		return math.MaxInt64
	}
	return n
}

func orMost(n int64) int64 {
	if n == 0 {
		return math.MaxInt32
	}
	return n
}

// least are the smallest values of numbers (LogConfig's definitions); the others have 0.
var least = map[string]int64{"segment.bytes": 14, "segment.ms": 1, "retention.ms": noLimit, "retention.bytes": math.MinInt64, "flush.messages": 1,
	"local.retention.bytes": -2, "local.retention.ms": -2, "min.insync.replicas": 1, "compression.gzip.level": -1, "compression.lz4.level": 1,
	"compression.zstd.level": -131072, "max.compaction.lag.ms": 1}

// choices are the values of texts that have no others.
var choices = map[string][]string{
	"cleanup.policy":         {"compact", "delete", "compact,delete", "delete,compact"},
	"compression.type":       {"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"},
	"message.timestamp.type": {"CreateTime", "LogAppendTime"},
}

// ErrInvalidTopicConfig is a configuration that Kafka has not, or a value that it cannot have.
var ErrInvalidTopicConfig = errors.New("invalid topic configuration")

// check fails with ErrInvalidTopicConfig for a value that the configuration cannot have, and
// returns its number, where it is one.
func (t TopicConfig) check(value string) (n int64, err error) {
	bits := 64
	switch t.Kind {
	case ConfigBool:
		if value != "true" && value != "false" {
			err = fmt.Errorf("%w: %s is true or false, not %q", ErrInvalidTopicConfig, t.Name, value)
		}
		return 0, err
	case ConfigDouble:
		if f, bad := strconv.ParseFloat(value, 64); bad != nil || f < 0 || f > 1 {
			err = fmt.Errorf("%w: %s is a number from 0 to 1, not %q", ErrInvalidTopicConfig, t.Name, value)
		}
		return 0, err
	case ConfigText, ConfigList:
		if among := choices[t.Name]; among != nil && !slices.Contains(among, strings.ReplaceAll(value, " ", "")) {
			err = fmt.Errorf("%w: %s is one of %s, not %q", ErrInvalidTopicConfig, t.Name, strings.Join(among, ", "), value)
		}
		return 0, err
	case ConfigInt:
		bits = 32
	}
	if n, err = strconv.ParseInt(value, 10, bits); err != nil || n < least[t.Name] {
		return 0, fmt.Errorf("%w: %s is a whole number of at least %d and at most %d bits, not %q", ErrInvalidTopicConfig, t.Name, least[t.Name], bits, value)
	}
	return n, nil
}

// withTopicConfigs is the configuration of a topic's logs. It fails with ErrInvalidTopicConfig.
func (c Config) withTopicConfigs(given map[string]string) (Config, error) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(topicConfigs, func(t TopicConfig) bool { return t.Name == name })
		if i < 0 {
			return c, fmt.Errorf("%w: Kafka has none of the name %q", ErrInvalidTopicConfig, name)
		}
		n, err := topicConfigs[i].check(given[name])
		if err != nil {
			return c, err
		}
		if topicConfigs[i].obey != nil {
			topicConfigs[i].obey(&c, n)
		}
	}
	return c, nil
}

// TopicConfigs lists the configurations of topics by name, with what holds for a topic that
// was given none.
func (s *Store) TopicConfigs() []TopicConfig {
	all := slices.Clone(topicConfigs)
	for i, t := range all {
		if t.now != nil {
			all[i].Default = strconv.FormatInt(t.now(&s.cfg), 10)
		}
	}
	return all
}

// topicConfigFile, in each partition's directory, has what its topic was given, a line each; also
// if that is nothing, and so tells a partition of this store from another program's. Kafka
// passes over it.
const topicConfigFile = "topic.config"

func writeTopicConfigs(fsys vfs.FS, partitionDir string, given map[string]string) error {
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(given)) {
		text = fmt.Appendf(text, "%s=%s\n", name, given[name])
	}
	path := filepath.Join(partitionDir, topicConfigFile)
	write := vfs.WriteFile
	if len(given) > 0 { // nobody flushes it later
		write = vfs.ReplaceFile
	}
	if err := write(fsys, path, text); err != nil {
		return fmt.Errorf("writing topic configurations: %w", err)
	}
	return nil
}

// readTopicConfigs is its inverse; foreign: there are none, not even of nothing.
func readTopicConfigs(fsys vfs.FS, partitionDir string) (given map[string]string, foreign bool, err error) {
	text, err := vfs.ReadFile(fsys, filepath.Join(partitionDir, topicConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	} else if err != nil {
		return nil, false, fmt.Errorf("reading topic configurations: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			if given == nil {
				given = map[string]string{}
			}
			given[name] = value
		}
	}
	return given, false, nil
}
