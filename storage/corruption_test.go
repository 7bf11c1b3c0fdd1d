package storage_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/internal/batch"
	"c10klab/storage"
)

// Where damage is done: the log has four segments, and records are known to be on
// the device up to the end of the second.
const (
	inForced   = 0 // a segment that was forced to the device
	inUnforced = 2 // one that was not; another follows
	inLast     = 3
)

// corruptions is the table in docs/storage.md: what is done to which segment after
// an unclean stop, and what survives. lost counts the batches from the damaged one
// on, up to the log's end; −1: the store does not open, and nothing is touched.
var corruptions = []struct {
	damage  string // as in the document
	segment int
	do      func(t *testing.T, d damaged)
	first   int // batch of the segment where the damage is; ignored if nothing is lost
	lost    bool
	refused error
	reason  string
}{
	{damage: "bit flip in a batch's header", segment: inLast, do: flip(3, 23), first: 3, lost: true, reason: "CRC"},
	{damage: "bit flip in a batch's header", segment: inUnforced, do: flip(3, 23), first: 3, lost: true, reason: "CRC"},
	{damage: "bit flip in a batch's records", segment: inLast, do: flip(4, 70), first: 4, lost: true, reason: "CRC"},
	{damage: "bit flip in a batch's CRC", segment: inUnforced, do: flip(2, 17), first: 2, lost: true, reason: "CRC"},
	{damage: "bit flip in a batch's length", segment: inLast, do: flip(1, 8), first: 1, lost: true, reason: "truncated"},
	{damage: "bit flip in a batch's length", segment: inUnforced, do: flip(1, 11), first: 1, lost: true},
	{damage: "future offset in a batch", segment: inLast, do: flip(2, 3), first: 2, lost: true, reason: "base offset"},
	{damage: "zero-filled tail", segment: inLast, do: zeroTail(5), first: 5, lost: true, reason: "magic"},
	{damage: "batch cut short at the end", segment: inLast, do: shorten(5), first: -1, lost: true, reason: "truncated"},
	{damage: "index missing", segment: inForced, do: removeIndex},
	{damage: "index missing", segment: inUnforced, do: removeIndex},
	{damage: "index truncated", segment: inForced, do: changeIndexes(func(b []byte) []byte { return b[:len(b)-3] })},
	{damage: "index longer than the log", segment: inForced, do: changeIndexes(func(b []byte) []byte { return append(b, bytes.Repeat([]byte{0x7f}, 24)...) })},
	{damage: "index filled with zeros", segment: inForced, do: changeIndexes(func(b []byte) []byte { clear(b); return b })},
	{damage: "index missing and bit flip, all forced out", segment: inForced, do: func(t *testing.T, d damaged) {
		flip(3, 70)(t, d)
		removeIndex(t, d)
	}, refused: storage.ErrCorruptSegment, reason: "CRC"},
	{damage: "segment missing in the middle, all forced out", segment: 1, do: removeSegment, refused: storage.ErrCorruptSegment, reason: "predecessor"},
	{damage: "segment missing in the middle", segment: inUnforced, do: removeSegment, first: 0, lost: true, reason: "predecessor"},
	{damage: "segment twice, the second under a later name", segment: inLast, do: duplicate, reason: "predecessor"},
	{damage: "batch of a newer format version", segment: inLast, do: setByte(3, 16, 3), refused: storage.ErrUnknownFormat, reason: "magic"},
	{damage: "checkpoint damaged", segment: inLast, do: damageCheckpoint},
	{damage: "checkpoint of a newer format version", segment: inLast, do: newerCheckpoint, refused: storage.ErrUnknownFormat},
}

// damaged is a partition to be damaged: its files, and where batches begin.
type damaged struct {
	dir string // the log dir
	log string // the segment's log file
	at  []int  // of the segment's batches
}

// flip changes the lowest bit of a byte, counted from the start of a batch.
func flip(nth, byteInBatch int) func(*testing.T, damaged) {
	return func(t *testing.T, d damaged) {
		rewrite(t, d.log, func(b []byte) []byte { b[d.at[nth]+byteInBatch] ^= 1; return b })
	}
}

