package storage_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"c10klab/internal/batch"
	"c10klab/storage"
)

// batchAt is a batch with its base offset and that many offsets, of which it has records for some.
func batchAt(t testing.TB, base int64, records, offsets int) []byte {
	t.Helper()
	b := numbered(t, records, base)
	batch.AssignOffset(b, base, 0)
	binary.BigEndian.PutUint32(b[23:], uint32(offsets-1))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// foreignLog lays out a partition "t" as another program does, segments by their base offset.
func foreignLog(t testing.TB, segments map[int64][]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "t-0"), 0o755); err != nil {
		t.Fatal(err)
	}
	for base, content := range segments {
		if err := os.WriteFile(filepath.Join(dir, "t-0", fmt.Sprintf("%020d.log", base)), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// compacted has gaps between batches, within one, between segments, and a batch without records.
func compacted(t testing.TB) map[int64][]byte {
	return map[int64][]byte{
		0:  slices.Concat(batchAt(t, 1, 3, 3), batchAt(t, 6, 2, 5), batchAt(t, 12, 1, 1)),
		20: slices.Concat(batchAt(t, 25, 1, 4)),
		40: slices.Concat(batchAt(t, 40, 2, 2), batchAt(t, 42, 3, 3)),
	}
}

// TestACompactedLogIsServed: what Kafka's cleaner has left is whole, and nothing of it is cut, whether or not
// its indexes are there, and again after the store has written to it.
func TestACompactedLogIsServed(t *testing.T) {
	if layout != storage.LayoutPartitionLog {
		t.Skip("a commit log has no segments of another program")
	}
	dir := foreignLog(t, compacted(t))
	want := []int64{1, 6, 12, 25, 40, 42}
	for restart := range 3 {
		s := open(t, defaults(), nil, dir)
		if cuts := s.Cuts(); len(cuts) > 0 {
			t.Fatalf("restart %d: cut %+v", restart, cuts)
		}
		l := mustLog(t, s, "t", 0)
		var got []int64
		for next := l.StartOffset(); next < l.EndOffset(); {
			slice, err := l.Read(next, 1, true)
			if err != nil {
				t.Fatalf("restart %d, offset %d: %v", restart, next, err)
			}
			h, err := batch.ReadHeader(content(t, slice))
			if err != nil {
				t.Fatal(err)
			}
			got, next = append(got, h.BaseOffset), h.LastOffset()+1
		}
		if !slices.Equal(got, want) {
			t.Errorf("restart %d: batches at %v, want %v", restart, got, want)
		}
		info := mustAppend(t, l, numbered(t, 2, 7))
		want = append(want, info.BaseOffset)
		if restart == 0 && info.BaseOffset != 45 {
			t.Errorf("the log goes on at %d, want 45", info.BaseOffset)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		end := s.Close
		if restart == 1 {
			end = s.Abandon
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
}

// tree is what a directory holds, but for the lock, by path.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == ".lock" {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestWhatCannotBeServedIsRefusedUntouched: of a foreign log dir nothing is written before all of it has been
// looked through.
func TestWhatCannotBeServedIsRefusedUntouched(t *testing.T) {
	damaged := func(base int64, position int) func(map[int64][]byte) {
		return func(segments map[int64][]byte) { segments[base][position] ^= 0xff }
	}
	for name, c := range map[string]struct {
		change func(map[int64][]byte)
		want   error
	}{
		"damage before the last segment":    {damaged(0, 100), storage.ErrCorruptSegment},
		"damage before a sound batch":       {damaged(40, 100), storage.ErrCorruptSegment},
		"offsets twice":                     {func(s map[int64][]byte) { s[26] = batchAt(t, 26, 1, 1) }, storage.ErrCorruptSegment},
		"an older format":                   {func(s map[int64][]byte) { s[20][16] = 0 }, storage.ErrUnknownFormat},
		"an older format in the last place": {func(s map[int64][]byte) { s[50] = batchAt(t, 50, 1, 1); s[50][16] = 1 }, storage.ErrUnknownFormat},
	} {
		segments := compacted(t)
		c.change(segments)
		dir := foreignLog(t, segments)
		if err := os.Mkdir(filepath.Join(dir, "other-0"), 0o755); err != nil { // a sound one before and behind it
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "other-0", "00000000000000000000.log"), batchAt(t, 0, 3, 3), 0o644); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		s, err := storage.Open([]string{dir}, defaults(), nil)
		if err == nil {
			s.Abandon()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		after := tree(t, dir)
		for path, content := range before {
			if after[path] != content {
				t.Errorf("%s: %s has changed", name, path)
			}
		}
		if len(after) != len(before) {
			t.Errorf("%s: %d files, before %d", name, len(after), len(before))
		}
	}
}

// TestATornEndOfAForeignLogIsCut as Kafka does it: the last write of a process that was killed.
func TestATornEndOfAForeignLogIsCut(t *testing.T) {
	segments := compacted(t)
	torn := batchAt(t, 45, 3, 3)
	segments[40] = append(segments[40], torn[:len(torn)-5]...)
	s := open(t, defaults(), nil, foreignLog(t, segments))
	if cuts := s.Cuts(); len(cuts) != 1 || cuts[0].Offset != 45 || cuts[0].CutBytes != int64(len(torn)-5) {
		t.Errorf("cut %+v", cuts)
	}
}

// TestAnInterruptedSwapIsNamed: Kafka finishes at its start what it had begun; here its log is not what it
// should be.
func TestAnInterruptedSwapIsNamed(t *testing.T) {
	dir := foreignLog(t, compacted(t))
	first := filepath.Join(dir, "t-0", "00000000000000000000.log")
	if err := os.Rename(first, first+".swap"); err != nil {
		t.Fatal(err)
	}
	_, err := storage.Open([]string{dir}, defaults(), nil)
	if !errors.Is(err, storage.ErrCorruptSegment) {
		t.Fatalf("opened: %v", err)
	}
	if _, err := os.Stat(first + ".swap"); err != nil {
		t.Error(err)
	}
}
