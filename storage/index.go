package storage

import (
	"encoding/binary"
	"fmt"
	"sort"

	"c10klab/internal/vfs"
)

const offsetEntryBytes = 8

// offsetIndex is a segment's sparse index by offset (Kafka's OffsetIndex).
type offsetIndex struct{ table }

func newOffsetIndex(entries int64) *offsetIndex {
	x := &offsetIndex{}
	x.setRoom(offsetEntryBytes, entries)
	return x
}

func (x *offsetIndex) full() bool { return x.entries.Load() == x.room() }

// add appends an entry; on a full index it does nothing, as a sparser index is
// still right. Only the segment's writer may call it.
func (x *offsetIndex) add(relativeOffset, positionBytes int32) {
	if x.full() {
		return
	}
	entry := x.blank()
	binary.BigEndian.PutUint32(entry, uint32(relativeOffset))
	binary.BigEndian.PutUint32(entry[4:], uint32(positionBytes))
	x.publish()
}

func (x *offsetIndex) relativeOffset(i int64) int32 {
	return int32(binary.BigEndian.Uint32(x.entry(i)))
}

func (x *offsetIndex) positionBytes(i int64) int32 {
	return int32(binary.BigEndian.Uint32(x.entry(i)[4:]))
}

// lookup returns where to start looking for an offset: the batch of the last
// entry at or below it, else the segment's start.
func (x *offsetIndex) lookup(relativeOffset int64) (positionBytes int64) {
	positionBytes, _ = x.bracket(relativeOffset)
	return positionBytes
}

// bracket is lookup, and the position of the first batch indexed above the offset, 0
// if there is none.
func (x *offsetIndex) bracket(relativeOffset int64) (positionBytes, abovePositionBytes int64) {
	entries := x.entries.Load()
	above := int64(sort.Search(int(entries), func(i int) bool {
		return int64(x.relativeOffset(int64(i))) > relativeOffset
	}))
	if above > 0 {
		positionBytes = int64(x.positionBytes(above - 1))
	}
	if above < entries {
		abovePositionBytes = int64(x.positionBytes(above))
	}
	return positionBytes, abovePositionBytes
}

// lastPositionBytes is where the last indexed batch starts, 0 without entries.
func (x *offsetIndex) lastPositionBytes() int64 {
	if n := x.entries.Load(); n > 0 {
		return int64(x.positionBytes(n - 1))
	}
	return 0
}

// readOffsetIndex loads the index of a segment of logBytes. An error means that
// the file is missing or cannot belong to that segment.
func readOffsetIndex(fsys vfs.FS, path string, room, logBytes int64) (*offsetIndex, error) {
	raw, err := readEntries(fsys, path, offsetEntryBytes)
	if err != nil {
		return nil, err
	}
	x := newOffsetIndex(max(room, int64(len(raw)/offsetEntryBytes)))
	lastOffset, lastPosition := int32(0), int32(0) // the first batch has no entry, so both must rise from 0
	for i := 0; i < len(raw); i += offsetEntryBytes {
		offset, position := int32(binary.BigEndian.Uint32(raw[i:])), int32(binary.BigEndian.Uint32(raw[i+4:]))
		if offset <= lastOffset || position <= lastPosition || int64(position) >= logBytes {
			return nil, fmt.Errorf("reading index %s: entry %d (%d, %d) does not follow (%d, %d) in a log of %d bytes",
				path, i/offsetEntryBytes, offset, position, lastOffset, lastPosition, logBytes)
		}
		x.add(offset, position)
		lastOffset, lastPosition = offset, position
	}
	return x, nil
}
