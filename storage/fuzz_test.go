package storage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"c10klab/internal/batch"
	"c10klab/internal/knob"
	"c10klab/internal/vfs"
)

// FuzzIndexFile: whatever is in an index file, it is either refused or leads
// into the log, in order.
func FuzzIndexFile(f *testing.F) {
	f.Add([]byte{0, 0, 0, 5, 0, 0, 1, 0, 0, 0, 0, 9, 0, 0, 2, 0}, int64(1000))
	f.Add([]byte{0, 0, 0, 5, 0, 0, 1, 0}, int64(10))
	f.Fuzz(func(t *testing.T, raw []byte, logBytes int64) {
		path := filepath.Join(t.TempDir(), "fuzzed.index")
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		x, err := readIndex(vfs.OS, path, byOffset, 10, logBytes)
		if err != nil {
			return
		}
		for offset, last := int64(0), int64(0); offset < 1<<31; offset = offset*2 + 1 {
			at := x.lookup(offset)
			if at < last || at > 0 && at >= logBytes {
				t.Fatalf("offset %d leads to %d after %d, in a log of %d", offset, at, last, logBytes)
			}
			last = at
		}
	})
}

// FuzzTimeIndexFile: whatever is in a time index file, it is either refused or
// rises in both.
func FuzzTimeIndexFile(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 3})
	f.Add(make([]byte, 24))
	f.Fuzz(func(t *testing.T, raw []byte) {
		mem := vfs.NewMem()
		if err := vfs.WriteFile(mem, "/fuzzed", raw); err != nil {
			t.Fatal(err)
		}
		x, err := readIndex(mem, "/fuzzed", byTime, 10, math.MaxInt64)
		if err != nil {
			return
		}
		for ms, last := int64(0), int64(0); ms >= 0; ms = ms*2 + 1 {
			at := x.lookup(ms)
			if at < last || at > x.lastValue() {
				t.Fatalf("time %d leads to %d after %d, the last entry is %d", ms, at, last, x.lastValue())
			}
			last = at
			if ms == math.MaxInt64 {
				break
			}
		}
	})
}

// FuzzCheckpoint: a checkpoint file is read back as written, and anything else is
// read without a panic.
func FuzzCheckpoint(f *testing.F) {
	f.Add("0\n1\nt 0 5\n")
	f.Add("0\n0\n")
	f.Add("0\n-1\nx")
	f.Fuzz(func(t *testing.T, content string) {
		lines, err := parseCheckpoint("fuzzed", content)
		if err != nil {
			return
		}
		again, err := parseCheckpoint("again", string(formatCheckpoint(lines)))
		if err != nil || !slices.Equal(lines, again) {
			t.Fatalf("%q became %q, %v", lines, again, err)
		}
	})
}

