package models

import (
	"golang.org/x/sys/unix"

	"c10klab/internal/stage"
)

var sendInline = Send{
	Name: "inline", Meaning: "sendfile on the thread that owns the connection (Kafka)",
	Stage: stage.Send.String(), Blocks: "that thread: in loop models all its connections",
	Calls: map[FileCall]string{SendfileToSocket: WritingThread},
	mover: newSendfileMover, switches: true,
}

// sendfileMover is sendfile(2): Kafka's way (FileRecords.writeTo).
type sendfileMover struct{}

func (sendfileMover) move(s socket, file int, offset int64, n int) (int, unix.Errno) {
	return s.sendfile(file, offset, n)
}

func newSendfileMover() mover { return sendfileMover{} }
