package vfs

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
