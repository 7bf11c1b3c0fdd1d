package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Residency is how much of a topic's segment files in one log dir the page cache
// holds.
type Residency struct {
	Topic       string
	LogDir      string
	Pages       int64 // that the files have
	CachedPages int64 // of those, in the page cache; one that is still being read counts
	PageBytes   int64
}

// Residency asks the kernel (cachestat(2)) about the segments of one topic, or of
// all if topic is empty, and sums per topic and log dir, in order of both. It
// takes no lock, reads no data and may be called while the store serves. It fails
// with ErrUnknownTopicOrPartition and, before Linux 6.5 or where a container's filter (seccomp)
// forbids the call, with ErrNoCachestat.
func (s *Store) Residency(topic string) ([]Residency, error) {
	logs, err := s.logs(topic)
	if err != nil {
		return nil, err
	}
	sums := map[[2]string]*Residency{}
	for _, log := range logs {
		dir := filepath.Dir(log.dir)
		name, _, _ := parsePartitionDirName(filepath.Base(log.dir))
		sum := sums[[2]string{name, dir}]
		if sum == nil {
			sum = &Residency{Topic: name, LogDir: dir, PageBytes: int64(os.Getpagesize())}
			sums[[2]string{name, dir}] = sum
		}
		if err := log.eachStretch(sum.add); err != nil {
			return nil, err
		}
	}
	found := make([]Residency, 0, len(sums))
	for _, sum := range sums {
		found = append(found, *sum)
	}
	slices.SortFunc(found, func(a, b Residency) int {
		return strings.Compare(a.Topic+"\x00"+a.LogDir, b.Topic+"\x00"+b.LogDir)
	})
	return found, nil
}

// add counts the pages of a stretch of a file. A page that two stretches share counts
// twice.
func (r *Residency) add(fd int, offsetBytes, lengthBytes int64) error {
	stretch := unix.CachestatRange{Off: uint64(offsetBytes), Len: uint64(lengthBytes)}
	var cache unix.Cachestat_t
	err := unix.Cachestat(uint(fd), &stretch, &cache, 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return ErrNoCachestat
	}
	if err != nil {
		return fmt.Errorf("asking what is cached of %s: %w", r.Topic, err)
	}
	r.Pages += (offsetBytes+lengthBytes+r.PageBytes-1)/r.PageBytes - offsetBytes/r.PageBytes
	r.CachedPages += int64(cache.Cache)
	return nil
}

// logs are those of one topic, in order, or of all if topic is empty.
func (s *Store) logs(topic string) (logs []*Log, err error) {
	topics := *s.topics.Load()
	if t, found := topics[topic]; found {
		return t.logs, nil
	}
	if topic != "" {
		return nil, fmt.Errorf("%w: %q", ErrUnknownTopicOrPartition, topic)
	}
	for _, t := range topics {
		logs = append(logs, t.logs...)
	}
	return logs, nil
}

// eachStretch visits where the bytes lie of the segments that the log has now.
func (l *Log) eachStretch(visit func(fd int, offsetBytes, lengthBytes int64) error) error {
	for _, seg := range *l.segments.Load() {
		if !seg.Acquire() {
			continue
		}
		size, err := seg.SizeBytes()
		if err != nil {
			seg.Release()
			return fmt.Errorf("asking for the size of %s: %w", seg.path, err)
		}
		var errs []error
		for _, r := range (Slice{LengthBytes: int(size), segment: seg}).AppendRegions(nil) {
			if r.LengthBytes > 0 {
				errs = append(errs, visit(r.File.Fd(), r.OffsetBytes, int64(r.LengthBytes)))
			}
			r.File.Release()
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// Evict drops the segments of one topic, or of all if topic is empty, from the
// page cache and returns what stayed, as Residency does. The kernel drops clean
// pages only, so records are first forced to the device (as by Flush, with its
// errors) and waited for; pages in use, such as those on their way into a socket,
// and those appended or read meanwhile stay. It may be called while the store
// serves; requests then wait behind its writes for the disk.
func (s *Store) Evict(topic string) ([]Residency, error) {
	logs, err := s.logs(topic)
	if err != nil {
		return nil, err
	}
	for _, log := range logs {
		if err := log.evict(); err != nil {
			return nil, err
		}
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
