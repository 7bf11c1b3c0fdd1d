package commitlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"c10klab/internal/commitlog"
	"c10klab/internal/vfs"
)

const (
	logDir    = "/log"
	fileBytes = 2000
)

// opened is a file system over a commit log, made if need be.
func opened(t testing.TB, below vfs.FS, clean bool) (*commitlog.FS, []commitlog.Cut) {
	t.Helper()
	if err := below.MkdirAll(logDir); err != nil {
		t.Fatal(err)
	}
	f := commitlog.New(below)
	cuts, err := f.Add(logDir, clean, fileBytes)
	if err != nil {
		t.Fatal(err)
	}
	return f, cuts
}

func segmentPath(partition, base int) string {
	return filepath.Join(logDir, fmt.Sprintf("t-%d", partition), fmt.Sprintf("%020d.log", base))
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// model is what the segments should hold.
type model map[string][]byte

// check holds the segments against the model: names, sizes, bytes.
func (m model) check(t testing.TB, f vfs.FS) {
	t.Helper()
	for partition := range 3 {
		var want []string
		for path := range m {
			if filepath.Dir(path) == filepath.Dir(segmentPath(partition, 0)) {
				want = append(want, filepath.Base(path))
			}
		}
		slices.Sort(want)
		names := must(f.List(filepath.Dir(segmentPath(partition, 0))))(t)
		if !slices.Equal(names, want) {
			t.Fatalf("partition %d has %v, want %v", partition, names, want)
		}
	}
	for path, want := range m {
		file := must(f.Open(path, os.O_RDWR))(t)
		if got := must(vfs.ReadFile(f, path))(t); !bytes.Equal(got, want) {
			t.Fatalf("%s has %d bytes, want %d, or they differ", path, len(got), len(want))
		}
		if size := must(file.SizeBytes())(t); size != int64(len(want)) {
			t.Fatalf("%s has size %d, want %d", path, size, len(want))
		}
		file.Close()
	}
}

// step does one random thing to a file system and the model.
func (m model) step(t testing.TB, f vfs.FS, random *rand.Rand) {
	t.Helper()
	path := segmentPath(random.IntN(3), 100*random.IntN(3))
	file, err := f.Open(path, os.O_RDWR)
	if m[path] == nil {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("opening %s, which is not there: %v", path, err)
		}
		file, err = f.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		m[path] = []byte{}
	}
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(m[path]))
	switch random.IntN(20) {
	default:
		b := make([]byte, 1+random.IntN(300))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		must(file.WriteAt(b, size))(t)
		m[path] = append(m[path], b...)
	case 0:
		at := random.Int64N(size + 1)
		if err := file.Truncate(at); err != nil {
			t.Fatal(err)
		}
		m[path] = m[path][:at]
	case 1:
		if err := f.Remove(path); err != nil {
			t.Fatal(err)
		}
		delete(m, path)
	}
}

func partitions(t testing.TB, f vfs.FS) {
	t.Helper()
	for partition := range 3 {
		if err := f.MkdirAll(filepath.Dir(segmentPath(partition, 0))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSegmentsBehaveLikeFiles does random things to some segments, with stops clean
// and unclean in between.
func TestSegmentsBehaveLikeFiles(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		below, m := vfs.NewMem(), model{}
		f, _ := opened(t, below, false)
		partitions(t, f)
		for range 30 {
			for range 20 {
				m.step(t, f, random)
			}
			m.check(t, f)
			clean := random.IntN(2) == 0
			if clean {
				if err := f.Of(logDir).Close(); err != nil {
					t.Fatal(err)
				}
			} else {
				f.Of(logDir).Abandon()
			}
			var cuts []commitlog.Cut
			if f, cuts = opened(t, below, clean); len(cuts) > 0 {
				t.Fatalf("seed %d: cuts %v", seed, cuts)
			}
			m.check(t, f)
		}
	}
}

// TestWhatWasForcedOutSurvivesPower cuts the power at random moments: each segment
// holds at least what it held at its last Sync, and a beginning of what was written.
func TestWhatWasForcedOutSurvivesPower(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 2))
		below := vfs.NewMem()
		f, _ := opened(t, below, false)
		partitions(t, f)
		written, forced := model{}, map[string]int{}
		for partition := range 3 {
			path := segmentPath(partition, 0)
			must(f.Open(path, os.O_RDWR|os.O_CREATE))(t)
			written[path] = []byte{}
			if err := errors.Join(f.SyncDir(filepath.Dir(path)), f.SyncDir(logDir), f.SyncDir("/")); err != nil {
				t.Fatal(err)
			}
		}
		for range 1 + random.IntN(60) {
			path := segmentPath(random.IntN(3), 0)
			file := must(f.Open(path, os.O_RDWR))(t)
			b := bytes.Repeat([]byte{byte(random.Uint32())}, 1+random.IntN(400))
			must(file.WriteAt(b, int64(len(written[path]))))(t)
			written[path] = append(written[path], b...)
			if random.IntN(4) == 0 {
				if err := file.Sync(); err != nil {
					t.Fatal(err)
				}
				forced[path] = len(written[path])
			}
		}
		f, _ = opened(t, below.Crash(random, 0.5), false)
		for path, want := range written {
			got := must(vfs.ReadFile(f, path))(t)
			if len(got) < forced[path] || len(got) > len(want) || !bytes.Equal(got[:forced[path]], want[:forced[path]]) {
				t.Errorf("seed %d: %s has %d bytes, %d were forced out of %d", seed, path, len(got), forced[path], len(want))
			}
		}
	}
}

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

