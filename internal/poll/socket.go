package poll

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Recv reads what a socket holds, without waiting: 0 and no error at the end of
// the stream, EAGAIN when nothing is there.
func Recv(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
	return result(n, errno)
}

// RecvWait is Recv on a thread that may block until data, the end of the stream
// or an error is there.
func RecvWait(fd int, p []byte) (int, unix.Errno) {
	n, errno := blockingSyscall(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	runtime.KeepAlive(p)
	return result(n, errno)
}

// Send writes what fits into the socket's buffer, without waiting. With more,
// the kernel holds a last incomplete segment back for the bytes to come.
func Send(fd int, p []byte, more bool) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(sendFlags(more)|unix.MSG_DONTWAIT), 0, 0)
	return result(n, errno)
}

// SendWait is Send on a thread that may block until at least one byte went out.
func SendWait(fd int, p []byte, more bool) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(sendFlags(more)), 0, 0)
	return result(n, errno)
}

func sendFlags(more bool) int {
	if more {
		return unix.MSG_NOSIGNAL | unix.MSG_MORE
	}
	return unix.MSG_NOSIGNAL
}

// Sendfile moves up to n bytes of a file, from offset on, into a socket. It is an
// ordinary call: cold file pages block the thread, whatever the socket's mode.
// 0 without error means that the file ends at offset.
func Sendfile(socket, file int, offset int64, n int) (int, unix.Errno) {
	sent, err := unix.Sendfile(socket, file, &offset, n)
	return max(sent, 0), Errno(err)
}

// Pread reads a file; ordinary for the same reason as Sendfile.
func Pread(file int, p []byte, offset int64) (int, unix.Errno) {
	n, err := unix.Pread(file, p, offset)
	return max(n, 0), Errno(err)
}

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

// Errno is what a system call of package unix said; 0: it succeeded.
func Errno(err error) unix.Errno {
	errno, _ := err.(unix.Errno)
	return errno
}

func result(n uintptr, errno unix.Errno) (int, unix.Errno) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
