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

// find walks to a path.
func (m *Mem) find(path string) (*node, error) {
	n := m.root
	for name := range strings.SplitSeq(strings.Trim(filepath.Clean(path), "/"), "/") {
		if name == "" || name == "." {
			continue
		}
		if !n.isDirectory() {
			return nil, failed("find", path, syscall.ENOTDIR)
		}
		if n = n.names[name]; n == nil {
			return nil, failed("find", path, syscall.ENOENT)
		}
	}
	return n, nil
}

// parent walks to the directory that a path's last name is in.
func (m *Mem) parent(path string) (dir *node, name string, err error) {
	path = filepath.Clean(path)
	dir, err = m.find(filepath.Dir(path))
	if err == nil && !dir.isDirectory() {
		err = failed("find", path, syscall.ENOTDIR)
	}
	return dir, filepath.Base(path), err
}

func failed(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }

// Open implements FS.
func (m *Mem) Open(path string, flags int) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, name, err := m.parent(path)
	if err != nil {
		return nil, err
	}
	n := dir.names[name]
	switch {
	case n == nil && flags&os.O_CREATE == 0:
		return nil, failed("open", path, syscall.ENOENT)
	case n == nil:
		n = &node{}
		dir.change(nameChange{name: n})
	case flags&os.O_EXCL != 0:
		return nil, failed("open", path, syscall.EEXIST)
	case n.isDirectory():
		return nil, failed("open", path, syscall.EISDIR)
	case flags&os.O_TRUNC != 0:
		n.resize(0)
	}
	return &memFile{mem: m, node: n, path: path}, nil
}

// Mkdir implements FS.
func (m *Mem) Mkdir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mkdir(path)
}

func (m *Mem) mkdir(path string) error {
	dir, name, err := m.parent(path)
	if err != nil {
		return err
	}
	if dir.names[name] != nil {
		return failed("mkdir", path, syscall.EEXIST)
	}
	dir.change(nameChange{name: newDirectory()})
	return nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, c := range path + "/" {
		if c != '/' || i == 0 {
			continue
		}
		if err := m.mkdir(path[:i]); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// Rename implements FS.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, old, err := m.parent(from)
	if err != nil {
		return err
	}
	n := dir.names[old]
	switch {
	case filepath.Dir(filepath.Clean(from)) != filepath.Dir(filepath.Clean(to)):
		return failed("rename", to, syscall.EXDEV)
	case n == nil:
		return failed("rename", from, syscall.ENOENT)
	}
	dir.change(nameChange{old: nil, filepath.Base(to): n})
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, name, err := m.parent(path)
	if err != nil {
		return err
	}
	switch n := dir.names[name]; {
	case n == nil:
		return failed("remove", path, syscall.ENOENT)
	case len(n.names) > 0:
		return failed("remove", path, syscall.ENOTEMPTY)
	}
	dir.change(nameChange{name: nil})
	return nil
}

// RemoveAll implements FS.
func (m *Mem) RemoveAll(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, name, err := m.parent(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if n := dir.names[name]; n != nil {
		n.empty()
		dir.change(nameChange{name: nil})
	}
	return nil
}

// empty removes all that is in a directory.
func (n *node) empty() {
	for _, name := range slices.Collect(maps.Keys(n.names)) {
		n.names[name].empty()
		n.change(nameChange{name: nil})
	}
}

// List implements FS.
func (m *Mem) List(path string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(path)
	if err != nil {
		return nil, err
	}
	if !n.isDirectory() {
		return nil, failed("list", path, syscall.ENOTDIR)
	}
	return slices.Sorted(maps.Keys(n.names)), nil
}

// Exists implements FS.
func (m *Mem) Exists(path string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.find(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// SyncDir implements FS.
func (m *Mem) SyncDir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(path)
	if err != nil {
		return err
	}
	if !n.isDirectory() {
		return failed("sync", path, syscall.ENOTDIR)
	}
	n.synced, n.renames = maps.Clone(n.names), nil
	return nil
}

// Lock implements FS.
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
