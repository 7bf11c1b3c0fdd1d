// Package poll is the only place that makes raw system calls, which skip the Go scheduler's
// bookkeeping (about 15 % of an echo request) and must never block. The closed list:
// recvfrom and recvmsg without waiting, sendto and sendmsg from Go memory without waiting,
// epoll_wait with timeout 0, epoll_ctl, eventfd reads and writes, futex wake, sched_yield.
//
// All functions may be called from any thread; an Epoll's Poll, Wait and Event from one at a
// time, since they share its buffer of events.
package poll

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Events of a descriptor, as epoll_ctl(2) names them.
const (
	Readable = unix.EPOLLIN
	Writable = unix.EPOLLOUT
	// HalfClosed says that the peer has shut down its writing side.
	HalfClosed = unix.EPOLLRDHUP
	Failed     = unix.EPOLLERR
	HungUp     = unix.EPOLLHUP
	Edge       = unix.EPOLLET
	// OneShot disarms the descriptor after one event, until Modify.
	OneShot = unix.EPOLLONESHOT
)

// Epoll is an epoll instance with a buffer for one Wait's events.
type Epoll struct {
	fd     int
	events []unix.EpollEvent
}

// Event is one ready descriptor.
type Event struct {
	FD    int
	Flags uint32
}

// NewEpoll makes an instance whose Wait returns at most maxEvents.
func NewEpoll(maxEvents int) (*Epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &Epoll{fd: fd, events: make([]unix.EpollEvent, maxEvents)}, nil
}

// Add registers a descriptor for the given events.
func (e *Epoll) Add(fd int, events uint32) error { return e.control(unix.EPOLL_CTL_ADD, fd, events) }

// Modify replaces the events of a registered descriptor.
func (e *Epoll) Modify(fd int, events uint32) error { return e.control(unix.EPOLL_CTL_MOD, fd, events) }

// Remove forgets a descriptor; closing its last copy does so too.
func (e *Epoll) Remove(fd int) error { return e.control(unix.EPOLL_CTL_DEL, fd, 0) }

func (e *Epoll) control(op, fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(e.fd), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&event)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("epoll_ctl of descriptor %d: %w", fd, errno)
	}
	return nil
}

// Poll returns the number of descriptors ready now; read them with Event.
func (e *Epoll) Poll() (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&e.events[0])), uintptr(len(e.events)), 0, 0, 0)
	return waited(int(n), errno)
}

// Wait blocks until a descriptor is ready or the timeout ends (whole
// milliseconds, rounded up; negative: no limit).
func (e *Epoll) Wait(timeout time.Duration) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&e.events[0])), uintptr(len(e.events)), uintptr(timeoutMs(timeout)), 0, 0)
	return waited(int(n), errno)
}

func timeoutMs(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((d + time.Millisecond - 1) / time.Millisecond)
}

func waited(n int, errno unix.Errno) (int, error) {
	switch errno {
	case 0:
		return n, nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("epoll_wait: %w", errno)
}

// Event returns the i-th descriptor of the last Poll or Wait.
func (e *Epoll) Event(i int) Event {
	return Event{FD: int(e.events[i].Fd), Flags: e.events[i].Events}
}

func (e *Epoll) Close() error { return unix.Close(e.fd) }
