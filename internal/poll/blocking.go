package poll

import (
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"
)

// blockingSyscall is a system call by a locked thread that will most likely sleep in
// it for long, as one does that waits for the next request of its connection.
//
// An ordinary system call keeps its P until the runtime's monitor (sysmon; retake in
// proc.go of Go 1.26) takes it away after 10 ms. A thread that says that it will block
// gives its P up at once, and takes the one given up last when it returns, whose caches of
// memory are warm.
//
// The runtime says so of its own futex waits; gVisor uses the same two functions, which
// the runtime keeps for it (go.dev/issue/67401). Between them only code that cannot
// grow the stack may run.
//
//go:nosplit
//go:norace
func blockingSyscall(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1 uintptr, errno unix.Errno) {
	entersyscallblock()
	r1, _, errno = unix.RawSyscall6(trap, a1, a2, a3, a4, a5, a6)
	exitsyscall()
	return r1, errno
}

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()
