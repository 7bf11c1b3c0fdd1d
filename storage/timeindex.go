package storage

import (
	"encoding/binary"
	"fmt"
	"sort"

	"c10klab/internal/vfs"
)

const timeEntryBytes = 12

// noTimestamp is that of records without one, and of no records.
const noTimestamp = -1

// timeIndex is a segment's sparse index by time (Kafka's TimeIndex). An entry says
// the latest timestamp up to somewhere in the segment, and the last offset of the
// batch that first had it. Timestamps and offsets only rise, however clocks go.
type timeIndex struct{ table }

func newTimeIndex(entries int64) *timeIndex {
	x := &timeIndex{}
	x.setRoom(timeEntryBytes, entries)
	return x
}

// full leaves room for the entry that a segment gets at its end.
func (x *timeIndex) full() bool { return x.entries.Load() >= x.room()-1 }

// add appends an entry that is later than the last; others tell nothing new and
// are dropped. Only the segment's writer may call it.
func (x *timeIndex) add(timestampMs int64, relativeOffset int32) {
	n := x.entries.Load()
	if timestampMs <= x.latestMs() || n == x.room() {
		return
	}
	entry := x.blank()
	binary.BigEndian.PutUint64(entry, uint64(timestampMs))
	binary.BigEndian.PutUint32(entry[8:], uint32(relativeOffset))
	x.publish()
}

func (x *timeIndex) timestampMs(i int64) int64 { return int64(binary.BigEndian.Uint64(x.entry(i))) }

func (x *timeIndex) relativeOffset(i int64) int64 {
	return int64(int32(binary.BigEndian.Uint32(x.entry(i)[8:])))
}

// latestMs is the timestamp of the last entry.
func (x *timeIndex) latestMs() int64 {
	if n := x.entries.Load(); n > 0 {
		return x.timestampMs(n - 1)
	}
	return noTimestamp
}

// latestOffset is the relative offset of the last entry, 0 without entries.
func (x *timeIndex) latestOffset() int64 {
	if n := x.entries.Load(); n > 0 {
		return x.relativeOffset(n - 1)
	}
	return 0
}

// lookup returns the relative offset before whose batch no record is at ms or
// later: that of the last entry at or before ms, else 0.
func (x *timeIndex) lookup(ms int64) (relativeOffset int64) {
	above := sort.Search(int(x.entries.Load()), func(i int) bool { return x.timestampMs(int64(i)) > ms })
	if above == 0 {
		return 0
	}
	return x.relativeOffset(int64(above - 1))
}

// readTimeIndex loads the time index of a segment. An error means that the file is
// missing or cannot be one.
func readTimeIndex(fsys vfs.FS, path string, room int64) (*timeIndex, error) {
	raw, err := readEntries(fsys, path, timeEntryBytes)
	if err != nil {
		return nil, err
	}
	x := newTimeIndex(max(room, int64(len(raw)/timeEntryBytes)))
	lastMs, lastOffset := int64(noTimestamp), int32(-1)
	for i := 0; i < len(raw); i += timeEntryBytes {
		ms, offset := int64(binary.BigEndian.Uint64(raw[i:])), int32(binary.BigEndian.Uint32(raw[i+8:]))
		if ms <= lastMs || offset <= lastOffset {
			return nil, fmt.Errorf("reading index %s: entry %d (%d, %d) does not follow (%d, %d)",
				path, i/timeEntryBytes, ms, offset, lastMs, lastOffset)
		}
		x.add(ms, offset)
		lastMs, lastOffset = ms, offset
	}
	return x, nil
}
