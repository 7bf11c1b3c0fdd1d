package commitlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"c10klab/internal/commitlog"
	"c10klab/internal/vfs"
)

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
	regions := file.(*commitlog.View).AppendRegions(nil, 150, 1000)
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

func dup(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }
