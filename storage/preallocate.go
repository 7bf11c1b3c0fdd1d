package storage

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// preallocate makes sure that the file has blocks for so many more bytes, without
// making it longer (fallocate(2) in steps, as Redpanda's segments). It is an offer: a
// file system that does not take it, or is full, is asked no more, and the write says
// what is wrong. The segment's writer calls it.
func (s *segment) preallocate(bytes int64) {
	if s.sizeBytes+bytes <= s.allocatedBytes {
		return
	}
	ahead := bytes + s.preallocateBytes
	if unix.Fallocate(s.fd, unix.FALLOC_FL_KEEP_SIZE, s.sizeBytes, ahead) != nil {
		s.preallocateBytes = 0
		return
	}
	s.allocatedBytes = s.sizeBytes + ahead
}

// giveBack frees the blocks behind the end. The segment's writer calls it, when it
// writes no more.
func (s *segment) giveBack() error {
	if s.allocatedBytes == 0 {
		return nil
	}
	s.allocatedBytes, s.preallocateBytes = 0, 0
	if err := s.file.Truncate(s.sizeBytes); err != nil {
		return fmt.Errorf("giving back what was allocated behind %s: %w", s.path, err)
	}
	return nil
}
