package commitlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"c10klab/internal/commitlog"
	"c10klab/internal/vfs"
)

// fill writes numbered batches of 100 bytes to partitions in turn and stops uncleanly.
func fill(t testing.TB, below vfs.FS, batches int) {
	t.Helper()
	f, _ := opened(t, below, false)
	partitions(t, f)
	for partition := range 3 {
		must(f.Open(segmentPath(partition, 0), os.O_RDWR|os.O_CREATE))(t)
	}
	for i := range batches {
		file := must(f.Open(segmentPath(i%3, 0), os.O_RDWR))(t)
		must(file.WriteAt(bytes.Repeat([]byte{byte(i)}, 100), int64(i/3*100)))(t)
	}
	f.Of(logDir).Abandon()
}

func TestDamageEndsTheLogThere(t *testing.T) {
	const head = 24 + len("t-0/00000000000000000000.log")
	const made, frame = 3 * head, head + 100
	first := filepath.Join(logDir, ".commitlog", fmt.Sprintf("%020d.commit", 0))
	change := func(at int64, b ...byte) func(vfs.File) error {
		return func(f vfs.File) error {
			_, err := f.WriteAt(b, at)
			return err
		}
	}
	for name, c := range map[string]struct {
		damage  func(vfs.File) error
		batches int // that are left of 9
		reason  string
	}{
		"none":             {func(vfs.File) error { return nil }, 9, ""},
		"magic":            {change(int64(made+2*frame), 'x'), 2, "magic"},
		"CRC":              {change(int64(made+2*frame+5), 0xee), 2, "CRC"},
		"name":             {change(int64(made+2*frame+26), 'x'), 2, "CRC"},
		"payload length":   {change(int64(made+2*frame+15), 99), 2, "CRC"},
		"half a frame":     {func(f vfs.File) error { return f.Truncate(int64(made + 8*frame + frame/2)) }, 8, "are there"},
		"half a head":      {func(f vfs.File) error { return f.Truncate(int64(made + 8*frame + 10)) }, 8, "a head takes"},
		"zeros at the end": {func(f vfs.File) error { return f.Truncate(int64(made + 9*frame + 500)) }, 9, "magic 00000000"},
	} {
		t.Run(name, func(t *testing.T) {
			below := vfs.NewMem()
			fill(t, below, 9)
			file := must(below.Open(first, os.O_RDWR))(t)
			if err := c.damage(file); err != nil {
				t.Fatal(err)
			}
			f, cuts := opened(t, below, false)
			got := 0
			for partition := range 3 {
				got += len(must(vfs.ReadFile(f, segmentPath(partition, 0)))(t)) / 100
			}
			if got != c.batches {
				t.Errorf("%d batches are left, want %d", got, c.batches)
			}
			if c.reason == "" && len(cuts) > 0 {
				t.Errorf("cuts %v", cuts)
			}
			if c.reason != "" && (len(cuts) != 1 || cuts[0].Path != first || cuts[0].PositionBytes != int64(made+c.batches*frame) || !strings.Contains(cuts[0].Reason, c.reason)) {
				t.Errorf("cuts %+v, want one at %d because of %q", cuts, made+c.batches*frame, c.reason)
			}
			// The log goes on, and what is written now is there after the next stop.
			path := segmentPath(0, 0)
			size := must(must(f.Open(path, os.O_RDWR))(t).SizeBytes())(t)
			must(must(f.Open(path, os.O_RDWR))(t).WriteAt([]byte("more"), size))(t)
			f.Of(logDir).Abandon()
			f, cuts = opened(t, below, false)
			if got := must(vfs.ReadFile(f, path))(t); !bytes.HasSuffix(got, []byte("more")) || len(cuts) > 0 {
				t.Errorf("%d bytes, cuts %v", len(got), cuts)
			}
		})
	}
}

func TestFilesAfterDamageGoToo(t *testing.T) {
	below := vfs.NewMem()
	fill(t, below, 40) // four files
	files := must(below.List(filepath.Join(logDir, ".commitlog")))(t)
	second := filepath.Join(logDir, ".commitlog", files[1])
	must(must(below.Open(second, os.O_RDWR))(t).WriteAt([]byte{0}, 0))(t)
	f, cuts := opened(t, below, false)
	if len(files) < 3 || len(cuts) != len(files)-1 || cuts[0].Path != second || cuts[0].PositionBytes != 0 {
		t.Errorf("%d files, cuts %+v", len(files), cuts)
	}
	if left := must(below.List(filepath.Join(logDir, ".commitlog")))(t); len(left) != 2 {
		t.Errorf("left are %v", left)
	}
	f.Of(logDir).Abandon()
}

// failingLog opens a log with one segment that holds "one". While failing is set,
// an operation of the file system below fails.
func failingLog(t *testing.T, below vfs.FS, fails vfs.Op, with error) (f *commitlog.FS, file vfs.File, failing *bool) {
	t.Helper()
	failing = new(bool)
	f, _ = opened(t, vfs.Faulty{FS: below, Fault: func(op vfs.Op, _ string) error {
		if *failing && op == fails {
			return with
		}
		return nil
	}}, false)
	partitions(t, f)
	file = must(f.Open(segmentPath(0, 0), os.O_RDWR|os.O_CREATE))(t)
	must(file.WriteAt([]byte("one"), 0))(t)
	return f, file, failing
}

func TestFailedWritesLeaveTheLogWhole(t *testing.T) {
	below := vfs.NewMem()
	full := errors.New("full")
	f, file, failing := failingLog(t, below, vfs.OpWrite, full)
	*failing = true
	if _, err := file.WriteAt([]byte("lost"), 3); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	*failing = false
	must(file.WriteAt([]byte("two"), 3))(t)
	f.Of(logDir).Abandon()
	f, cuts := opened(t, below, false)
	if got := must(vfs.ReadFile(f, segmentPath(0, 0)))(t); string(got) != "onetwo" || len(cuts) > 0 {
		t.Errorf("%q, cuts %v", got, cuts)
	}
}

func TestAFailedSyncIsSticky(t *testing.T) {
	broken := errors.New("broken")
	_, file, failing := failingLog(t, vfs.NewMem(), vfs.OpSync, broken)
	*failing = true
	if err := file.Sync(); !errors.Is(err, broken) {
		t.Errorf("sync: %v", err)
	}
	*failing = false
	if _, err := file.WriteAt([]byte("two"), 3); !errors.Is(err, broken) {
		t.Errorf("write after it: %v", err)
	}
	if err := file.Sync(); !errors.Is(err, broken) {
		t.Errorf("second sync: %v", err)
	}
}

// A flush may be under way beside the end of its log.
func TestSyncOfAnAbandonedLogIsRefused(t *testing.T) {
	f, file, _ := failingLog(t, vfs.NewMem(), vfs.OpSync, nil)
	f.Of(logDir).Abandon()
	if err := file.Sync(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want os.ErrClosed", err)
	}
}
