package vfs

import (
	"io"
	"os"
)

// Op is a kind of call that can be made to fail.
type Op int

// The calls of FS and File.
const (
	OpOpen Op = iota
	OpCreate
	OpMkdir
	OpRename
	OpRemove
	OpList
	OpExists
	OpLock
	OpSize
	OpRead
	OpWrite
	OpTruncate
	OpSync
	OpSyncDir
	OpClose
)

// Ops lists all kinds of calls.
func Ops() []Op {
	ops := make([]Op, OpClose+1)
	for i := range ops {
		ops[i] = Op(i)
	}
	return ops
}

func (o Op) String() string {
	return [...]string{"open", "create", "mkdir", "rename", "remove", "list", "exists", "lock", "size",
		"read", "write", "truncate", "sync", "syncdir", "close"}[o]
}

// Faulty passes calls on to another file system, those apart that Fault fails.
// A write that fails has written its first half, as on a full disk.
type Faulty struct {
	FS
	// Fault is asked before each call, from the calling thread; an error is what
	// the call then returns, without taking place.
	Fault func(op Op, path string) error
	// After, if set, is called after each call that took place.
	After func(op Op, path string)
}

func (f Faulty) do(op Op, path string, call func() error) error {
	if err := f.Fault(op, path); err != nil {
		return failed(op.String(), path, err)
	}
	err := call()
	if f.After != nil {
		f.After(op, path)
	}
	return err
}

// Open implements FS; with os.O_CREATE it is an OpCreate.
func (f Faulty) Open(path string, flags int) (file File, err error) {
	op := OpOpen
	if flags&os.O_CREATE != 0 {
		op = OpCreate
	}
	err = f.do(op, path, func() error {
		file, err = f.FS.Open(path, flags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return faultyFile{file, f}, nil
}

// Mkdir implements FS.
func (f Faulty) Mkdir(path string) error {
	return f.do(OpMkdir, path, func() error { return f.FS.Mkdir(path) })
}

// MkdirAll implements FS.
func (f Faulty) MkdirAll(path string) error {
	return f.do(OpMkdir, path, func() error { return f.FS.MkdirAll(path) })
}

// Rename implements FS.
func (f Faulty) Rename(from, to string) error {
	return f.do(OpRename, from, func() error { return f.FS.Rename(from, to) })
}

// Remove implements FS.
func (f Faulty) Remove(path string) error {
	return f.do(OpRemove, path, func() error { return f.FS.Remove(path) })
}

// RemoveAll implements FS.
func (f Faulty) RemoveAll(path string) error {
	return f.do(OpRemove, path, func() error { return f.FS.RemoveAll(path) })
}

// List implements FS.
func (f Faulty) List(path string) (names []string, err error) {
	err = f.do(OpList, path, func() error {
		names, err = f.FS.List(path)
		return err
	})
	return names, err
}

// Exists implements FS.
func (f Faulty) Exists(path string) (there bool, err error) {
	err = f.do(OpExists, path, func() error {
		there, err = f.FS.Exists(path)
		return err
	})
	return there, err
}

// SyncDir implements FS.
func (f Faulty) SyncDir(path string) error {
	return f.do(OpSyncDir, path, func() error { return f.FS.SyncDir(path) })
}

// Lock implements FS.
func (f Faulty) Lock(path string) (lock io.Closer, err error) {
	err = f.do(OpLock, path, func() error {
		lock, err = f.FS.Lock(path)
		return err
	})
	return lock, err
}

// faultyFile has no descriptor, so that no read goes past it.
type faultyFile struct {
	File
	fs Faulty
}

func (f faultyFile) Fd() int { return -1 }

func (f faultyFile) ReadAt(b []byte, at int64) (n int, err error) {
	err = f.fs.do(OpRead, f.Name(), func() error {
		n, err = f.File.ReadAt(b, at)
		return err
	})
	return n, err
}

func (f faultyFile) WriteAt(b []byte, at int64) (n int, err error) {
	err = f.fs.do(OpWrite, f.Name(), func() error {
		n, err = f.File.WriteAt(b, at)
		return err
	})
	if err != nil && n == 0 {
		n, _ = f.File.WriteAt(b[:len(b)/2], at) // the fault is reported, not this
	}
	return n, err
}

func (f faultyFile) SizeBytes() (n int64, err error) {
	err = f.fs.do(OpSize, f.Name(), func() error {
		n, err = f.File.SizeBytes()
		return err
	})
	return n, err
}

func (f faultyFile) Truncate(sizeBytes int64) error {
	return f.fs.do(OpTruncate, f.Name(), func() error { return f.File.Truncate(sizeBytes) })
}

func (f faultyFile) Sync() error {
	return f.fs.do(OpSync, f.Name(), f.File.Sync)
}

// Close closes the file also when it reports a fault.
func (f faultyFile) Close() error {
	err := f.fs.do(OpClose, f.Name(), func() error { return nil })
	if closed := f.File.Close(); err == nil {
		err = closed
	}
	return err
}
