package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"c10klab/internal/vfs"
)

const (
	snapshotSuffix     = ".snapshot"
	snapshotVersion    = 1
	snapshotHeadBytes  = 2 + 4 + 4                     // version, CRC, number of entries
	snapshotCRCEnds    = 2 + 4                         // the CRC covers what follows it
	snapshotEntryBytes = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8 // see encodeSnapshot
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeSnapshot lays out the producers as Kafka's ProducerStateManager does, of
// each its newest batch.
func encodeSnapshot(ps producers) []byte {
	b := make([]byte, snapshotHeadBytes, snapshotHeadBytes+len(ps)*snapshotEntryBytes)
	for _, id := range slices.Sorted(maps.Keys(ps)) {
		p := ps[id]
		last := p.newest()
		b = binary.BigEndian.AppendUint64(b, uint64(id))
		b = binary.BigEndian.AppendUint16(b, uint16(p.epoch))
		b = binary.BigEndian.AppendUint32(b, uint32(last.lastSequence))
		b = binary.BigEndian.AppendUint64(b, uint64(last.lastOffset))
		b = binary.BigEndian.AppendUint32(b, uint32(last.offsetDelta))
		b = binary.BigEndian.AppendUint64(b, uint64(last.timestampMs))
		b = append(b, 0xff, 0xff, 0xff, 0xff)                         // coordinator epoch: none
		b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // open transaction: none
	}
	binary.BigEndian.PutUint16(b, snapshotVersion)
	binary.BigEndian.PutUint32(b[snapshotCRCEnds:], uint32(len(ps)))
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[snapshotCRCEnds:], castagnoli))
	return b
}

// decodeSnapshot is the inverse.
func decodeSnapshot(b []byte) (producers, error) {
	if len(b) < snapshotHeadBytes {
		return nil, fmt.Errorf("%d bytes, least is %d", len(b), snapshotHeadBytes)
	}
	if version := binary.BigEndian.Uint16(b); version != snapshotVersion {
		return nil, fmt.Errorf("%w: %d, want %d", ErrUnknownFormat, version, snapshotVersion)
	}
	if want, got := binary.BigEndian.Uint32(b[2:]), crc32.Checksum(b[snapshotCRCEnds:], castagnoli); want != got {
		return nil, fmt.Errorf("CRC %08x is stored, %08x computed", want, got)
	}
	count, entries := int64(binary.BigEndian.Uint32(b[snapshotCRCEnds:])), b[snapshotHeadBytes:]
	if count*snapshotEntryBytes != int64(len(entries)) {
		return nil, fmt.Errorf("%d entries in %d bytes", count, len(entries))
	}
	ps := make(producers, count)
	for ; len(entries) > 0; entries = entries[snapshotEntryBytes:] {
		p := &producer{epoch: int16(binary.BigEndian.Uint16(entries[8:])), count: 1, seen: time.Now()}
		*p.newest() = producerBatch{
			lastSequence: int32(binary.BigEndian.Uint32(entries[10:])),
			lastOffset:   int64(binary.BigEndian.Uint64(entries[14:])),
			offsetDelta:  int32(binary.BigEndian.Uint32(entries[22:])),
			timestampMs:  int64(binary.BigEndian.Uint64(entries[26:])),
		}
		ps[int64(binary.BigEndian.Uint64(entries))] = p
	}
	return ps, nil
}

func (l *Log) snapshotPath(offset int64) string {
	return vfs.NumberedPath(l.dir, offset, snapshotSuffix)
}

// writeSnapshot writes down the producers as of the log's end. Under mu, or on a
// log that takes no appends.
func (l *Log) writeSnapshot() (path string, err error) {
	path = l.snapshotPath(l.end.Load())
	if err := vfs.WriteFile(l.fs, path, encodeSnapshot(l.producers)); err != nil {
		return path, fmt.Errorf("writing producer snapshot: %w", err)
	}
	return path, nil
}

// loadProducers takes a snapshot and adds what the batches behind it say: after a
// clean stop the newest, else the newest but for the last two segments, since a
// snapshot knows one batch of each producer, and what it may send again is more.
// Snapshots of records that the log no longer has, damaged ones, and those that are
// neither a segment's nor the newest are removed.
func (l *Log) loadProducers(clean bool) error {
	end, segments := l.end.Load(), *l.segments.Load()
	newest := end
	if !clean {
		newest = segments[max(0, len(segments)-2)].base
	}
	offsets, err := l.removeSnapshots(func(offset int64) bool { return offset > end })
	if err != nil {
		return err
	}
	offsets, err = l.removeSnapshots(func(offset int64) bool {
		return offset != offsets[len(offsets)-1] && !slices.ContainsFunc(segments, func(seg *segment) bool { return seg.base == offset })
	})
	if err != nil {
		return err
	}
	from := int64(0)
	l.producers = producers{}
	for _, offset := range slices.Backward(offsets) {
		if offset > newest {
			continue
		}
		content, err := vfs.ReadFile(l.fs, l.snapshotPath(offset))
		if err != nil {
			return fmt.Errorf("reading producer snapshot: %w", err)
		}
		ps, damage := decodeSnapshot(content)
		if errors.Is(damage, ErrUnknownFormat) {
			return fmt.Errorf("producer snapshot %s: %w", l.snapshotPath(offset), damage)
		}
		if damage == nil {
			l.producers, from = ps, offset
			break
		}
		if err := l.fs.Remove(l.snapshotPath(offset)); err != nil {
			return fmt.Errorf("removing damaged producer snapshot (%w): %w", damage, err)
		}
	}
	return l.replayProducers(from, end)
}

// replayProducers notes the idempotent batches from an offset on.
func (l *Log) replayProducers(from, end int64) error {
	segments := *l.segments.Load()
	for i, seg := range segments {
		if from >= end || i+1 < len(segments) && segments[i+1].base <= from {
			continue
		}
		w := headerWalk{segment: seg, next: seg.index.lookup(from - seg.base), limitBytes: seg.sizeBytes}
		for {
			h, _, err := w.advance()
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Errorf("replaying producers: %w", err)
			}
			if h.BaseOffset >= from && isIdempotent(h) {
				l.producers.note(h)
			}
		}
	}
	return nil
}

// removeSnapshots removes those that isOver says, for good: no loss of power brings
// them back. It returns the others, ascending.
func (l *Log) removeSnapshots(isOver func(offset int64) bool) (kept []int64, err error) {
	offsets, err := vfs.Numbers(l.fs, l.dir, snapshotSuffix)
	if err != nil {
		return nil, fmt.Errorf("listing producer snapshots: %w", err)
	}
	for _, offset := range offsets {
		if !isOver(offset) {
			kept = append(kept, offset)
		} else if err := l.fs.Remove(l.snapshotPath(offset)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("removing producer snapshot: %w", err)
		}
	}
	if len(kept) < len(offsets) {
		err = l.fs.SyncDir(l.dir)
	}
	return kept, err
}
