package slowdisk

import (
	"errors"
	"sync"
)

// overlay is copy-on-write: blocks never written come from base, written ones
// go to top, and a bitmap in memory tells which. base is never written.
type overlay struct {
	base, top blocks

	mu      sync.Mutex
	written []uint64 // a bit a block
}

func newOverlay(base, top blocks, sizeBytes int64) *overlay {
	return &overlay{base: base, top: top, written: make([]uint64, sizeBytes/blockBytes/64+1)}
}

// run returns the layer of the block at offsetBytes, and how many of the next
// lengthBytes lie in the same.
func (o *overlay) run(offsetBytes int64, lengthBytes int) (layer blocks, runBytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := offsetBytes / blockBytes
	inTop := o.isWritten(first)
	n := int64(1)
	for n < int64(lengthBytes)/blockBytes && o.isWritten(first+n) == inTop {
		n++
	}
	layer = o.base
	if inTop {
		layer = o.top
	}
	return layer, int(n * blockBytes)
}

func (o *overlay) isWritten(block int64) bool { return o.written[block/64]>>(block%64)&1 == 1 }

func (o *overlay) readBlocks(p []byte, offsetBytes int64) error {
	for len(p) > 0 {
		layer, n := o.run(offsetBytes, len(p))
		if err := layer.readBlocks(p[:n], offsetBytes); err != nil {
			return err
		}
		p, offsetBytes = p[n:], offsetBytes+int64(n)
	}
	return nil
}

func (o *overlay) writeBlocks(p []byte, offsetBytes int64) error {
	if err := o.top.writeBlocks(p, offsetBytes); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	first := offsetBytes / blockBytes
	for b := first; b < first+int64(len(p))/blockBytes; b++ {
		o.written[b/64] |= 1 << (b % 64)
	}
	return nil
}

func (o *overlay) sync() error  { return o.top.sync() }
func (o *overlay) close() error { return errors.Join(o.top.close(), o.base.close()) }
