package commitlog

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"c10klab/internal/vfs"
)

const commitSuffix = ".commit"

// File is one file of the commit log. It stays open while the log or a Region has it.
type File struct {
	base int64 // position of its first byte in the whole log
	file vfs.File
	fd   int

	sizeBytes int64 // of whole frames; under Log.mu
	liveBytes int64 // of them, payload of segments that are there; under Log.mu

	references atomic.Int32 // the log's own, and one for each user at the moment
}

func commitPath(dir string, base int64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", base, commitSuffix))
}

// commitBase reads the position from a file name; false if it is no commit file's.
func commitBase(name string) (base int64, ok bool) {
	digits, found := strings.CutSuffix(name, commitSuffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	return int64(n), err == nil
}

func openFile(fsys vfs.FS, dir string, base int64, flags int) (*File, error) {
	opened, err := fsys.Open(commitPath(dir, base), flags)
	if err != nil {
		return nil, fmt.Errorf("opening commit file: %w", err)
	}
	f := &File{base: base, file: opened, fd: opened.Fd()}
	f.references.Store(1)
	return f, nil
}

// endPosition is that of the next frame. Under Log.mu.
func (f *File) endPosition() int64 { return f.base + f.sizeBytes }

// Fd is the open file's descriptor, valid until Release; -1 where there is none.
func (f *File) Fd() int { return f.fd }

// readAt reads len(b) bytes. It lets b stay on its caller's stack: what goes through an
// interface would not, so a file without a descriptor pays with a copy.
func (f *File) readAt(b []byte, at int64) (n int, err error) {
	if f.fd < 0 {
		scratch := make([]byte, len(b))
		n, err = f.file.ReadAt(scratch, at)
		copy(b, scratch[:n])
		return n, err
	}
	for n < len(b) && err == nil {
		var got int
		got, err = unix.Pread(f.fd, b[n:], at+int64(n))
		switch {
		case err == unix.EINTR:
			err = nil
		case err == nil && got == 0:
			err = io.EOF
		}
		n += max(got, 0)
	}
	return n, err
}

// acquire takes a reference; false if the file has been let go.
func (f *File) acquire() bool {
	for {
		n := f.references.Load()
		if n == 0 {
			return false
		}
		if f.references.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives a reference back; the last one closes the file, through which
// nothing is written then that could still be lost.
func (f *File) Release() {
	switch n := f.references.Add(-1); {
	case n < 0:
		panic("commitlog: " + f.file.Name() + " was released more often than acquired")
	case n == 0:
		_ = f.file.Close()
	}
}
