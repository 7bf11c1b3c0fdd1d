package slowdisk

import (
	"sync"
)

// blockBytes is the device's logical block size: what the kernel sends is a
// multiple of it, so that the image is written without reading first.
const blockBytes = 4096

// blocks is storage in whole blocks: offsets and lengths are multiples of
// blockBytes. Any thread may call it.
type blocks interface {
	readBlocks(p []byte, offsetBytes int64) error
	writeBlocks(p []byte, offsetBytes int64) error
	sync() error
	close() error
}

// store reads and writes any range of blocks. Writes that overlap have no
// order, as on a disk. Any thread may call it.
type store struct {
	blocks
	mu sync.RWMutex // held alone by a write of partial blocks, which reads them first
}

func newStore(b blocks) *store { return &store{blocks: b} }

func wholeBlocks(p []byte, offsetBytes int64) bool {
	return offsetBytes%blockBytes == 0 && len(p)%blockBytes == 0
}

// around returns the whole blocks around a range.
func around(p []byte, offsetBytes int64) (buffer []byte, fromBytes int64) {
	fromBytes = offsetBytes / blockBytes * blockBytes
	end := offsetBytes + int64(len(p))
	toBytes := (end + blockBytes - 1) / blockBytes * blockBytes
	return alignedBuffer(int(toBytes - fromBytes)), fromBytes
}

func (s *store) readAt(p []byte, offsetBytes int64) error {
	if wholeBlocks(p, offsetBytes) {
		return s.readBlocks(p, offsetBytes)
	}
	buffer, fromBytes := around(p, offsetBytes)
	if err := s.readBlocks(buffer, fromBytes); err != nil {
		return err
	}
	copy(p, buffer[offsetBytes-fromBytes:])
	return nil
}

func (s *store) writeAt(p []byte, offsetBytes int64) error {
	if wholeBlocks(p, offsetBytes) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.writeBlocks(p, offsetBytes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	buffer, fromBytes := around(p, offsetBytes)
	if err := s.readBlocks(buffer, fromBytes); err != nil {
		return err
	}
	copy(buffer[offsetBytes-fromBytes:], p)
	return s.writeBlocks(buffer, fromBytes)
}