// TestRemovedSegmentsGiveTheirSpaceBack keeps the last ten of a hundred segments.
func TestRemovedSegmentsGiveTheirSpaceBack(t *testing.T) {
	below := vfs.NewMem()
	f, _ := opened(t, below, false)
	partitions(t, f)
	m, files := model{}, map[string]vfs.File{}
	for i := range 100 {
		path := segmentPath(i%3, i)
		file := must(f.Open(path, os.O_RDWR|os.O_CREATE))(t)
		files[path] = file
		// Two writes, so that segments lie in two files now and then.
		must(file.WriteAt(bytes.Repeat([]byte{byte(i)}, 150), 0))(t)
		if i > 0 {
			last := segmentPath((i-1)%3, i-1)
			must(files[last].WriteAt([]byte("end"), 150))(t)
			m[last] = append(m[last], "end"...)
		}
		m[path] = bytes.Repeat([]byte{byte(i)}, 150)
		if old := segmentPath((i-10)%3, i-10); i >= 10 {
			if err := errors.Join(f.Remove(old), files[old].Close()); err != nil {
				t.Fatal(err)
			}
			delete(m, old)
		}
		if i%7 == 0 {
			f.Of(logDir).Abandon()
			f, _ = opened(t, below, false)
			m.check(t, f)
			for path := range m {
				files[path] = must(f.Open(path, os.O_RDWR))(t)
			}
		}
	}
	if files := must(below.List(filepath.Join(logDir, ".commitlog")))(t); len(files) > 3 {
		t.Errorf("ten small segments take %d files", len(files))
	}
}

func TestRegionsOutliveTheirSegment(t *testing.T) {
	dir := t.TempDir()
	f := commitlog.New(vfs.OS)
	must(f.Add(dir, false, 1000))(t)
	if err := f.MkdirAll(filepath.Join(dir, "t-0")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "t-0", fmt.Sprintf("%020d.log", 0))
	file := must(f.Open(path, os.O_RDWR|os.O_CREATE))(t)
	for i := range int64(30) {
		must(file.WriteAt(bytes.Repeat([]byte{byte(i)}, 100), 100*i))(t)
	}
	var regions []commitlog.Region
	file.(*commitlog.View).EachRegion(150, 1000, func(r commitlog.Region) { regions = append(regions, r) })
	if err := errors.Join(f.Remove(path), file.Close()); err != nil {
		t.Fatal(err)
	}
	f.Of(dir).Abandon()
	var got []byte
	for _, r := range regions {
		b := make([]byte, r.LengthBytes)
		content := os.NewFile(uintptr(must(dup(r.File.Fd()))(t)), "region")
		must(content.ReadAt(b, r.OffsetBytes))(t)
		content.Close()
		got = append(got, b...)
		r.File.Release()
	}
	if len(regions) != 11 || len(got) != 1000 || got[0] != 1 || got[999] != 11 {
		t.Errorf("%d regions, %d bytes", len(regions), len(got))
	}
	for _, r := range regions {
		if _, err := dup(r.File.Fd()); err == nil {
			t.Errorf("descriptor %d is still open", r.File.Fd())
			break
		}
	}
}

func TestLayoutsAreNotMixed(t *testing.T) {
	below := vfs.NewMem()
	partition := filepath.Join(logDir, "t-0")
	if err := errors.Join(below.MkdirAll(partition), vfs.WriteFile(below, filepath.Join(partition, "00000000000000000000.log"))); err != nil {
		t.Fatal(err)
	}
	if _, err := commitlog.New(below).Add(logDir, false, fileBytes); !errors.Is(err, commitlog.ErrOtherLayout) {
		t.Errorf("got %v", err)
	}
	if there := must(commitlog.Exists(below, logDir))(t); there {
		t.Error("a commit log was made")
	}
}

func TestFailedWritesLeaveTheLogWhole(t *testing.T) {
	below := vfs.NewMem()
	full := errors.New("full")
	failing := false
	faulty := vfs.Faulty{FS: below, Fault: func(op vfs.Op, _ string) error {
		if failing && op == vfs.OpWrite {
			return full
		}
		return nil
	}}
	f, _ := opened(t, faulty, false)
	partitions(t, f)
	file := must(f.Open(segmentPath(0, 0), os.O_RDWR|os.O_CREATE))(t)
	must(file.WriteAt([]byte("one"), 0))(t)
	failing = true
	if _, err := file.WriteAt([]byte("lost"), 3); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	failing = false
	must(file.WriteAt([]byte("two"), 3))(t)
	f.Of(logDir).Abandon()
	f, cuts := opened(t, below, false)
	if got := must(vfs.ReadFile(f, segmentPath(0, 0)))(t); string(got) != "onetwo" || len(cuts) > 0 {
		t.Errorf("%q, cuts %v", got, cuts)
	}
}

func TestAFailedSyncIsSticky(t *testing.T) {
	broken := errors.New("broken")
	failing := false
	faulty := vfs.Faulty{FS: vfs.NewMem(), Fault: func(op vfs.Op, _ string) error {
		if failing && op == vfs.OpSync {
			return broken
		}
		return nil
	}}
	f, _ := opened(t, faulty, false)
	partitions(t, f)
	file := must(f.Open(segmentPath(0, 0), os.O_RDWR|os.O_CREATE))(t)
	must(file.WriteAt([]byte("one"), 0))(t)
	failing = true
	if err := file.Sync(); !errors.Is(err, broken) {
		t.Errorf("sync: %v", err)
	}
	failing = false
	if _, err := file.WriteAt([]byte("two"), 3); !errors.Is(err, broken) {
		t.Errorf("write after it: %v", err)
	}
	if err := file.Sync(); !errors.Is(err, broken) {
		t.Errorf("second sync: %v", err)
	}
}
