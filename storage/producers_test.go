package storage_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"c10klab/storage"
)

// idempotent makes a batch of an idempotent producer.
func idempotent(t testing.TB, producer int64, epoch int16, sequence int32, records int) []byte {
	t.Helper()
	b := numbered(t, records, int64(sequence))
	binary.BigEndian.PutUint64(b[43:], uint64(producer))
	binary.BigEndian.PutUint16(b[51:], uint16(epoch))
	binary.BigEndian.PutUint32(b[53:], uint32(sequence))
	seal(b)
	return b
}

// seal gives a batch the CRC of its bytes.
func seal(b []byte) {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
}

func TestDuplicatesAreAnsweredAndNotAppended(t *testing.T) {
	_, l := openWith(t, defaults(), nil, t.TempDir())
	mustAppend(t, l, numbered(t, 5, 1))
	var bases []int64
	for i := range int32(7) {
		bases = append(bases, mustAppend(t, l, idempotent(t, 9, 0, 2*i, 2)).BaseOffset)
	}
	end := l.EndOffset()
	for i := range int32(7) {
		info, err := l.Append(idempotent(t, 9, 0, 2*i, 2), 0)
		if i < 2 { // more than five batches back
			if !errors.Is(err, storage.ErrOutOfOrderSequence) {
				t.Errorf("batch %d again: %+v, %v", i, info, err)
			}
			continue
		}
		if err != nil || !info.Duplicate || info.BaseOffset != bases[i] || info.LastOffset != bases[i]+1 {
			t.Errorf("batch %d again: %+v, %v, it is at %d", i, info, err, bases[i])
		}
	}
	if l.EndOffset() != end {
		t.Errorf("the log grew to %d", l.EndOffset())
	}
}

func TestSequencesMustFollow(t *testing.T) {
	_, l := openWith(t, defaults(), nil, t.TempDir())
	mustAppend(t, l, idempotent(t, 1, 3, 100, 2)) // unknown: may begin anywhere
	for _, c := range []struct {
		name     string
		epoch    int16
		sequence int32
		records  int
		want     error
	}{
		{"a gap", 3, 103, 1, storage.ErrOutOfOrderSequence},
		{"back", 3, 99, 1, storage.ErrOutOfOrderSequence},
		{"other end of a batch", 3, 100, 3, storage.ErrOutOfOrderSequence},
		{"an epoch that is over", 2, 102, 1, storage.ErrStaleProducerEpoch},
		{"a new epoch not from 0", 4, 102, 1, storage.ErrOutOfOrderSequence},
		{"a negative sequence", 3, -1, 1, storage.ErrInvalidProducer},
		{"a negative epoch", -1, 102, 1, storage.ErrInvalidProducer},
		{"the next", 3, 102, 1, nil},
		{"the next, already there", 3, 102, 1, nil},
	} {
		end := l.EndOffset()
		if _, err := l.Append(idempotent(t, 1, c.epoch, c.sequence, c.records), 0); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if c.want != nil && l.EndOffset() != end {
			t.Errorf("%s was appended", c.name)
		}
	}
	two := append(idempotent(t, 1, 3, 103, 1), idempotent(t, 1, 3, 104, 1)...)
	if _, err := l.Append(two, 0); !errors.Is(err, storage.ErrInvalidProducer) {
		t.Errorf("two idempotent batches in one append: %v", err)
	}
	mustAppend(t, l, idempotent(t, 1, 4, 0, 1)) // a new epoch
	mustAppend(t, l, idempotent(t, 2, 0, math.MaxInt32-1, 2))
	mustAppend(t, l, idempotent(t, 2, 0, 0, 1)) // after the greatest follows 0
}

