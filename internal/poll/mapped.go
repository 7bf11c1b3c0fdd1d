package poll

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Mapping is a part of a file in memory (mmap(2), shared, to read). Go code must
// not touch the bytes: a cold page would hold the thread's P, and a page that a
// truncation took away would be a SIGBUS. The kernel may: it answers EFAULT.
type Mapping struct {
	base        unsafe.Pointer
	lengthBytes int
	skipBytes   int // from the first page's beginning to the part
}

// Map maps n bytes of a file from offset on, whole pages around them.
func Map(file int, offset int64, n int) (Mapping, unix.Errno) {
	skip := int(offset % pageBytes)
	base, err := unix.MmapPtr(file, offset-int64(skip), nil, uintptr(n+skip), unix.PROT_READ, unix.MAP_SHARED)
	return Mapping{base: base, lengthBytes: n + skip, skipBytes: skip}, Errno(err)
}

// Unmap ends the mapping.
func (m Mapping) Unmap() { unix.MunmapPtr(m.base, uintptr(m.lengthBytes)) }

// SendMapped writes the mapped part into a socket; without wait only what fits.
// It is an ordinary call: cold pages block the thread, whatever the socket's mode.
// EFAULT: the file has become shorter than the part.
func SendMapped(fd int, m Mapping, wait bool) (int, unix.Errno) {
	flags := unix.MSG_NOSIGNAL
	if !wait {
		flags |= unix.MSG_DONTWAIT
	}
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Add(m.base, m.skipBytes)),
		uintptr(m.lengthBytes-m.skipBytes), uintptr(flags), 0, 0)
	return result(n, errno)
}
