package storage

import (
	"fmt"
	"sync/atomic"

	"c10klab/internal/vfs"
)

const (
	chunkEntries  = 1024
	maxIndexBytes = 10 << 20 // Kafka's segment.index.bytes
)

// table is an index file's entries, all of one size, held as the file's bytes. One
// thread adds; any thread looks up without a lock. It grows by chunks that never
// move, so growing neither copies nor stops a reader.
type table struct {
	entryBytes int64
	chunks     [][]byte     // fixed number; filled from the front
	entries    atomic.Int64 // published after their bytes
}

// setRoom makes an empty table with room for entries, at most what a Kafka index
// file may hold.
func (x *table) setRoom(entryBytes, entries int64) {
	entries = min(entries, maxIndexBytes/entryBytes)
	x.entryBytes = entryBytes
	x.chunks = make([][]byte, (entries+chunkEntries-1)/chunkEntries)
}

func (x *table) room() int64 { return int64(len(x.chunks)) * chunkEntries }

// blank returns where the next entry goes, for publish to follow.
func (x *table) blank() []byte {
	n := x.entries.Load()
	if n%chunkEntries == 0 {
		x.chunks[n/chunkEntries] = make([]byte, chunkEntries*x.entryBytes)
	}
	return x.entry(n)
}

func (x *table) publish() { x.entries.Add(1) }

func (x *table) entry(i int64) []byte {
	at := i % chunkEntries * x.entryBytes
	return x.chunks[i/chunkEntries][at : at+x.entryBytes]
}

// writeFile replaces the index file.
func (x *table) writeFile(fsys vfs.FS, path string) error {
	var parts [][]byte
	for left, i := x.entries.Load()*x.entryBytes, 0; left > 0; i++ {
		part := x.chunks[i][:min(left, chunkEntries*x.entryBytes)]
		parts = append(parts, part)
		left -= int64(len(part))
	}
	if err := vfs.WriteFile(fsys, path, parts...); err != nil {
		return fmt.Errorf("writing index: %w", err)
	}
	return nil
}

// readEntries reads an index file of whole entries.
func readEntries(fsys vfs.FS, path string, entryBytes int) ([]byte, error) {
	raw, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("reading index: %w", err)
	}
	if len(raw)%entryBytes != 0 || len(raw) > maxIndexBytes {
		return nil, fmt.Errorf("reading index %s: %d bytes are no whole index", path, len(raw))
	}
	return raw, nil
}
