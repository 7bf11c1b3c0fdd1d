package poll

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pages asks which pages of a file the page cache holds, by mincore(2) on a mapping
// that nothing ever touches, so that neither a fault nor SIGBUS can come of it. One
// thread uses it.
//
// The kernel answers for pages that are up to date (mincore_page in mm/mincore.c): one
// that is still being read counts as absent, where cachestat(2) counts it. It answers
// truly only to the file's owner or one who may write it; for others every page seems
// to be there (can_do_mincore).
type Pages struct {
	states []byte // one a page, reused
}

// Held returns how many of the bytes from offset on the page cache holds without a
// gap, at most n. It may sleep for the lock of the process's memory map, never for a
// disk.
func (p *Pages) Held(fd int, offset int64, n int) (int, error) {
	start := offset / pageBytes * pageBytes
	length := offset + int64(n) - start
	address, _, errno := unix.Syscall6(unix.SYS_MMAP, 0, uintptr(length), unix.PROT_READ, unix.MAP_SHARED, uintptr(fd), uintptr(start))
	if errno != 0 {
		return 0, fmt.Errorf("map %d bytes at %d: %w", length, start, errno)
	}
	pages := int((length + pageBytes - 1) / pageBytes)
	if len(p.states) < pages {
		p.states = make([]byte, pages)
	}
	_, _, failed := unix.Syscall(unix.SYS_MINCORE, address, uintptr(length), uintptr(unsafe.Pointer(&p.states[0])))
	_, _, errno = unix.Syscall(unix.SYS_MUNMAP, address, uintptr(length), 0)
	if failed != 0 {
		errno = failed
	}
	if errno != 0 {
		return 0, fmt.Errorf("ask for the pages of %d bytes at %d: %w", length, start, errno)
	}
	for i := range pages {
		if p.states[i]&1 == 0 {
			return int(max(0, int64(i)*pageBytes-(offset-start))), nil
		}
	}
	return n, nil
}
