package vfs

import (
	"io"
	"os"
	"slices"
)

// memFile is an open file of a Mem. Like a descriptor it outlives the file's name.
type memFile struct {
	mem    *Mem
	node   *node
	path   string
	closed bool // under mem.mu
}

func (f *memFile) Name() string { return f.path }
func (f *memFile) Fd() int      { return -1 }

// do runs use under the file system's lock on a file that is open.
func (f *memFile) do(op Op, use func(*node)) error {
	f.mem.mu.Lock()
	defer f.mem.mu.Unlock()
	if f.closed {
		return failed(op, f.path, os.ErrClosed)
	}
	use(f.node)
	return nil
}

func (f *memFile) Close() error { return f.do(OpClose, func(*node) { f.closed = true }) }

func (f *memFile) ReadAt(b []byte, at int64) (n int, err error) {
	err = f.do(OpRead, func(file *node) {
		if at < int64(len(file.bytes)) {
			n = copy(b, file.bytes[at:])
		}
	})
	if err == nil && n < len(b) {
		err = io.EOF
	}
	return n, err
}

func (f *memFile) WriteAt(b []byte, at int64) (n int, err error) {
	err = f.do(OpWrite, func(file *node) {
		file.write(byteChange{at, append([]byte{}, b...)})
		n = len(b)
	})
	return n, err
}

func (f *memFile) Truncate(sizeBytes int64) error {
	return f.do(OpTruncate, func(file *node) { file.write(byteChange{at: sizeBytes}) })
}

func (f *memFile) Sync() error {
	return f.do(OpSync, func(file *node) { file.durable, file.writes = slices.Clone(file.bytes), nil })
}

func (f *memFile) SizeBytes() (size int64, err error) {
	err = f.do(OpSize, func(file *node) { size = int64(len(file.bytes)) })
	return size, err
}

func (n *node) write(c byteChange) {
	n.bytes = c.appliedTo(n.bytes)
	n.writes = append(n.writes, c)
}

// appliedTo returns content as it is after the change, in the same memory where
// that has room. Gaps are zeros.
func (c byteChange) appliedTo(content []byte) []byte {
	end := c.at + int64(len(c.bytes))
	if c.bytes == nil && end < int64(len(content)) {
		return content[:end]
	}
	if grow := end - int64(len(content)); grow > 0 {
		content = append(content, make([]byte, grow)...)
	}
	copy(content[c.at:], c.bytes)
	return content
}

// node is a file or a directory, under Mem.mu. What is on the device is kept as
// the image of the last sync and the changes since then.
type node struct {
	names   map[string]*node // nil for a file
	synced  map[string]*node
	renames []nameChange

	bytes   []byte
	durable []byte
	writes  []byteChange
}

// nameChange is one change to a directory: names that now lead elsewhere, or, with
// nil, nowhere. A rename is one change of two names.
type nameChange map[string]*node

// byteChange is one change to a file: bytes at a position, or a new size.
type byteChange struct {
	at    int64
	bytes []byte // nil: the file was cut or extended to at
}

func newDirectory() *node {
	return &node{names: map[string]*node{}, synced: map[string]*node{}}
}

func (n *node) isDirectory() bool { return n.names != nil }

func (n *node) change(c nameChange) {
	apply(n.names, c)
	n.renames = append(n.renames, c)
}

func apply(names map[string]*node, c nameChange) {
	for name, child := range c {
		if child == nil {
			delete(names, name)
		} else {
			names[name] = child
		}
	}
}

// removeAll removes a name, and first all that is below it.
func (n *node) removeAll(name string) {
	child := n.names[name]
	if child == nil {
		return
	}
	for below := range child.names {
		child.removeAll(below)
	}
	n.change(nameChange{name: nil})
}