func setByte(nth, byteInBatch int, value byte) func(*testing.T, damaged) {
	return func(t *testing.T, d damaged) {
		rewrite(t, d.log, func(b []byte) []byte { b[d.at[nth]+byteInBatch] = value; return b })
	}
}

func zeroTail(nth int) func(*testing.T, damaged) {
	return func(t *testing.T, d damaged) {
		rewrite(t, d.log, func(b []byte) []byte { clear(b[d.at[nth]:]); return b })
	}
}

func shorten(bytes int) func(*testing.T, damaged) {
	return func(t *testing.T, d damaged) {
		rewrite(t, d.log, func(b []byte) []byte { return b[:len(b)-bytes] })
	}
}

func indexesOf(d damaged) []string {
	base := strings.TrimSuffix(d.log, ".log")
	return []string{base + ".index", base + ".timeindex"}
}

func removeIndex(t *testing.T, d damaged) {
	for _, path := range indexesOf(d) {
		os.Remove(path)
	}
}

func changeIndexes(change func([]byte) []byte) func(*testing.T, damaged) {
	return func(t *testing.T, d damaged) {
		for _, path := range indexesOf(d) {
			rewrite(t, path, change)
		}
	}
}

func removeSegment(t *testing.T, d damaged) {
	removeIndex(t, d)
	if err := os.Remove(d.log); err != nil {
		t.Fatal(err)
	}
}