// TestProducersAreKnownAfterARestart ends the store in each way and asks for a
// duplicate, which must be known by the snapshot, by the log behind it, or both.
func TestProducersAreKnownAfterARestart(t *testing.T) {
	for _, end := range []string{"clean", "crash", "crash with damaged snapshots", "clean, snapshots lost"} {
		t.Run(end, func(t *testing.T) {
			dir := t.TempDir()
			s, l := openWith(t, small(), nil, dir)
			var last storage.AppendInfo
			for i := range int32(40) {
				mustAppend(t, l, idempotent(t, 7, 0, i, 1))
				last = mustAppend(t, l, idempotent(t, 8, 1, 3*i, 3))
			}
			if end == "clean" || end == "clean, snapshots lost" {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			} else {
				s.Abandon()
			}
			snapshots := files(t, dir, "t-0", "*.snapshot")
			if len(snapshots) < 2 {
				t.Errorf("snapshots %q", snapshots)
			}
			for _, path := range snapshots {
				switch end {
				case "crash with damaged snapshots":
					rewrite(t, path, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
				case "clean, snapshots lost":
					os.Remove(path)
				}
			}
			_, l = openWith(t, small(), nil, dir)
			if info, err := l.Append(idempotent(t, 8, 1, 3*39, 3), 0); err != nil || !info.Duplicate || info.BaseOffset != last.BaseOffset {
				t.Errorf("the last batch again: %+v, %v", info, err)
			}
			if _, err := l.Append(idempotent(t, 7, 0, 41, 1), 0); !errors.Is(err, storage.ErrOutOfOrderSequence) {
				t.Errorf("a gap: %v", err)
			}
			if info := mustAppend(t, l, idempotent(t, 7, 0, 40, 1)); info.Duplicate {
				t.Error("a new batch is taken for a duplicate")
			}
		})
	}
}

// TestSnapshotsDoNotPileUp: of each life's last snapshot only the newest stays.
func TestSnapshotsDoNotPileUp(t *testing.T) {
	dir := t.TempDir()
	for i := range int32(5) {
		s, l := openWith(t, defaults(), nil, dir)
		mustAppend(t, l, idempotent(t, 1, 0, i, 1))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	openWith(t, defaults(), nil, dir)
	if left := files(t, dir, "t-0", "*.snapshot"); len(left) != 1 || filepath.Base(left[0]) != "00000000000000000005.snapshot" {
		t.Errorf("left are %q", left)
	}
}

// TestSnapshotFilesAreKafkas compares a file with what Kafka's schema says, byte by
// byte.
func TestSnapshotFilesAreKafkas(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, defaults(), nil, dir)
	mustAppend(t, l, idempotent(t, 0x0102, 3, 5, 4))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "t-0", "00000000000000000004.snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{
		0, 1, // version
		0, 0, 0, 0, // CRC-32C of all that follows
		0, 0, 0, 1, // entries
		0, 0, 0, 0, 0, 0, 1, 2, // producer id
		0, 3, // epoch
		0, 0, 0, 8, // last sequence
		0, 0, 0, 0, 0, 0, 0, 3, // last offset
		0, 0, 0, 3, // offset delta
		0, 0, 0, 0, 0, 0, 0, 5, // timestamp
		255, 255, 255, 255, // coordinator epoch
		255, 255, 255, 255, 255, 255, 255, 255, // first offset of the transaction
	}
	binary.BigEndian.PutUint32(want[2:], crc32.Checksum(want[6:], crc32.MakeTable(crc32.Castagnoli)))
	if string(got) != string(want) {
		t.Errorf("the file holds\n%v, want\n%v", got, want)
	}
}

// TestSilentProducersAreForgotten by the machine's clock: the batches' timestamps are of 1970, and one
// that is sent again is stored once all the same.
func TestSilentProducersAreForgotten(t *testing.T) {
	dir := t.TempDir()
	s, l := openWith(t, defaults(), nil, dir)
	mustAppend(t, l, idempotent(t, 1, 0, 0, 1))
	for restart := range 2 {
		l.ForgetProducers(time.Now().Add(23 * time.Hour))
		if info := mustAppend(t, l, idempotent(t, 1, 0, 0, 1)); !info.Duplicate {
			t.Fatalf("restart %d: the batch was stored twice", restart)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, l = openWith(t, defaults(), nil, dir)
	}
	if _, err := l.Append(idempotent(t, 1, 0, 500, 1), 0); !errors.Is(err, storage.ErrOutOfOrderSequence) {
		t.Errorf("while it is known: %v", err)
	}
	l.ForgetProducers(time.Now().Add(25 * time.Hour))
	if _, err := l.Append(idempotent(t, 1, 0, 500, 1), 0); err != nil {
		t.Errorf("once it is forgotten: %v", err)
	}
}
