package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sectorBytes is what a disk writes as a whole; a write of more may be torn.
const sectorBytes = 512

// Crash returns what a loss of power at this moment may leave, as a file system of
// its own: everything forced to the device and, of each change since then, by
// chance with probability keep, all, nothing, or some sectors. With keep 0 nothing
// that was not forced survives. The receiver goes on unharmed. Locks are gone.
func (m *Mem) Crash(random *rand.Rand, keep float64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{random: random, keep: keep, done: map[*node]*node{}}
	return &Mem{root: c.survivor(m.root), locked: map[string]bool{}}
}

type crash struct {
	random *rand.Rand
	keep   float64
	done   map[*node]*node
}

func (c *crash) kept() bool { return c.random.Float64() < c.keep }

// survivor is what is left of a node, the same for all names that lead to it.
func (c *crash) survivor(n *node) *node {
	if s := c.done[n]; s != nil {
		return s
	}
	s := &node{}
	c.done[n] = s
	if !n.isDirectory() {
		s.bytes = c.bytes(n)
		s.durable = slices.Clone(s.bytes)
		return s
	}
	s.names = map[string]*node{}
	names := maps.Clone(n.synced)
	for _, change := range n.renames {
		if c.kept() {
			apply(names, change)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		s.names[name] = c.survivor(names[name])
	}
	s.synced = maps.Clone(s.names)
	return s
}

// bytes applies some of a file's changes to its image on the device.
func (c *crash) bytes(n *node) []byte {
	content := slices.Clone(n.durable)
	for _, change := range n.writes {
		if !c.kept() {
			continue
		}
		if change.bytes == nil || c.kept() {
			content = change.appliedTo(content)
			continue
		}
		content = c.torn(change, content)
	}
	return content
}

// torn applies some sectors of a write. The size may have reached the device
// before the bytes, which then read as zeros.
func (c *crash) torn(change byteChange, content []byte) []byte {
	for done := 0; done < len(change.bytes); {
		end := min(len(change.bytes), done+sectorBytes-int((change.at+int64(done))%sectorBytes))
		if c.kept() {
			content = byteChange{change.at + int64(done), change.bytes[done:end]}.appliedTo(content)
		}
		done = end
	}
	return content
}
