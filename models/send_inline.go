package models

import "golang.org/x/sys/unix"

// sendfileMover is sendfile(2): Kafka's way (FileRecords.writeTo). On a cold page
// it blocks its thread, which under `inline` is the one that also serves the
// other connections.
type sendfileMover struct{}

func (sendfileMover) move(s socket, file int, offset int64, n int) (int, unix.Errno) {
	return s.sendfile(file, offset, n)
}

func newSendfileMover() mover { return sendfileMover{} }
