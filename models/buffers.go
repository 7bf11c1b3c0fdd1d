package models

import (
	"math/bits"
	"sync"
)

// Frame buffers come in powers of two and are used again, so that steady load
// allocates nothing.
const (
	leastBufferBits = 9 // 512 bytes
	mostBufferBits  = 27
	// keptBufferBytes is the largest buffer that a job keeps between requests.
	keptBufferBytes = 4 << 10
	// keptResponseBytes is the same for the memory of a response.
	keptResponseBytes = 64 << 10
)

type buffer struct {
	bytes []byte
	class int
}

var buffers [mostBufferBits + 1]sync.Pool

// newBuffer returns a buffer of at least n bytes, at most 128 MiB.
func newBuffer(n int) *buffer {
	class := max(bits.Len(uint(n-1)), leastBufferBits)
	if b, _ := buffers[class].Get().(*buffer); b != nil {
		return b
	}
	return &buffer{bytes: make([]byte, 1<<class), class: class}
}

func (b *buffer) free() {
	if b != nil {
		buffers[b.class].Put(b)
	}
}

// grown returns a larger buffer with the first n bytes of b, which it frees.
func (b *buffer) grown(n, size int) *buffer {
	larger := newBuffer(size)
	copy(larger.bytes, b.bytes[:n])
	b.free()
	return larger
}
