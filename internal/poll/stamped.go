package poll

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EnableReceiveStamps asks the kernel to note when data arrives on a socket
// (SO_TIMESTAMPING, software receive stamps; it works over loopback).
func EnableReceiveStamps(fd int) error {
	const flags = unix.SOF_TIMESTAMPING_RX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags); err != nil {
		return fmt.Errorf("setsockopt(SO_TIMESTAMPING) on descriptor %d: %w", fd, err)
	}
	return nil
}

// scmTimestamping is struct scm_timestamping; the software stamp comes first.
type scmTimestamping [3]unix.Timespec

const stampControlBytes = 64

// StampedReceiver reads sockets together with the kernel's arrival stamp of the
// newest segment read. One thread uses it; it allocates nothing per call.
type StampedReceiver struct {
	header  unix.Msghdr
	vector  unix.Iovec
	control [stampControlBytes]byte
}

// Recv is Recv with the arrival stamp in CLOCK_REALTIME nanoseconds, 0 when the
// kernel gave none.
func (r *StampedReceiver) Recv(fd int, p []byte) (n int, realNs int64, errno unix.Errno) {
	r.prepare(p)
	got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.header)), unix.MSG_DONTWAIT)
	return r.received(got, errno)
}

// RecvWait is Recv on a thread that may block.
func (r *StampedReceiver) RecvWait(fd int, p []byte) (n int, realNs int64, errno unix.Errno) {
	r.prepare(p)
	got, errno := blockingSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.header)), 0, 0, 0, 0)
	runtime.KeepAlive(p)
	return r.received(got, errno)
}

func (r *StampedReceiver) prepare(p []byte) {
	r.vector.Base = unsafe.SliceData(p)
	r.vector.SetLen(len(p))
	r.header = unix.Msghdr{Iov: &r.vector, Iovlen: 1, Control: &r.control[0], Controllen: stampControlBytes}
}

func (r *StampedReceiver) received(got uintptr, errno unix.Errno) (int, int64, unix.Errno) {
	r.vector.Base = nil
	if errno != 0 {
		return 0, 0, errno
	}
	return int(got), r.stamp(), 0
}

// stamp reads the one control message that the kernel attaches.
func (r *StampedReceiver) stamp() int64 {
	const want = unix.SizeofCmsghdr + int(unsafe.Sizeof(scmTimestamping{}))
	if int(r.header.Controllen) < want {
		return 0
	}
	message := (*unix.Cmsghdr)(unsafe.Pointer(&r.control[0]))
	if message.Level != unix.SOL_SOCKET || message.Type != unix.SCM_TIMESTAMPING {
		return 0
	}
	stamps := (*scmTimestamping)(unsafe.Pointer(&r.control[unix.SizeofCmsghdr]))
	return stamps[0].Nano()
}
