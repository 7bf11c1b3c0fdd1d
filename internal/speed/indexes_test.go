package speed

import (
	"encoding/binary"
	"errors"
	"os"
	"sort"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const indexEntryBytes = 8

// indexes are a log's index files, held in three ways.
type indexes struct {
	heap, mapped, read []entries // by segment
	bases              []int64
	closers            []func() error
}

// entries are one index file's: relative last offset and position, big endian.
type entries struct {
	count int
	entry func(i int) (relativeOffset uint32, err error)
}

func openIndexes(b *testing.B, l *sparseLog) *indexes {
	b.Helper()
	x := new(indexes)
	for i := range l.segments {
		f := must(os.Open(l.path(i, ".index")))(b)
		size := int(must(f.Stat())(b).Size())
		mapped := must(unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE))(b)
		x.heap = append(x.heap, inMemory(must(os.ReadFile(f.Name()))(b)))
		x.mapped = append(x.mapped, inMemory(mapped))
		x.read = append(x.read, inFile(int(f.Fd()), size))
		x.bases = append(x.bases, int64(i)*l.perSegmentRecords())
		x.closers = append(x.closers, func() error { return unix.Munmap(mapped) }, f.Close)
	}
	return x
}

func inMemory(index []byte) entries {
	return entries{len(index) / indexEntryBytes, func(i int) (uint32, error) {
		return binary.BigEndian.Uint32(index[i*indexEntryBytes:]), nil
	}}
}

func inFile(fd, size int) entries {
	return entries{size / indexEntryBytes, func(i int) (uint32, error) {
		var entry [indexEntryBytes]byte
		_, err := unix.Pread(fd, entry[:], int64(i)*indexEntryBytes)
		return binary.BigEndian.Uint32(entry[:]), err
	}}
}

// timeColdSearches is the mean over searches each of which finds nothing of its segment's
// index file in the page cache, in nanoseconds.
func timeColdSearches(b *testing.B, l *sparseLog, targets []int64) float64 {
	b.Helper()
	var sum time.Duration
	for _, target := range targets {
		segment, within := int(target/l.perSegmentRecords()), target%l.perSegmentRecords()
		f := must(os.Open(l.path(segment, ".index")))(b)
		size := int(must(f.Stat())(b).Size())
		err := errors.Join(unix.Fdatasync(int(f.Fd())), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
		began := time.Now()
		err = errors.Join(err, inFile(int(f.Fd()), size).search(within))
		sum += time.Since(began)
		if err := errors.Join(err, f.Close()); err != nil {
			b.Fatal(err)
		}
	}
	return float64(sum) / float64(len(targets))
}

// in searches the segment and its index for an offset.
func (x *indexes) in(segments []entries) func(offset int64) error {
	return func(offset int64) error {
		segment := sort.Search(len(x.bases), func(i int) bool { return x.bases[i] > offset }) - 1
		return segments[segment].search(offset - x.bases[segment])
	}
}

// search finds the entry of a relative offset.
func (e entries) search(relative int64) (failed error) {
	sort.Search(e.count, func(i int) bool {
		last, err := e.entry(i)
		failed = errors.Join(failed, err)
		return int64(last) > relative
	})
	return failed
}

func (x *indexes) close() (err error) {
	for _, closer := range x.closers {
		err = errors.Join(err, closer())
	}
	return err
}
