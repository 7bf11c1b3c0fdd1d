package models

import (
	"c10klab/internal/poll"
	"c10klab/internal/stage"

	"golang.org/x/sys/unix"
)

var sendCopy = Send{
	Name: "copy", Meaning: "pread and send on the thread that owns the connection",
	Stage: stage.Send.String(), Blocks: "that thread",
	Calls: map[FileCall]string{ReadFile: WritingThread},
	mover: func() mover { return &copyMover{scratch: make([]byte, copyBytes)} },
}

// copyBytes is one turn of reading and sending.
const copyBytes = 128 << 10

// copyMover reads file bytes into memory and sends them from there. What the
// socket does not take is read again on the next turn.
type copyMover struct{ scratch []byte }

func (m *copyMover) move(s socket, file int, offset int64, n int) (int, unix.Errno) {
	got, errno := poll.Pread(file, m.scratch[:min(n, len(m.scratch))], offset)
	if errno != 0 || got == 0 {
		return 0, errno
	}
	return s.send(m.scratch[:got], got < n)
}
