package models

import (
	"cmp"
	"errors"
	"fmt"

	"c10klab/internal/clock"
	"c10klab/internal/stage"

	"golang.org/x/sys/unix"
)

// mover puts file bytes into a socket. One thread uses it.
type mover interface {
	// move sends up to n bytes from offset on; 0 without error means that the
	// file ended there.
	move(s socket, file int, offset int64, n int) (int, unix.Errno)
}

// cursor is how far a response was sent: which piece, and bytes of it. Pieces
// alternate: memory, region 0, memory, region 1, …, memory.
type cursor struct {
	region   int
	inRegion bool
	done     int64
	// restHotNs is when the page cache held the rest of the region, of a file hot for
	// long; 0: not asked, or not so.
	restHotNs int64
}

type sendStatus int

const (
	sentAll    sendStatus = iota
	sendAgain             // the socket is full; go on when it is writable
	sendYield             // the turn is used up; go on when others had theirs
	sendFailed            // the connection cannot be used any more; Job.hangUp says why
)

// errand is what the loop shall do with a job that another thread has sent from.
func (s sendStatus) errand() errand {
	return [...]errand{sentAll: reap, sendAgain: sendWhenWritable, sendYield: sendNow, sendFailed: abandon}[s]
}

// transmitter sends responses on one thread.
type transmitter struct {
	mover    mover
	counters *threadCounters
	capBytes int // of one send call of file bytes; 0: no bound
	perTurn  int // send calls of file bytes; 0: no bound
	calls    int // of the turn so far
	blocked  blockedTime
	// sentNs is when the last call of the short way had sent everything; 0: it had not.
	sentNs int64
}

// newTransmitter makes one for an executor that serves one connection.
func (e *env) newTransmitter(counters *threadCounters) transmitter {
	return transmitter{mover: e.send.mover(), counters: counters, capBytes: e.sendCapBytes()}
}

// newTurnTransmitter makes one for a locked thread that many connections share, none
// of whose sockets waits. The thread closes it.
func (e *env) newTurnTransmitter(counters *threadCounters) transmitter {
	t := e.newTransmitter(counters)
	t.perTurn = e.config.SendsPerTurn
	if e.send.chunked {
		t.perTurn = 1
	}
	t.blocked = blockedTime{env: e, on: e.recordsBlocked() || e.send.probes}
	return t
}

// sendCapBytes is the bound of one send call of file bytes; 0: none.
func (e *env) sendCapBytes() int { return cmp.Or(e.config.SendCapBytes, e.send.capBytes) }

// close gives back what the thread's transmitter holds.
func (t *transmitter) close() { t.blocked.close() }

// send goes on with a response from its cursor until all is sent, the socket is
// full or the turn is used up. The caller owns the job and has its connection's turn.
func (t *transmitter) send(j *Job) sendStatus {
	t.begin(j)
	if t.sentAtOnce(j) {
		return sentAll
	}
	t.calls = 0
	t.blocked.newTurn()
	for {
		status, err := t.sendPiece(j)
		if status == sendFailed {
			j.hangUp = err
		}
		if status != sentAll {
			return status
		}
		if j.cursor.region == len(j.response.cuts) {
			j.stamp(stage.LastByte)
			return sentAll
		}
		t.nextPiece(j)
	}
}

// begin stamps the beginning of a response's first send call.
func (t *transmitter) begin(j *Job) {
	plant := &j.conn.env.plant
	if j.stamps[stage.FirstWrite] == 0 {
		plant.In(stage.SendWait)
		j.stamp(stage.FirstWrite)
	}
	if plant.Planted(stage.Send) && j.cursor == (cursor{}) {
		plant.In(stage.Send)
	}
}

// sentAtOnce takes the short way of nearly all responses that carry no file bytes:
// one call that takes everything. It leaves the rest to the long way, also a second try.
func (t *transmitter) sentAtOnce(j *Job) bool {
	r, c := &j.response, j.conn
	if len(r.cuts) > 0 || j.cursor.done > 0 || j.stamps[stage.LastByte] != 0 || c.dead.Load() {
		return false
	}
	if j.sampled {
		j.lastSendNs = clock.Now()
	}
	n, errno := c.socket.send(r.Buf, false)
	j.stamp(stage.LastByte)
	t.counters.sent(n, j.stamps[stage.LastByte]-j.stamps[stage.FirstWrite])
	j.cursor.done = int64(n)
	if errno != 0 || n < len(r.Buf) {
		t.sentNs = 0
		return false
	}
	t.sentNs = j.stamps[stage.LastByte]
	return true
}

// nextPiece moves the cursor on; a region just sent gives its file back.
func (t *transmitter) nextPiece(j *Job) {
	at := &j.cursor
	if at.inRegion {
		j.response.cuts[at.region].region.File.Release()
		t.blocked.interrupted()
		at.region++
		at.restHotNs = 0
	}
	at.inRegion = !at.inRegion
	at.done = 0
}

// errSegmentEnded: the file is shorter than the region promised, so it was
// truncated meanwhile; trying again would spin for ever.
var errSegmentEnded = errors.New("the file ends inside the region to send")

var errDead = errors.New("the connection was closed")

func (t *transmitter) sendPiece(j *Job) (sendStatus, error) {
	for {
		if j.conn.dead.Load() {
			return sendFailed, errDead
		}
		if j.cursor.inRegion && t.perTurn > 0 && t.calls == t.perTurn {
			return sendYield, nil
		}
		n, left, errno := t.sendSome(j)
		j.cursor.done += int64(n)
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return sendAgain, nil
		case errno == unix.EFAULT:
			return sendFailed, errSegmentEnded // a mapping told it
		case errno != 0:
			return sendFailed, fmt.Errorf("send: %w", errno)
		case n == left:
			return sentAll, nil
		case n == 0:
			return sendFailed, errSegmentEnded
		}
	}
}

// sendSome makes one send call; left is what the piece still had before it.
func (t *transmitter) sendSome(j *Job) (n, left int, errno unix.Errno) {
	at, r, s := &j.cursor, &j.response, j.conn.socket
	startNs := j.conn.env.now()
	if j.sampled {
		j.lastSendNs = startNs
	}
	if at.inRegion {
		region := r.cuts[at.region].region
		left = int(region.LengthBytes - at.done)
		t.calls++
		t.blocked.begin(j)
		n, errno = t.mover.move(s, region.File.Fd(), region.OffsetBytes+at.done, capped(left, t.capBytes))
		t.counters.own.BlockedNs += t.blocked.end(j)
	} else {
		piece := r.bytesBefore(at.region)[at.done:]
		if len(piece) == 0 {
			return 0, 0, 0
		}
		left = len(piece)
		n, errno = s.send(piece, at.region < len(r.cuts))
	}
	t.counters.sent(n, j.conn.env.now()-startNs)
	return n, left, errno
}

// capped bounds n by a cap, 0 being none.
func capped(n, capBytes int) int {
	if capBytes == 0 {
		return n
	}
	return min(n, capBytes)
}

// unsentBytes is what the kernel still holds of what was sent on a descriptor
// (SIOCOUTQ); closing while the peer sends would destroy it.
func unsentBytes(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}
