package models

import (
	"cmp"
	"errors"
	"fmt"

	"c10klab/internal/clock"
	"c10klab/internal/osthread"
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
	begun    bool // a send call was made
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

// transmitter sends responses on one thread.
type transmitter struct {
	mover    mover
	counters *threadCounters
	capBytes int // of one send call of file bytes; 0: no bound
	perTurn  int // send calls of file bytes; 0: no bound
	calls    int // of the turn so far
	blocked  blockedTime
	endNs    int64 // when the newest send call ended
}

// newTransmitter makes one for an executor that serves one connection.
func (e *env) newTransmitter(counters *threadCounters) transmitter {
	return transmitter{mover: e.send.mover(), counters: counters, capBytes: e.sendCapBytes()}
}

// newTurnTransmitter makes one for a locked thread that many connections share, none
// of whose sockets waits.
func (e *env) newTurnTransmitter(counters *threadCounters) transmitter {
	t := e.newTransmitter(counters)
	t.bound(e, &e.send)
	t.blocked = blockedTime{env: e, on: e.recordsBlocked() || e.send.probes}
	return t
}

// bound sets what one send call, and one turn, may move under a strategy.
func (t *transmitter) bound(e *env, s *Send) {
	t.capBytes, t.perTurn = cmp.Or(e.config.SendCapBytes, s.capBytes), e.config.SendsPerTurn
	if s.chunked {
		t.perTurn = 1
	}
}

// sendCapBytes is the bound of one send call of file bytes; 0: none.
func (e *env) sendCapBytes() int { return cmp.Or(e.config.SendCapBytes, e.send.capBytes) }

// send goes on with a response from its cursor until all is sent, the socket is
// full or the turn is used up. The caller owns the job and has its connection's turn.
func (t *transmitter) send(j *Job) sendStatus {
	if !j.cursor.begun {
		t.begin(j)
		if t.sentAtOnce(j) {
			return sentAll
		}
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
			j.stamps[stage.LastByte] = t.endNs
			return sentAll
		}
		t.nextPiece(j)
	}
}

// begin stamps the beginning of a response's first send call. A delay planted in Send is
// put before the bytes go, since a client has its answer by the stage's end.
func (t *transmitter) begin(j *Job) {
	j.cursor.begun = true
	j.reach(stage.FirstWrite)
	j.conn.env.plant.In(stage.Send)
}

// sentAtOnce takes the short way of nearly all responses that carry no file bytes:
// one call that takes everything. It leaves the rest to the long way.
func (t *transmitter) sentAtOnce(j *Job) bool {
	r, c := &j.response, j.conn
	if len(r.cuts) > 0 || c.dead.Load() {
		return false
	}
	if j.sampled {
		j.lastSendNs = clock.Now()
	}
	n, errno := c.socket.send(r.Buf, false)
	t.endNs = c.env.now()
	t.counters.sent(n, t.endNs-j.stamps[stage.FirstWrite])
	j.cursor.done = int64(n)
	if errno != 0 || n < len(r.Buf) {
		return false
	}
	j.stamps[stage.LastByte] = t.endNs
	return true
}

// skipSending stamps a job that has no answer as if it had been sent at once.
func (j *Job) skipSending() {
	j.reachAtOnce(stage.FirstWrite)
	j.reachAtOnce(stage.LastByte)
}

// nextPiece moves the cursor on; a region just sent gives its file back.
func (t *transmitter) nextPiece(j *Job) {
	at := &j.cursor
	if at.inRegion {
		j.response.cuts[at.region].region.File.Release()
		t.blocked.awake = false
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
		n = left
		if t.capBytes > 0 {
			n = min(n, t.capBytes)
		}
		t.calls++
		t.blocked.begin(j)
		n, errno = t.mover.move(s, region.File.Fd(), region.OffsetBytes+at.done, n)
		t.counters.own.BlockedNs += t.blocked.end(j)
	} else {
		piece := r.bytesBefore(at.region)[at.done:]
		if len(piece) == 0 {
			return 0, 0, 0
		}
		left = len(piece)
		n, errno = s.send(piece, at.region < len(r.cuts))
	}
	t.endNs = j.conn.env.now()
	t.counters.sent(n, t.endNs-startNs)
	return n, left, errno
}

// blockedTime measures, on one locked thread whose sockets do not wait, how long
// send calls of file bytes sleep: that is the disk's doing.
type blockedTime struct {
	env     *env
	on      bool
	meter   *osthread.BlockedMeter // made by the thread's first measurement
	hint    int                    // the thread's number, for recorders
	ns      int64                  // of the send calls in the present turn
	awake   bool                   // the thread has not slept since the last measurement's end
	skips   bool                   // nothing is measured in the present turn
	follows bool                   // the next turn comes straight after this one
}

// recordsBlocked reports whether BlockedOnDisk is recorded of every send call.
func (e *env) recordsBlocked() bool { return e.config.BlockedTime && e.stages != nil }

// newTurn begins a turn of send calls; with follows, straight after another.
func (b *blockedTime) newTurn() {
	b.ns, b.awake, b.follows = 0, b.awake && b.follows, false
}

// begin starts a measurement; one that goes on from the last call's end needs
// nothing for it.
func (b *blockedTime) begin(j *Job) {
	if !b.on || b.skips || b.awake {
		return
	}
	if b.meter == nil {
		meter, err := osthread.NewBlockedMeter()
		if err != nil {
			b.on = false
			j.conn.env.log("BlockedOnDisk is not measured on one thread: %v", err)
			return
		}
		b.meter = meter
	}
	b.meter.Begin()
}

// end returns what the call slept, 0 where that is not measured.
func (b *blockedTime) end(j *Job) (ns int64) {
	if !b.on || b.skips {
		return 0
	}
	ns = b.meter.EndNs()
	b.ns += ns
	b.awake = b.meter.Awake()
	if b.env.recordsBlocked() {
		b.env.stages.Blocked(b.hint, j.class, ns)
	}
	return ns
}

// close gives back what the thread's transmitter holds.
func (t *transmitter) close() {
	if t.blocked.meter != nil {
		t.blocked.meter.Close()
	}
}
