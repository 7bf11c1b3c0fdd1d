package storage

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"c10klab/internal/batch"
	"c10klab/internal/knob"
	"c10klab/internal/vfs"
)

func openOne(t *testing.T) (*Store, *Log) {
	t.Helper()
	s, err := Open([]string{t.TempDir()}, ConfigFrom(knob.NewTable(Knobs).Defaults()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Abandon() })
	if err := s.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	l, err := s.Log("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

func tenRecords(t testing.TB) []byte {
	t.Helper()
	tmpl, err := batch.NewTemplate(10, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl.AppendTo(nil)
}

// limitFiles makes writes beyond that many bytes of any file fail with EFBIG,
// after a short write up to the limit.
func limitFiles(t *testing.T, bytes uint64) (lift func()) {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	lift = func() { unix.Setrlimit(unix.RLIMIT_FSIZE, &old) }
	t.Cleanup(lift)
	return lift
}

func TestAShortWriteIsTakenBack(t *testing.T) {
	_, l := openOne(t)
	b := tenRecords(t)
	if _, err := l.Append(b, 0); err != nil {
		t.Fatal(err)
	}
	lift := limitFiles(t, uint64(len(b)+100))
	if _, err := l.Append(b, 0); !errors.Is(err, unix.EFBIG) || errors.Is(err, ErrLogFailed) {
		t.Errorf("got %v", err)
	}
	lift()
	if info, err := os.Stat(l.active().path); err != nil || info.Size() != int64(len(b)) {
		t.Errorf("the segment has %d bytes, want %d, %v", info.Size(), len(b), err)
	}
	if l.EndOffset() != 10 {
		t.Errorf("the log ends at %d", l.EndOffset())
	}
	if info, err := l.Append(b, 0); err != nil || info.BaseOffset != 10 {
		t.Errorf("the next append: %+v, %v", info, err)
	}
}

// TestFailuresStick breaks the active segment's file under the log.
func TestFailuresStick(t *testing.T) {
	for name, use := range map[string]func(*Log) error{
		"a write that cannot be taken back": func(l *Log) error { _, err := l.Append(tenRecords(t), 0); return err },
		"an fsync":                          (*Log).Flush,
	} {
		t.Run(name, func(t *testing.T) {
			s, l := openOne(t)
			if _, err := l.Append(tenRecords(t), 0); err != nil {
				t.Fatal(err)
			}
			seg, file := l.active(), l.active().File
			broken, err := vfs.OS.Open(os.DevNull, os.O_RDONLY)
			if err != nil {
				t.Fatal(err)
			}
			broken.Close()
			seg.File = broken
			first := use(l)
			seg.File = file
			if !errors.Is(first, ErrLogFailed) || !errors.Is(first, os.ErrClosed) {
				t.Fatalf("got %v", first)
			}
			if _, err := l.Append(tenRecords(t), 0); !errors.Is(err, ErrLogFailed) {
				t.Errorf("an append afterwards: %v", err)
			}
			if err := l.Flush(); !errors.Is(err, ErrLogFailed) {
				t.Errorf("a flush afterwards: %v", err)
			}
			if slice, err := l.Read(0, 100, true); err != nil || slice.Empty() {
				t.Errorf("a read afterwards: %v", err)
			} else {
				slice.Release()
			}
			if err := s.Close(); !errors.Is(err, ErrLogFailed) {
				t.Errorf("closing: %v", err)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(l.dir), cleanFile)); err == nil {
				t.Error("the log dir is marked as cleanly stopped")
			}
		})
	}
}

func TestARollThatFailsLeavesTheLogAsItWas(t *testing.T) {
	_, l := openOne(t)
	l.cfg.SegmentBytes = 2000
	b := tenRecords(t)
	if _, err := l.Append(b, 0); err != nil {
		t.Fatal(err)
	}
	obstacle := segmentPath(l.dir, 10)
	if err := os.WriteFile(obstacle, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(b, 0); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	os.Remove(obstacle)
	if info, err := l.Append(b, 0); err != nil || info.BaseOffset != 10 || l.active().base != 10 {
		t.Errorf("the next append: %+v, %v", info, err)
	}
}

func TestALogRollsWhenItsIndexIsFull(t *testing.T) {
	_, l := openOne(t)
	l.active().index = newIndex(byOffset, 1)
	b := tenRecords(t)
	l.active().intervalBytes = 1
	for l.active().base == 0 {
		if _, err := l.Append(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	if l.active().base != (chunkEntries+1)*10 {
		t.Errorf("rolled at %d", l.active().base)
	}
}
