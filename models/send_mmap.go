package models

import (
	"c10klab/internal/poll"
	"c10klab/internal/stage"

	"golang.org/x/sys/unix"
)

var sendMmap = Send{
	Name: "mmap", Meaning: "send from a mapping, one for each call, on the thread that owns the connection",
	Stage: stage.Send.String(), Blocks: "that thread, in the page faults of send",
	Calls: map[FileCall]string{SendMapped: WritingThread},
	mover: func() mover { return mappedMover{} }, capBytes: chunkBytes,
}

// mappedMover sends from a mapping of the file that lasts for one send call. The
// kernel alone reads the mapped pages: a cold one blocks the thread inside send.
type mappedMover struct{}

// move does not map beyond the file's end: what of a mapping's last page lies
// behind it would be sent as zeros. A file cut after that look gives EFAULT.
func (mappedMover) move(s socket, file int, offset int64, n int) (int, unix.Errno) {
	var stat unix.Stat_t
	if err := unix.Fstat(file, &stat); err != nil {
		return 0, poll.Errno(err)
	}
	n = int(min(int64(n), stat.Size-offset))
	if n <= 0 {
		return 0, 0
	}
	m, errno := poll.Map(file, offset, n)
	if errno != 0 {
		return 0, errno
	}
	defer m.Unmap()
	return s.sendMapped(m)
}
