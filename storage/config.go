package storage

import (
	"fmt"
	"math"
	"time"

	"c10klab/internal/knob"
	"c10klab/internal/vfs"
)

// Knobs are this package's tunables.
var Knobs = []knob.Knob{
	{Name: "segment-bytes", Kind: knob.Bytes, Default: "1GiB", Min: 1, Max: math.MaxInt32,
		Meaning: "size at which a log segment rolls (Kafka's segment.bytes); one produce request larger than this gets a segment of its own"},
	{Name: "index-interval-bytes", Kind: knob.Bytes, Default: "4096", Min: 1, Max: math.MaxInt32,
		Meaning: "bytes of log per entry of the sparse offset index (Kafka's index.interval.bytes)"},
	{Name: "preallocate", Kind: knob.Bytes, Default: "0", Max: math.MaxInt32,
		Meaning: "blocks that a segment is given ahead of its end, this many bytes at a time, and gives back when it rolls, 0: none (Kafka); it takes the allocation out of most writes and puts a large one into some; not in layout commit-log"},
	{Name: "index-flush", Kind: knob.Choice, Choices: []string{IndexFlushRoll, IndexFlushStop}, Default: IndexFlushRoll,
		Meaning: "when a segment's index files are written: when it rolls (Kafka), or only at a clean stop; after an unclean one those that are missing are made again from the log"},
	{Name: "max-batch-bytes", Kind: knob.Bytes, Default: "0", Max: math.MaxInt32,
		Meaning: "largest record batch accepted (Kafka's max.message.bytes); 0: whatever fits a request"},
	{Name: "check-records", Kind: knob.Bool, Default: "true",
		Meaning: "check each record of a batch before it is appended, compressed ones decompressed, as Kafka does; false: the batch's header and CRC only"},
	{Name: "max-decompressed-bytes", Kind: knob.Bytes, Default: "100MiB", Min: 1, Max: math.MaxInt32,
		Meaning: "largest size of a batch's decompressed records; a batch of more is refused"},
	{Name: "log-flush", Kind: knob.Text, Default: "none",
		Meaning: "when records are forced to the device besides the roll of a segment and a clean stop: none (Kafka's default), messages:N (flush.messages), interval:T (flush.ms), or request: before an append returns, one fsync for all that wait, and nobody reads what is not there yet"},
	{Name: "segment-ms", Kind: knob.Int, Unit: "ms", Default: "0", Max: math.MaxInt64,
		Meaning: "time after a segment's first batch at which an append rolls it, by the batches' timestamps (Kafka's segment.ms); 0: never"},
	{Name: "retention-ms", Kind: knob.Int, Unit: "ms", Default: "0", Max: math.MaxInt64,
		Meaning: "age of its latest record at which a segment is deleted (Kafka's retention.ms); 0: never"},
	{Name: "retention-bytes", Kind: knob.Bytes, Default: "0",
		Meaning: "size of a partition above which its oldest segments are deleted (Kafka's retention.bytes); 0: no limit"},
	{Name: "housekeeping-interval", Kind: knob.Duration, Default: "1m", Min: 0.001,
		Meaning: "time between applications of retention and writes of the checkpoints (Kafka's log.retention.check.interval.ms and log.flush.offset.checkpoint.interval.ms)"},
	{Name: "layout", Kind: knob.Choice, Choices: []string{LayoutPartitionLog, LayoutCommitLog}, Default: LayoutPartitionLog,
		Meaning: "how a log dir keeps its partitions: segment files for each (Kafka), or the batches of all in one log in the order of their writes, with a queue for each segment that says where they are (RocketMQ); fixed when the log dir is made"},
	{Name: "log-dirs-for-new", Kind: knob.Text, Default: allDirs,
		Meaning: "log dirs that new partitions are created in, the one with the fewest first: all, or positions in the list of log dirs, such as 0,2; what is there stays where it is"},
}

const (
	LayoutPartitionLog = "partition-log"
	LayoutCommitLog    = "commit-log"
)

const (
	IndexFlushRoll = "roll"
	IndexFlushStop = "stop"
)

// Config is the checked form of Knobs.
type Config struct {
	Layout               string `knob:"layout"`      // empty is LayoutPartitionLog
	IndexFlush           string `knob:"index-flush"` // empty is IndexFlushRoll
	PreallocateBytes     int64  `knob:"preallocate"`
	SegmentBytes         int64  `knob:"segment-bytes"`
	IndexIntervalBytes   int64  `knob:"index-interval-bytes"`
	MaxBatchBytes        int64  `knob:"max-batch-bytes"` // 0: no limit
	CheckRecords         bool   `knob:"check-records"`
	MaxDecompressedBytes int64  `knob:"max-decompressed-bytes"` // 0: no compressed batch is accepted where records are checked
	LogDirsForNew        string `knob:"log-dirs-for-new"`       // as given; empty is all
	SegmentMs            int64  `knob:"segment-ms"`             // 0: no roll by time
	RetentionMs          int64  `knob:"retention-ms"`           // 0: for ever
	RetentionBytes       int64  `knob:"retention-bytes"`        // 0: no limit
	LogFlush             string `knob:"log-flush"`              // as given; empty is none
	// HousekeepingInterval is the time between two rounds; 0 is a minute.
	HousekeepingInterval time.Duration `knob:"housekeeping-interval"`
	// FS is where the log dirs are; nil is the machine's own file system. Regions of
	// files without a descriptor cannot be sent.
	FS vfs.FS

	flush   flushPolicy // LogFlush, parsed by Open
	foreign bool        // of one log: another program has written it
}

// ConfigFrom reads the knobs' values.
func ConfigFrom(v *knob.Values) Config {
	var c Config
	v.Fill(&c)
	return c
}

// check guards the int32 positions of the index against a hand-made Config.
func (c Config) check() error {
	for _, field := range []struct {
		name               string
		value, least, most int64
	}{
		{"segment-bytes", c.SegmentBytes, 1, math.MaxInt32},
		{"index-interval-bytes", c.IndexIntervalBytes, 1, math.MaxInt32},
		{"max-batch-bytes", c.MaxBatchBytes, 0, math.MaxInt32},
		{"segment-ms", c.SegmentMs, 0, math.MaxInt64},
		{"retention-ms", c.RetentionMs, 0, math.MaxInt64},
		{"retention-bytes", c.RetentionBytes, 0, math.MaxInt64},
		{"housekeeping-interval", int64(c.HousekeepingInterval), 0, math.MaxInt64},
	} {
		if field.value < field.least || field.value > field.most {
			return fmt.Errorf("storage: %s is %d, want %d to %d", field.name, field.value, field.least, field.most)
		}
	}
	return nil
}
