package vfs

import (
	"cmp"
	"io"
	"os"
)

// Op is a kind of call that can be made to fail.
type Op string

// The calls of FS and File.
const (
	OpOpen     Op = "open"
	OpCreate   Op = "create"
	OpMkdir    Op = "mkdir"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpList     Op = "list"
	OpExists   Op = "exists"
	OpLock     Op = "lock"
	OpSize     Op = "size"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
	OpSyncDir  Op = "syncdir"
	OpClose    Op = "close"
)

// Ops lists all kinds of calls.
func Ops() []Op {
	return []Op{OpOpen, OpCreate, OpMkdir, OpRename, OpRemove, OpList, OpExists, OpLock, OpSize,
		OpRead, OpWrite, OpTruncate, OpSync, OpSyncDir, OpClose}
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

// do makes one call, of which use is the part that may take place.
func do[T any](f Faulty, op Op, path string, use func(path string) (T, error)) (result T, err error) {
	if err := f.Fault(op, path); err != nil {
		return result, failed(op, path, err)
	}
	result, err = use(path)
	if f.After != nil {
		f.After(op, path)
	}
	return result, err
}

// do is for calls that return nothing but an error.
func (f Faulty) do(op Op, path string, use func(path string) error) error {
	_, err := do(f, op, path, func(path string) (struct{}, error) { return struct{}{}, use(path) })
	return err
}

// Open, with os.O_CREATE, is an OpCreate.
func (f Faulty) Open(path string, flags int) (File, error) {
	op := OpOpen
	if flags&os.O_CREATE != 0 {
		op = OpCreate
	}
	file, err := do(f, op, path, func(path string) (File, error) { return f.FS.Open(path, flags) })
	if err != nil {
		return nil, err
	}
	return faultyFile{file, f}, nil
}

func (f Faulty) Rename(from, to string) error {
	return f.do(OpRename, from, func(from string) error { return f.FS.Rename(from, to) })
}

func (f Faulty) MkdirAll(path string) error          { return f.do(OpMkdir, path, f.FS.MkdirAll) }
func (f Faulty) Remove(path string) error            { return f.do(OpRemove, path, f.FS.Remove) }
func (f Faulty) RemoveAll(path string) error         { return f.do(OpRemove, path, f.FS.RemoveAll) }
func (f Faulty) SyncDir(path string) error           { return f.do(OpSyncDir, path, f.FS.SyncDir) }
func (f Faulty) List(path string) ([]string, error)  { return do(f, OpList, path, f.FS.List) }
func (f Faulty) Exists(path string) (bool, error)    { return do(f, OpExists, path, f.FS.Exists) }
func (f Faulty) Lock(path string) (io.Closer, error) { return do(f, OpLock, path, f.FS.Lock) }

// faultyFile has no descriptor, so that no read goes past it.
type faultyFile struct {
	File
	fs Faulty
}

func (f faultyFile) Fd() int { return -1 }

func (f faultyFile) ReadAt(b []byte, at int64) (int, error) {
	return do(f.fs, OpRead, f.Name(), func(string) (int, error) { return f.File.ReadAt(b, at) })
}

func (f faultyFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := do(f.fs, OpWrite, f.Name(), func(string) (int, error) { return f.File.WriteAt(b, at) })
	if err != nil && n == 0 {
		n, _ = f.File.WriteAt(b[:len(b)/2], at) // the fault is reported, not this
	}
	return n, err
}

func (f faultyFile) SizeBytes() (int64, error) {
	return do(f.fs, OpSize, f.Name(), func(string) (int64, error) { return f.File.SizeBytes() })
}

func (f faultyFile) Truncate(sizeBytes int64) error {
	return f.fs.do(OpTruncate, f.Name(), func(string) error { return f.File.Truncate(sizeBytes) })
}

func (f faultyFile) Sync() error {
	return f.fs.do(OpSync, f.Name(), func(string) error { return f.File.Sync() })
}

// Close closes the file also when it reports a fault.
func (f faultyFile) Close() error {
	err := f.fs.do(OpClose, f.Name(), func(string) error { return nil })
	return cmp.Or(err, f.File.Close())
}