// FuzzTail puts arbitrary bytes behind whole batches: recovery keeps those
// batches, and all that is left is valid, in order and found by its offset.
func FuzzTail(f *testing.F) {
	const wholeBatches = 10
	one := tenRecords(f)
	var whole []byte
	for i := range wholeBatches {
		batch.AssignOffset(one, int64(10*i), 0)
		whole = append(whole, one...)
	}
	f.Add(bytes.Clone(one))
	batch.AssignOffset(one, 10*wholeBatches, 0)
	f.Add(append(bytes.Clone(one), one[:50]...))
	cfg := ConfigFrom(knob.NewTable(Knobs).Defaults())
	cfg.FS = vfs.OS
	f.Fuzz(func(t *testing.T, tail []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(segmentPath(dir, 0), append(bytes.Clone(whole), tail...), 0o644); err != nil {
			t.Fatal(err)
		}
		seg, err := openSegment(dir, 0, 0, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer seg.Release()
		end, cut, err := seg.recover(cfg)
		if err != nil || end < 10*wholeBatches {
			t.Fatalf("the log ends at %d, cut %v, %v", end, cut, err)
		}
		content, err := os.ReadFile(seg.path)
		if err != nil || int64(len(content)) != seg.sizeBytes || !bytes.HasPrefix(content, whole) {
			t.Fatalf("%d bytes are left, want %d, %v", len(content), seg.sizeBytes, err)
		}
		seg.committedBytes.Store(seg.sizeBytes)
		for offset := int64(0); offset < end; {
			at, size, err := seg.locate(offset)
			if err != nil {
				t.Fatal(err)
			}
			h, err := batch.Check(content[at:])
			if err != nil || h.LastOffset() < offset || h.SizeBytes() != size {
				t.Fatalf("offset %d led to %d bytes at %d up to offset %d, %v", offset, size, at, h.LastOffset(), err)
			}
			offset = h.LastOffset() + 1
		}
	})
}

// FuzzSnapshot: whatever is in a producer snapshot whose CRC is right, it is refused or read
// back as written.
func FuzzSnapshot(f *testing.F) {
	ps := producers{}
	ps.note(batch.Header{ProducerID: 7, ProducerEpoch: 1, BaseSequence: 3, LastOffsetDelta: 2, BaseOffset: 40, MaxTimestampMs: 9})
	f.Add(encodeSnapshot(ps))
	f.Add(encodeSnapshot(producers{}))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) >= snapshotCRCEnds {
			content = bytes.Clone(content)
			binary.BigEndian.PutUint32(content[2:], crc32.Checksum(content[snapshotCRCEnds:], castagnoli))
		}
		found, err := decodeSnapshot(content)
		if err != nil {
			return
		}
		again, err := decodeSnapshot(encodeSnapshot(found))
		if err != nil || len(again) != len(found) {
			t.Fatalf("%d producers became %d, %v", len(found), len(again), err)
		}
		for id, p := range found {
			again[id].seen = p.seen // when it was read
			if *again[id] != *p {
				t.Fatalf("producer %d: %+v became %+v", id, *p, *again[id])
			}
		}
	})
}

// FuzzOffsetCheckpoint: a checkpoint of offsets or of epochs is read without a panic,
// and gives no negative offset.
func FuzzOffsetCheckpoint(f *testing.F) {
	f.Add("0\n2\nt 0 5\nother 11 7\n")
	f.Add("0\n1\n0 0\n")
	f.Add("0\n1\nt 0 -5\n")
	f.Fuzz(func(t *testing.T, content string) {
		mem := vfs.NewMem()
		if err := vfs.WriteFile(mem, "/c", []byte(content)); err != nil {
			t.Fatal(err)
		}
		offsets, err := readPartitionOffsets(mem, "/c")
		for name, offset := range offsets {
			if err != nil || offset < 0 {
				t.Fatalf("%s is at %d, %v", name, offset, err)
			}
		}
		found, err := readEpochs(mem, "/c")
		for _, e := range found {
			if err != nil || e.offset < 0 || e.epoch < 0 {
				t.Fatalf("epoch %d from %d, %v", e.epoch, e.offset, err)
			}
		}
	})
}

// FuzzTopicFiles: whatever the files say in which a topic's configurations and deletions lie, they are
// read or refused, and what was read is written and read as the same.
func FuzzTopicFiles(f *testing.F) {
	f.Add([]byte("retention.ms=1000\nmin.insync.replicas=1\n"))
	f.Add([]byte("gfXTPfI9R5692mbUlpmJCQ t\n"))
	f.Add([]byte("=\n= =\n\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		mem := vfs.NewMem()
		if err := mem.MkdirAll("/d/t-0"); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{filepath.Join("/d/t-0", topicConfigFile), filepath.Join("/d", deletingFile)} {
			if err := vfs.WriteFile(mem, path, content); err != nil {
				t.Fatal(err)
			}
		}
		given, foreign, err := readTopicConfigs(mem, "/d/t-0")
		if err != nil || foreign {
			t.Fatalf("foreign %v, %v", foreign, err)
		}
		if err := writeTopicConfigs(mem, "/d/t-0", given); err != nil {
			t.Fatal(err)
		}
		if again, _, err := readTopicConfigs(mem, "/d/t-0"); err != nil || !maps.Equal(again, given) {
			t.Fatalf("%q became %q, %v", given, again, err)
		}
		if _, err := readDeletions(mem, "/d"); err != nil {
			t.Fatal(err)
		}
	})
}
