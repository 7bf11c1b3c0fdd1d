package poll

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Eventfd is a descriptor that makes an epoll wait return (eventfd(2)). Wakes
// between two Clears cost one write.
type Eventfd struct {
	fd      int
	pending atomic.Bool
}

func NewEventfd() (*Eventfd, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &Eventfd{fd: fd}, nil
}

// FD is the descriptor to register.
func (e *Eventfd) FD() int { return e.fd }

// Wake makes the descriptor readable. Any thread may call it.
func (e *Eventfd) Wake() {
	if e.pending.Swap(true) {
		return
	}
	one := uint64(1)
	unix.RawSyscall(unix.SYS_WRITE, uintptr(e.fd), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
}

// Clear makes the descriptor unreadable; work announced before a Wake must be
// looked for after Clear.
func (e *Eventfd) Clear() {
	var count uint64
	unix.RawSyscall(unix.SYS_READ, uintptr(e.fd), uintptr(unsafe.Pointer(&count)), unsafe.Sizeof(count))
	e.pending.Store(false)
}

func (e *Eventfd) Close() error { return unix.Close(e.fd) }
