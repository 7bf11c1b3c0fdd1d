// Package vfs is the file system as the log store sees it: a small interface, the
// machine's own (OS), one in memory that can lose power (Mem), and one that fails
// on demand (Faulty). The shape follows Pebble's vfs.
//
// What survives a loss of power is what POSIX promises and no more: a file's bytes
// as of its last Sync, a directory's names as of its last SyncDir. A rename takes
// effect as a whole or not at all.
package vfs

import "io"

// FS is a file system. All methods may be called from any thread and may wait for
// the disk. Errors are those of package os: test with errors.Is and fs.ErrNotExist
// and its like, or a syscall.Errno.
type FS interface {
	// Open opens a file with flags of package os (os.O_RDWR, os.O_CREATE, ...).
	Open(path string, flags int) (File, error)
	// MkdirAll makes a directory and those above it; what is there stays.
	MkdirAll(path string) error
	// Rename gives a file or directory another name in the same directory, and
	// replaces a file that has it.
	Rename(from, to string) error
	// Remove removes a file or an empty directory.
	Remove(path string) error
	// RemoveAll removes a file or a directory with all that is in it; nothing there
	// is no error.
	RemoveAll(path string) error
	// List returns the names in a directory, sorted.
	List(path string) ([]string, error)
	// Exists reports whether there is a file or directory of that name.
	Exists(path string) (bool, error)
	// SyncDir forces a directory's names to the device.
	SyncDir(path string) error
	// Lock takes a lock file, made if need be, for this process and this holder
	// alone, and fails with ErrLocked if somebody has it. Close gives it back.
	Lock(path string) (io.Closer, error)
}

// File is an open file. Reads and writes may come from any thread; the caller
// orders those that overlap.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Truncate sets the size.
	Truncate(sizeBytes int64) error
	// Sync forces the bytes and the size to the device (fsync(2)).
	Sync() error
	// SizeBytes is the file's size.
	SizeBytes() (int64, error)
	// Name is the path that the file was opened by.
	Name() string
	// Fd is the descriptor for calls beyond this interface, valid until Close; -1
	// where there is none.
	Fd() int
}
