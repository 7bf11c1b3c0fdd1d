package poll

import (
	"os"

	"golang.org/x/sys/unix"
)

// ResidentBytes reads what the page cache holds of a file, from offset on, up to
// the first page that it lacks (preadv2(2) with RWF_NOWAIT), into p, and returns
// how much that was. A miss starts read-ahead. EOPNOTSUPP: the file system cannot
// tell (tmpfs, overlayfs, FUSE).
func ResidentBytes(file int, p []byte, offset int64) (int, unix.Errno) {
	n, err := unix.Preadv2(file, [][]byte{p}, offset, unix.RWF_NOWAIT)
	if err == nil {
		return n, 0
	}
	errno, _ := err.(unix.Errno)
	if errno == unix.EAGAIN {
		return 0, 0
	}
	return 0, errno
}

// Cached reports whether the page cache has every page of a range of a file, those
// still being read included (cachestat(2), Linux 6.5). It starts no I/O.
func Cached(file int, offset int64, n int) (bool, unix.Errno) {
	var stat unix.Cachestat_t
	span := unix.CachestatRange{Off: uint64(offset), Len: uint64(n)}
	if err := unix.Cachestat(uint(file), &span, &stat, 0); err != nil {
		errno, _ := err.(unix.Errno)
		return false, errno
	}
	pages := (offset+int64(n)-1)/pageBytes - offset/pageBytes + 1
	return int64(stat.Cache) >= pages, 0
}

var pageBytes = int64(os.Getpagesize())
