package storage

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Evict drops the segments of one topic, or of all if topic is empty, from the
// page cache and returns what stayed, as Residency does. The kernel drops clean
// pages only, so records are first forced to the device (as by Flush, with its
// errors) and waited for; pages in use, such as those on their way into a socket,
// and those appended or read meanwhile stay. It may be called while the store
// serves; requests then wait behind its writes for the disk.
func (s *Store) Evict(topic string) ([]Residency, error) {
	if err := s.eachLog(topic, func(_ string, log *Log) error { return log.evict() }); err != nil {
		return nil, err
	}
	return s.Residency(topic)
}

func (l *Log) evict() error {
	if err := l.Flush(); err != nil {
		return fmt.Errorf("evicting: %w", err)
	}
	page := int64(os.Getpagesize())
	return l.eachStretch(func(fd int, offsetBytes, lengthBytes int64) error {
		// Of a page that is named in part the kernel drops nothing.
		from := offsetBytes / page * page
		to := (offsetBytes + lengthBytes + page - 1) / page * page
		if err := unix.Fadvise(fd, from, to-from, unix.FADV_DONTNEED); err != nil {
			return fmt.Errorf("evicting %s: %w", l.dir, err)
		}
		return nil
	})
}
