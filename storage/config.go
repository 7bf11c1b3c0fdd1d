package storage

import (
	"fmt"
	"math"

	"c10klab/internal/knob"
)

// Knobs are this package's tunables.
var Knobs = []knob.Knob{
	{Name: "segment-bytes", Kind: knob.Bytes, Default: "1GiB", Min: 1, Max: math.MaxInt32,
		Meaning: "size at which a log segment rolls (Kafka's segment.bytes); one produce request larger than this gets a segment of its own"},
	{Name: "index-interval-bytes", Kind: knob.Bytes, Default: "4096", Min: 1, Max: math.MaxInt32,
		Meaning: "bytes of log per entry of the sparse offset index (Kafka's index.interval.bytes)"},
	{Name: "max-batch-bytes", Kind: knob.Bytes, Default: "0", Max: math.MaxInt32,
		Meaning: "largest record batch accepted (Kafka's max.message.bytes); 0: whatever fits a request"},
	{Name: "log-dirs-for-new", Kind: knob.Text, Default: allDirs,
		Meaning: "log dirs that new partitions are created in, the one with the fewest first: all, or positions in the list of log dirs, such as 0,2; what is there stays where it is"},
}

// Config is the checked form of Knobs.
type Config struct {
	SegmentBytes       int64
	IndexIntervalBytes int64
	MaxBatchBytes      int64 // 0: no limit
	// LogDirsForNew is the knob log-dirs-for-new as given; empty is all.
	LogDirsForNew string
}

// ConfigFrom reads the knobs' values.
func ConfigFrom(v *knob.Values) Config {
	return Config{
		SegmentBytes:       v.Bytes("segment-bytes"),
		IndexIntervalBytes: v.Bytes("index-interval-bytes"),
		MaxBatchBytes:      v.Bytes("max-batch-bytes"),
		LogDirsForNew:      v.Text("log-dirs-for-new"),
	}
}

// check guards the int32 positions of the index against a hand-made Config.
func (c Config) check() error {
	for _, field := range []struct {
		name         string
		value, least int64
	}{
		{"segment-bytes", c.SegmentBytes, 1},
		{"index-interval-bytes", c.IndexIntervalBytes, 1},
		{"max-batch-bytes", c.MaxBatchBytes, 0},
	} {
		if field.value < field.least || field.value > math.MaxInt32 {
			return fmt.Errorf("storage: %s is %d, want %d to %d", field.name, field.value, field.least, math.MaxInt32)
		}
	}
	return nil
}
