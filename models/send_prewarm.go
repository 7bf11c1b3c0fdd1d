package models

import (
	"fmt"

	"c10klab/internal/poll"

	"golang.org/x/sys/unix"
)

var sendPrewarm = Send{
	Name: "prewarm", Meaning: "sendfile to /dev/null on io-N, then as inline (KAFKA-7504)",
	Stage:  "LocalTime, then Send; a response that had to wait is warmed in RemoteTime by whoever completes it",
	Blocks: "a handler; the loop only if pages were evicted meanwhile",
	Calls:  map[FileCall]string{SendfileToNull: sharedHandlers, SendfileToSocket: WritingThread},
	mover:  newSendfileMover, onHandlers: warmRegions,
}

// prewarm reads a response's regions into the page cache (the patch that LINE attached to
// KAFKA-7504), on the thread that completes the response. A file that ends early is left for
// the send to find.
func (e *env) prewarm(j *Job) {
	for _, c := range j.response.cuts {
		if err := e.readThrough(c.region); err != nil {
			j.hangUp = err
			return
		}
	}
}

func (e *env) readThrough(r Region) error {
	for done := int64(0); done < r.LengthBytes; {
		n, errno := poll.Sendfile(e.null, r.File.Fd(), r.OffsetBytes+done, int(r.LengthBytes-done))
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return fmt.Errorf("prewarm: sendfile to /dev/null: %w", errno)
		case n == 0:
			return nil
		}
		done += int64(n)
	}
	return nil
}

// openNull opens /dev/null for prewarm; other strategies need none.
func (e *env) openNull() (err error) {
	if e.send.onHandlers != warmRegions {
		return nil
	}
	if e.null, err = unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("prewarm: open /dev/null: %w", err)
	}
	e.atExit(nil, func() { unix.Close(e.null) })
	return nil
}
