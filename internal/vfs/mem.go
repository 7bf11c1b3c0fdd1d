package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Mem is a file system in memory that knows what a loss of power would leave of
// it; see Crash. Its files have no descriptors. All methods may be called from any
// thread.
type Mem struct {
	mu     sync.Mutex
	root   *node
	locked map[string]bool
}

// NewMem makes an empty file system.
func NewMem() *Mem { return &Mem{root: newDirectory(), locked: map[string]bool{}} }

func failed(op Op, path string, err error) error {
	return &fs.PathError{Op: string(op), Path: path, Err: err}
}

// find walks to a path. Under mu.
func (m *Mem) find(path string) (*node, error) {
	n := m.root
	for name := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == filepath.Separator }) {
		if !n.isDirectory() {
			return nil, syscall.ENOTDIR
		}
		if n = n.names[name]; n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, nil
}

// directory walks to a directory. Under mu.
func (m *Mem) directory(path string) (*node, error) {
	n, err := m.find(path)
	if err == nil && !n.isDirectory() {
		err = syscall.ENOTDIR
	}
	return n, err
}

// in runs use, under mu, on the directory that a path's last name is in.
func (m *Mem) in(op Op, path string, use func(dir *node, name string) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, name := filepath.Split(filepath.Clean(path))
	dir, err := m.directory(parent)
	if err == nil {
		err = use(dir, name)
	}
	if err != nil {
		return failed(op, path, err)
	}
	return nil
}

func (m *Mem) Open(path string, flags int) (File, error) {
	f := &memFile{mem: m, path: path}
	err := m.in(OpOpen, path, func(dir *node, name string) error {
		f.node = dir.names[name]
		switch {
		case f.node == nil && flags&os.O_CREATE == 0:
			return syscall.ENOENT
		case f.node == nil:
			f.node = &node{}
			dir.change(nameChange{name: f.node})
		case flags&os.O_EXCL != 0:
			return syscall.EEXIST
		case f.node.isDirectory():
			return syscall.EISDIR
		case flags&os.O_TRUNC != 0:
			f.node.write(byteChange{})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (m *Mem) MkdirAll(path string) error {
	parent := filepath.Dir(path)
	if parent == path {
		return nil
	}
	if err := m.MkdirAll(parent); err != nil {
		return err
	}
	return m.in(OpMkdir, path, func(dir *node, name string) error {
		switch n := dir.names[name]; {
		case n == nil:
			dir.change(nameChange{name: newDirectory()})
		case !n.isDirectory():
			return syscall.ENOTDIR
		}
		return nil
	})
}

func (m *Mem) Rename(from, to string) error {
	return m.in(OpRename, from, func(dir *node, old string) error {
		n := dir.names[old]
		switch {
		case filepath.Dir(from) != filepath.Dir(to):
			return syscall.EXDEV
		case n == nil:
			return syscall.ENOENT
		}
		dir.change(nameChange{old: nil, filepath.Base(to): n})
		return nil
	})
}

func (m *Mem) Remove(path string) error {
	return m.in(OpRemove, path, func(dir *node, name string) error {
		switch n := dir.names[name]; {
		case n == nil:
			return syscall.ENOENT
		case len(n.names) > 0:
			return syscall.ENOTEMPTY
		}
		dir.change(nameChange{name: nil})
		return nil
	})
}

func (m *Mem) RemoveAll(path string) error {
	err := m.in(OpRemove, path, func(dir *node, name string) error {
		dir.removeAll(name)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (m *Mem) List(path string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, err := m.directory(path)
	if err != nil {
		return nil, failed(OpList, path, err)
	}
	return slices.Sorted(maps.Keys(dir.names)), nil
}

func (m *Mem) Exists(path string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.find(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (m *Mem) SyncDir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, err := m.directory(path)
	if err != nil {
		return failed(OpSyncDir, path, err)
	}
	dir.synced, dir.renames = maps.Clone(dir.names), nil
	return nil
}

func (m *Mem) Lock(path string) (io.Closer, error) {
	f, err := m.Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[path] {
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	}
	m.locked[path] = true
	return memLock{f, m}, nil
}

type memLock struct {
	File
	mem *Mem
}

func (l memLock) Close() error {
	l.mem.mu.Lock()
	defer l.mem.mu.Unlock()
	delete(l.mem.locked, l.Name())
	return nil
}
