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
