package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sort"
	"sync/atomic"
)

const (
	entryBytes      = 8
	chunkEntries    = 1024
	maxIndexBytes   = 10 << 20 // Kafka's segment.index.bytes
	maxIndexEntries = maxIndexBytes / entryBytes
)

// offsetIndex is a segment's sparse index, held as the bytes of its file. One
// thread adds; any thread looks up without a lock. It grows by chunks that never
// move, so growing neither copies nor stops a reader.
type offsetIndex struct {
	chunks  []*[chunkEntries * entryBytes]byte // fixed length; filled from the front
	entries atomic.Int64                       // published after their bytes
}

// newOffsetIndex makes an empty index with room for entries, at most what a
// Kafka index file may hold.
func newOffsetIndex(entries int64) *offsetIndex {
	entries = min(entries, maxIndexEntries)
	return &offsetIndex{chunks: make([]*[chunkEntries * entryBytes]byte, (entries+chunkEntries-1)/chunkEntries)}
}

func (x *offsetIndex) full() bool {
	return x.entries.Load() == int64(len(x.chunks))*chunkEntries
}

// add appends an entry; on a full index it does nothing, as a sparser index is
// still right. Only the segment's writer may call it.
func (x *offsetIndex) add(relativeOffset, positionBytes int32) {
	if x.full() {
		return
	}
	n := x.entries.Load()
	if n%chunkEntries == 0 {
		x.chunks[n/chunkEntries] = new([chunkEntries * entryBytes]byte)
	}
	entry := x.entry(n)
	binary.BigEndian.PutUint32(entry, uint32(relativeOffset))
	binary.BigEndian.PutUint32(entry[4:], uint32(positionBytes))
	x.entries.Store(n + 1)
}

func (x *offsetIndex) entry(i int64) []byte {
	at := i % chunkEntries * entryBytes
	return x.chunks[i/chunkEntries][at : at+entryBytes]
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
	above := sort.Search(int(x.entries.Load()), func(i int) bool {
		return int64(x.relativeOffset(int64(i))) > relativeOffset
	})
	if above == 0 {
		return 0
	}
	return int64(x.positionBytes(int64(above - 1)))
}

// lastPositionBytes is where the last indexed batch starts, 0 without entries.
func (x *offsetIndex) lastPositionBytes() int64 {
	if n := x.entries.Load(); n > 0 {
		return int64(x.positionBytes(n - 1))
	}
	return 0
}

// writeFile replaces the index file.
func (x *offsetIndex) writeFile(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing index: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for left, i := x.entries.Load()*entryBytes, 0; left > 0; i++ {
		part := x.chunks[i][:min(left, chunkEntries*entryBytes)]
		if _, err := f.Write(part); err != nil {
			return fmt.Errorf("writing index: %w", err)
		}
		left -= int64(len(part))
	}
	return nil
}

// readOffsetIndex loads the index of a segment of logBytes. An error means that
// the file is missing or cannot belong to that segment.
func readOffsetIndex(path string, room, logBytes int64) (*offsetIndex, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading index: %w", err)
	}
	if len(raw)%entryBytes != 0 || len(raw) > maxIndexBytes {
		return nil, fmt.Errorf("reading index %s: %d bytes are no whole index", path, len(raw))
	}
	x := newOffsetIndex(max(room, int64(len(raw)/entryBytes)))
	lastOffset, lastPosition := int32(0), int32(0) // the first batch has no entry, so both must rise from 0
	for i := 0; i < len(raw); i += entryBytes {
		offset, position := int32(binary.BigEndian.Uint32(raw[i:])), int32(binary.BigEndian.Uint32(raw[i+4:]))
		if offset <= lastOffset || position <= lastPosition || int64(position) >= logBytes {
			return nil, fmt.Errorf("reading index %s: entry %d (%d, %d) does not follow (%d, %d) in a log of %d bytes",
				path, i/entryBytes, offset, position, lastOffset, lastPosition, logBytes)
		}
		x.add(offset, position)
		lastOffset, lastPosition = offset, position
	}
	return x, nil
}
