package storage

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"sync/atomic"

	"c10klab/internal/vfs"
)

const (
	chunkEntries  = 1024
	maxIndexBytes = 10 << 20 // Kafka's segment.index.bytes
	valueBytes    = 4
	// noTimestamp is that of records without one, and of no records.
	noTimestamp = -1
)

// indexKind is what an index's entries are.
type indexKind struct {
	suffix   string // of the file
	keyBytes int64
	least    int64 // of keys and values
}

var (
	// byOffset is Kafka's OffsetIndex. The segment's first batch has no entry.
	byOffset = indexKind{suffix: ".index", keyBytes: 4, least: 1}
	// byTime is Kafka's TimeIndex.
	byTime = indexKind{suffix: ".timeindex", keyBytes: 8, least: 0}
)

// index is a segment's sparse index, held as the file's bytes. Keys and values only
// rise, however clocks go. One thread adds; any thread looks up without a lock. It grows
// by chunks that never move, so growing neither copies nor stops a reader.
type index struct {
	indexKind
	chunks  [][]byte     // fixed number; filled from the front
	entries atomic.Int64 // published after their bytes
}

// newIndex makes one with room for entries, at most what a Kafka index file may hold.
func newIndex(kind indexKind, entries int64) *index {
	entries = min(entries, maxIndexBytes/kind.entryBytes())
	return &index{indexKind: kind, chunks: make([][]byte, (entries+chunkEntries-1)/chunkEntries)}
}

func (k indexKind) entryBytes() int64 { return k.keyBytes + valueBytes }

// isFull says that only so many more entries have room.
func (x *index) isFull(but int64) bool {
	return x.entries.Load()+but >= int64(len(x.chunks))*chunkEntries
}

// blank returns where the next entry goes.
func (x *index) blank() []byte {
	n := x.entries.Load()
	if n%chunkEntries == 0 {
		x.chunks[n/chunkEntries] = make([]byte, chunkEntries*x.entryBytes())
	}
	return x.entry(n)
}

func (x *index) entry(i int64) []byte {
	at := i % chunkEntries * x.entryBytes()
	return x.chunks[i/chunkEntries][at : at+x.entryBytes()]
}

// add appends an entry. One that does not rise tells nothing new; on a full index it is
// left out, as a sparser index is still right. Only the segment's writer may call it.
func (x *index) add(key int64, value int32) {
	if key <= x.lastKey() || x.isFull(0) {
		return
	}
	entry := x.blank()
	if x.keyBytes == 8 {
		binary.BigEndian.PutUint64(entry, uint64(key))
	} else {
		binary.BigEndian.PutUint32(entry, uint32(key))
	}
	binary.BigEndian.PutUint32(entry[x.keyBytes:], uint32(value))
	x.entries.Add(1)
}

func (x *index) key(i int64) int64 {
	if x.keyBytes == 8 {
		return int64(binary.BigEndian.Uint64(x.entry(i)))
	}
	return int64(int32(binary.BigEndian.Uint32(x.entry(i))))
}

func (x *index) value(i int64) int64 {
	return int64(int32(binary.BigEndian.Uint32(x.entry(i)[x.keyBytes:])))
}

// lastKey is that of the last entry, noTimestamp without entries.
func (x *index) lastKey() int64 {
	if n := x.entries.Load(); n > 0 {
		return x.key(n - 1)
	}
	return noTimestamp
}

// lastValue is that of the last entry, 0 without entries.
func (x *index) lastValue() int64 { return x.lookup(math.MaxInt64) }

// lookup returns the value of the last entry at or below a key, else 0: where to start
// to look for it.
func (x *index) lookup(key int64) int64 {
	value, _ := x.bracket(key)
	return value
}

// bracket is lookup, and the value of the first entry above the key, 0 if there is none.
func (x *index) bracket(key int64) (value, above int64) {
	entries := x.entries.Load()
	i := int64(sort.Search(int(entries), func(i int) bool { return x.key(int64(i)) > key }))
	if i > 0 {
		value = x.value(i - 1)
	}
	if i < entries {
		above = x.value(i)
	}
	return value, above
}

func (x *index) writeFile(fsys vfs.FS, path string) error {
	var parts [][]byte
	for left, i := x.entries.Load()*x.entryBytes(), 0; left > 0; i++ {
		part := x.chunks[i][:min(left, chunkEntries*x.entryBytes())]
		parts = append(parts, part)
		left -= int64(len(part))
	}
	if err := vfs.WriteFile(fsys, path, parts...); err != nil {
		return fmt.Errorf("writing index: %w", err)
	}
	return nil
}

// readIndex loads an index whose values must be below a limit. An error means that the
// file is missing or cannot be one.
func readIndex(fsys vfs.FS, path string, kind indexKind, room, limit int64) (*index, error) {
	raw, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("reading index: %w", err)
	}
	entries := int64(len(raw)) / kind.entryBytes()
	if int64(len(raw)) != entries*kind.entryBytes() || len(raw) > maxIndexBytes {
		return nil, fmt.Errorf("reading index %s: %d bytes are no whole index", path, len(raw))
	}
	x := newIndex(kind, max(room, entries))
	lastKey, lastValue := kind.least-1, kind.least-1
	for i := range entries {
		copy(x.blank(), raw[i*kind.entryBytes():])
		key, value := x.key(i), x.value(i)
		if key <= lastKey || value <= lastValue || value >= limit {
			return nil, fmt.Errorf("reading index %s: entry %d (%d, %d) does not follow (%d, %d) in a log of %d bytes",
				path, i, key, value, lastKey, lastValue, limit)
		}
		x.entries.Add(1)
		lastKey, lastValue = key, value
	}
	return x, nil
}