func duplicate(t *testing.T, d damaged) {
	content, err := os.ReadFile(d.log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.log), "00000000000000009999.log"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

const recoveryPoints = "recovery-point-offset-checkpoint"

func damageCheckpoint(t *testing.T, d damaged) {
	rewrite(t, filepath.Join(d.dir, recoveryPoints), func(b []byte) []byte { return b[:len(b)-3] })
}

func newerCheckpoint(t *testing.T, d damaged) {
	rewrite(t, filepath.Join(d.dir, recoveryPoints), func(b []byte) []byte { b[0] = '1'; return b })
}

// crashedLog is a log of four segments after an unclean stop, whose recovery point is
// amid the third.
func crashedLog(t *testing.T) (dir string, logs []string, batches int) {
	t.Helper()
	dir = t.TempDir()
	cfg := small()
	cfg.SegmentBytes = 2000
	told := &events{}
	s, l := openWith(t, cfg, told, dir)
	for ; len(told.rolls()) < 2; batches++ {
		mustAppend(t, l, numbered(t, 1+batches%3, int64(batches)))
	}
	if err := s.Close(); err != nil { // writes the recovery point: amid the third segment
		t.Fatal(err)
	}
	s, l = openWith(t, cfg, told, dir)
	for after := 0; after < 6; batches++ {
		mustAppend(t, l, numbered(t, 1+batches%3, int64(batches)))
		if len(told.rolls()) == 3 {
			after++
		}
	}
	s.Abandon()
	return dir, files(t, dir, "t-0", "*.log"), batches
}

func TestCorruptions(t *testing.T) {
	for _, c := range corruptions {
		t.Run(c.damage, func(t *testing.T) {
			dir, logs, batches := crashedLog(t)
			if len(logs) != 4 {
				t.Fatalf("%d segments", len(logs))
			}
			d := damaged{dir: dir, log: logs[c.segment]}
			before := 0 // batches in the segments before
			for i, path := range logs[:c.segment+1] {
				if i > 0 {
					before += len(d.at)
				}
				d.at = batchPositions(t, path)
			}
			wantBatches := batches
			if c.lost {
				first := c.first
				if first < 0 {
					first = len(d.at) + first
				}
				wantBatches = before + first
			}
			c.do(t, d)
			undamaged := snapshotOf(t, dir)
			s, err := storage.Open([]string{dir}, small(), nil)
			if c.refused != nil {
				if !errors.Is(err, c.refused) || !strings.Contains(err.Error(), c.reason) {
					t.Fatalf("opening: %v", err)
				}
				if now := snapshotOf(t, dir); !slices.Equal(now, undamaged) {
					t.Errorf("files changed:\n%v\n%v", undamaged, now)
				}
				var where *storage.CorruptError
				if errors.Is(err, storage.ErrCorruptSegment) && (!errors.As(err, &where) || where.Path == "" || where.Offset == 0) {
					t.Errorf("no file and offset in %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Abandon()
			l := mustLog(t, s, "t", 0)
			if got := readAll(t, l, 0); !slices.Equal(got, wantNumbers(wantBatches)) {
				t.Errorf("%d records survive, want %d", len(got), len(wantNumbers(wantBatches)))
			}
			isCut := c.reason != ""
			if isCut && (len(s.Cuts()) == 0 || !strings.Contains(s.Cuts()[0].Reason, c.reason) || s.Cuts()[0].CutBytes == 0 || s.Cuts()[0].Path == "") {
				t.Errorf("reported %+v, want reason %q", s.Cuts(), c.reason)
			}
			if !isCut && !c.lost && len(s.Cuts()) != 0 {
				t.Errorf("reported %+v", s.Cuts())
			}
			if info := mustAppend(t, l, numbered(t, 1, 7)); info.BaseOffset != int64(len(wantNumbers(wantBatches))) {
				t.Errorf("the log goes on at %d", info.BaseOffset)
			}
		})
	}
}

func batchPositions(t *testing.T, path string) (at []int) {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	position := 0
	if _, err := batch.Walk(log, func(h batch.Header, b []byte) error {
		at = append(at, position)
		position += len(b)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return at
}

// snapshotOf lists the partition's logs with their contents.
func snapshotOf(t *testing.T, dir string) (all []string) {
	t.Helper()
	for _, path := range files(t, dir, "t-0", "*.log") {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, path+string(content))
	}
	return all
}

// TestTheCorruptionTableIsInTheDocument holds docs/storage.md to the table.
func TestTheCorruptionTableIsInTheDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "storage.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range corruptions {
		if !bytes.Contains(text, []byte("\n| "+c.damage+" |")) {
			t.Errorf("docs/storage.md has no row %q", c.damage)
		}
	}
	_, table, _ := bytes.Cut(text, []byte("| damage | what survives |\n|---|---|\n"))
	table, _, _ = bytes.Cut(table, []byte("\n\n"))
	for row := range bytes.Lines(table) {
		damage, _, _ := strings.Cut(strings.TrimPrefix(string(row), "| "), " | ")
		done := false
		for _, c := range corruptions {
			done = done || c.damage == damage
		}
		if !done {
			t.Errorf("docs/storage.md has a damage %q that no test does", damage)
		}
	}
}

// TestOtherVersionsAreNotTakenForDamage: files that a later version of Kafka might
// leave are refused by name and left alone.
func TestOtherVersionsAreNotTakenForDamage(t *testing.T) {
	for name, newer := range map[string]func(t *testing.T, dir string){
		"partition.metadata": func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "t-0", "partition.metadata"), func(b []byte) []byte { b[len("version: ")] = '1'; return b })
		},
		"leader epochs": func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "t-0", "leader-epoch-checkpoint"), func(b []byte) []byte { b[0] = '3'; return b })
		},
		"producer snapshot": func(t *testing.T, dir string) {
			for _, path := range files(t, dir, "t-0", "*.snapshot") {
				rewrite(t, path, func(b []byte) []byte { binary.BigEndian.PutUint16(b, 2); return b })
			}
		},
	} {
		dir := t.TempDir()
		s, l := openWith(t, small(), nil, dir)
		fillLog(t, l, 10)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		newer(t, dir)
		before := len(files(t, dir, "t-0", "*"))
		if _, err := storage.Open([]string{dir}, small(), nil); !errors.Is(err, storage.ErrUnknownFormat) {
			t.Errorf("%s: %v", name, err)
		}
		if after := len(files(t, dir, "t-0", "*")); after != before {
			t.Errorf("%s: %d files, were %d", name, after, before)
		}
	}
}
