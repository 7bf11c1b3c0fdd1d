package vfs

import (
	"io"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Shared is an open file with several users: it is closed when the last of them has
// given its reference back. It is not boxed, so that naming it in a response allocates
// nothing.
type Shared struct {
	File
	fd         int // File's, kept apart because readers pass it to system calls
	references atomic.Int32
}

// Region is a stretch of an open file, to be sent from its descriptor. It holds a
// reference, which File.Release gives back.
type Region struct {
	File        *Shared
	OffsetBytes int64
	LengthBytes int
}

// Share takes over an open file; the caller has the one reference.
func (s *Shared) Share(f File) {
	s.File, s.fd = f, f.Fd()
	s.references.Store(1)
}

// Fd is the open file's descriptor, valid until Release; -1 where there is none.
func (s *Shared) Fd() int { return s.fd }

// Acquire takes a reference; false if the file has been let go.
func (s *Shared) Acquire() bool {
	for {
		n := s.references.Load()
		if n == 0 {
			return false
		}
		if s.references.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Close gives a reference back; the last one closes the file.
func (s *Shared) Close() error {
	switch n := s.references.Add(-1); {
	case n < 0:
		panic("vfs: " + s.Name() + " was released more often than acquired")
	case n == 0:
		return s.File.Close()
	}
	return nil
}

// Release is Close for those who have written nothing that close(2) could still lose.
func (s *Shared) Release() { _ = s.Close() }

// ReadAt lets b stay on its caller's stack: what goes through an interface would not,
// so a file without a descriptor pays with a copy.
func (s *Shared) ReadAt(b []byte, at int64) (n int, err error) {
	if s.fd < 0 {
		scratch := make([]byte, len(b))
		n, err = s.File.ReadAt(scratch, at)
		copy(b, scratch[:n])
		return n, err
	}
	for n < len(b) && err == nil {
		var got int
		got, err = unix.Pread(s.fd, b[n:], at+int64(n))
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
