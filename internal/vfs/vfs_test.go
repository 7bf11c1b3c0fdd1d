package vfs

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// each runs a test over the machine's file system and the one in memory.
func each(t *testing.T, test func(t *testing.T, fsys FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, OS, t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		mem := NewMem()
		if err := mem.MkdirAll("/a/b"); err != nil {
			t.Fatal(err)
		}
		test(t, mem, "/a/b")
	})
}

func mustWrite(t *testing.T, fsys FS, path, content string) {
	t.Helper()
	if err := WriteFile(fsys, path, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, fsys FS, path, want string) {
	t.Helper()
	if got, err := ReadFile(fsys, path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, want %q, %v", path, got, want, err)
	}
}

func TestFilesAndNames(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
		mustWrite(t, fsys, one, "hello")
		mustWrite(t, fsys, one, "hey")
		wantContent(t, fsys, one, "hey")
		if _, err := fsys.Open(one, os.O_RDWR|os.O_CREATE|os.O_EXCL); !errors.Is(err, fs.ErrExist) {
			t.Errorf("O_EXCL on a file that is there: %v", err)
		}
		if _, err := fsys.Open(two, os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("opening nothing: %v", err)
		}
		if err := ReplaceFile(fsys, two, []byte("w"), []byte("orld")); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Open(two, os.O_RDWR)
		if err != nil {
			t.Fatal(err)
		}
		if err := fsys.Rename(one, two); err != nil {
			t.Fatal(err)
		}
		if names, err := fsys.List(dir); err != nil || !slices.Equal(names, []string{"two"}) {
			t.Errorf("names %v, %v", names, err)
		}
		b := make([]byte, 5)
		if _, err := f.ReadAt(b, 0); err != nil || string(b) != "world" {
			t.Errorf("the open file reads %q, %v", b, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := f.ReadAt(b, 0); !errors.Is(err, os.ErrClosed) {
			t.Errorf("reading a closed file: %v", err)
		}
		wantContent(t, fsys, two, "hey")
	})
}

func TestSizesAndGaps(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		path := filepath.Join(dir, "f")
		f, err := fsys.Open(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, step := range []error{
			second(f.WriteAt([]byte("abc"), 2)), f.Truncate(4), second(f.WriteAt([]byte("d"), 6)), f.Sync(),
		} {
			if step != nil {
				t.Fatal(step)
			}
		}
		wantContent(t, fsys, path, "\x00\x00ab\x00\x00d")
		if size, err := f.SizeBytes(); err != nil || size != 7 {
			t.Errorf("size %d, %v", size, err)
		}
	})
}

func second(_ int, err error) error { return err }

func TestDirectories(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		deep := filepath.Join(dir, "x", "y")
		if _, err := fsys.Open(filepath.Join(deep, "f"), os.O_RDWR|os.O_CREATE); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file in no directory: %v", err)
		}
		if err := errors.Join(fsys.MkdirAll(deep), fsys.MkdirAll(deep)); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, fsys, filepath.Join(deep, "f"), "1")
		if err := fsys.Remove(deep); !errors.Is(err, syscall.ENOTEMPTY) {
			t.Errorf("removing what is not empty: %v", err)
		}
		x := filepath.Join(dir, "x")
		if err := errors.Join(fsys.RemoveAll(x), fsys.RemoveAll(x), fsys.SyncDir(dir)); err != nil {
			t.Error(err)
		}
		if there, err := fsys.Exists(x); there || err != nil {
			t.Errorf("it is still there, %v", err)
		}
	})
}

func TestALockHasOneHolder(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		path := filepath.Join(dir, ".lock")
		lock, err := fsys.Lock(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fsys.Lock(path); !errors.Is(err, ErrLocked) {
			t.Errorf("a second holder: %v", err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
		if again, err := fsys.Lock(path); err != nil {
			t.Error(err)
		} else {
			again.Close()
		}
	})
}

// unsynced makes a file of which "old" is on the device, name and all, and of
// which the rest is not.
func unsynced(t *testing.T) *Mem {
	t.Helper()
	m := NewMem()
	if err := ReplaceFile(m, "/f", []byte("old")); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, m, "/f", "new and longer")
	mustWrite(t, m, "/g", "never forced out")
	return m
}

func TestACrashKeepsWhatWasForcedAndNothingElse(t *testing.T) {
	m := unsynced(t)
	after := m.Crash(rand.New(rand.NewPCG(1, 1)), 0)
	wantContent(t, after, "/f", "old")
	if names, err := after.List("/"); err != nil || !slices.Equal(names, []string{"f"}) {
		t.Errorf("names %v, %v", names, err)
	}
	wantContent(t, m, "/f", "new and longer")
	wantContent(t, m.Crash(rand.New(rand.NewPCG(1, 1)), 1), "/g", "never forced out")
}

// TestACrashMayKeepAnything looks for each outcome that a loss of power may have.
func TestACrashMayKeepAnything(t *testing.T) {
	m := unsynced(t)
	f, err := m.Open("/f", os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 4*sectorBytes), 0); err != nil {
		t.Fatal(err)
	}
	sizes, names := map[int]bool{}, map[int]bool{}
	for seed := range uint64(200) {
		after := m.Crash(rand.New(rand.NewPCG(seed, 0)), 0.5)
		content, err := ReadFile(after, "/f")
		if err != nil {
			t.Fatal(err)
		}
		list, _ := after.List("/")
		sizes[len(content)], names[len(list)] = true, true
	}
	for _, want := range []int{0, 3, 14, sectorBytes, 3 * sectorBytes, 4 * sectorBytes} {
		if !sizes[want] {
			t.Errorf("no crash left %d bytes", want)
		}
	}
	if !names[1] || !names[2] {
		t.Errorf("names left: %v", names)
	}
}

func TestARenameIsNeverHalfDone(t *testing.T) {
	m := NewMem()
	for _, content := range []string{"1", "2", "3"} {
		if err := ReplaceFile(m, "/f", []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	mustWrite(t, m, "/g", "")
	if err := m.Rename("/g", "/f"); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(50) {
		after := m.Crash(rand.New(rand.NewPCG(seed, 0)), 0.5)
		if there, _ := after.Exists("/f"); !there {
			t.Fatal("the name is gone")
		}
	}
}

func TestFaultsHitTheCallAskedFor(t *testing.T) {
	for _, op := range Ops() {
		m := NewMem()
		use := func(fsys FS) error {
			if err := fsys.MkdirAll("/d"); err != nil {
				return err
			}
			if _, err := fsys.List("/"); err != nil {
				return err
			}
			if _, err := fsys.Exists("/"); err != nil {
				return err
			}
			if _, err := fsys.Lock("/lock"); err != nil {
				return err
			}
			if err := ReplaceFile(fsys, "/f", []byte("abcd")); err != nil {
				return err
			}
			if _, err := ReadFile(fsys, "/f"); err != nil {
				return err
			}
			f, err := fsys.Open("/f", os.O_RDWR)
			if err != nil {
				return err
			}
			return errors.Join(f.Truncate(1), f.Close(), fsys.Remove("/f"))
		}
		err := use(Faulty{FS: m, Fault: func(o Op, _ string) error {
			if o == op {
				return syscall.EIO
			}
			return nil
		}})
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%v: got %v", op, err)
		}
		if op == OpWrite {
			wantContent(t, m, "/f.tmp", "ab")
		}
	}
}
