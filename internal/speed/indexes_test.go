package speed

import (
	"encoding/binary"
	"errors"
	"os"
	"sort"
	"testing"

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
		x.read = append(x.read, entries{size / indexEntryBytes, func(i int) (uint32, error) {
			var entry [indexEntryBytes]byte
			_, err := unix.Pread(int(f.Fd()), entry[:], int64(i)*indexEntryBytes)
			return binary.BigEndian.Uint32(entry[:]), err
		}})
		x.bases = append(x.bases, int64(i)*l.perSegment()*int64(l.template.Records()))
		x.closers = append(x.closers, func() error { return unix.Munmap(mapped) }, f.Close)
	}
	return x
}

func inMemory(index []byte) entries {
	return entries{len(index) / indexEntryBytes, func(i int) (uint32, error) {
		return binary.BigEndian.Uint32(index[i*indexEntryBytes:]), nil
	}}
}

// in searches the segment and its index for an offset.
func (x *indexes) in(segments []entries) func(offset int64) error {
	return func(offset int64) error {
		segment := sort.Search(len(x.bases), func(i int) bool { return x.bases[i] > offset }) - 1
		relative, e := offset-x.bases[segment], segments[segment]
		var failed error
		sort.Search(e.count, func(i int) bool {
			last, err := e.entry(i)
			if err != nil {
				failed = err
			}
			return int64(last) > relative
		})
		return failed
	}
}

func (x *indexes) close() (err error) {
	for _, closer := range x.closers {
		err = errors.Join(err, closer())
	}
	return err
}
