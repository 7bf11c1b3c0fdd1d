package models

import (
	"sync/atomic"

	"c10klab/internal/poll"
	"c10klab/internal/stage"
)

// mailbox is how other threads reach a loop: the response queue, jobs that come
// back from threads that sent, and connections that may be read again.
type mailbox struct {
	waiting   atomic.Bool // there may be mail, or a new connection
	mu        poll.Mutex
	responses []*Job // complete, not yet offered to the sequencer
	longest   int    // most responses since forgetLongest
	returned  []*Job // with an errand
	unmuted   []*conn
	resumed   bool // the request that the loop waited with is in the queue
	// spares are the slices emptied by the last turn.
	spareResponses, spareReturned []*Job
	spareUnmuted                  []*conn
}

// errand is what the loop shall do with a job that comes back to it.
type errand int

const (
	sendNow          errand = iota // it has the turn; send it
	sendWhenWritable               // partly sent; the socket was full
	reap                           // sent to the last byte
	endMuted                       // ended, but for muting the connection
	abandon                        // sending failed; Job.hangUp says why
)

// respond takes a complete response: on the loop's own thread, which is inside a
// handler, it is sent in this turn; from other threads it goes to the response queue,
// unless handlers write.
func (l *loop) respond(j *Job) {
	switch {
	case !j.inHandler:
		l.enqueueResponse(j)
	case l.inline:
		l.answerInTurn(j)
	case j.refused:
		l.answer(j)
	case l.env.writtenByHandler(j):
		l.answerOnHandler(j)
	default:
		l.enqueueResponse(j)
	}
}

func (l *loop) enqueueResponse(j *Job) {
	l = l.sending()
	l.mail.mu.Lock()
	l.mail.responses = append(l.mail.responses, j)
	l.mail.longest = max(l.mail.longest, len(l.mail.responses))
	l.mail.mu.Unlock()
	l.mailed()
}

// giveBack returns a job with its errand to the thread that sends for the loop.
// Threads that send call it.
func (l *loop) giveBack(j *Job) { l.sending().mailJob(j) }

// mailJob puts a job with its errand into the loop's mailbox.
func (l *loop) mailJob(j *Job) {
	l.mail.mu.Lock()
	l.mail.returned = append(l.mail.returned, j)
	l.mail.mu.Unlock()
	l.mailed()
}

// unmute tells the loop that a connection with something to read owes one answer
// less. The caller still holds a reference to the connection.
func (l *loop) unmute(c *conn) {
	c.retain()
	l.mail.mu.Lock()
	l.mail.unmuted = append(l.mail.unmuted, c)
	l.mail.mu.Unlock()
	l.mailed()
}

func (l *loop) mailed() {
	l.mail.waiting.Store(true)
	l.wakeUp()
}

func (l *loop) takeMail() {
	m := &l.mail
	m.mu.Lock()
	responses, returned, unmuted := m.responses, m.returned, m.unmuted
	resumed := m.resumed
	m.responses, m.returned, m.unmuted = m.spareResponses[:0], m.spareReturned[:0], m.spareUnmuted[:0]
	m.resumed = false
	m.mu.Unlock()
	if resumed {
		l.resume()
	}
	for i, j := range responses {
		responses[i] = nil
		l.answer(j)
	}
	for i, j := range returned {
		returned[i] = nil
		l.run(j)
	}
	for i, c := range unmuted {
		unmuted[i] = nil
		l.markReady(c)
		c.release()
	}
	m.spareResponses, m.spareReturned, m.spareUnmuted = responses, returned, unmuted
}

// answer offers a complete response to its connection's order and sends it when
// its turn has come. The loop's thread only.
func (l *loop) answer(j *Job) {
	switch j.conn.order.offer(j) {
	case mySend:
		l.sendFrom(j)
	case dropped:
		j.free()
	}
}

// run does what a returned job asks for.
func (l *loop) run(j *Job) {
	c := j.conn
	if c.dead.Load() {
		j.free()
		return
	}
	switch j.errand {
	case sendNow:
		l.sendFrom(j)
	case reap:
		if next := l.sent(j); next != nil {
			l.sendFrom(next)
		}
	case abandon:
		l.breakOff(j)
	case endMuted:
		l.endMuted(j)
	case sendWhenWritable:
		if c.writable {
			l.sendFrom(j)
		} else {
			l.awaitWritable(j)
		}
	}
}

// sendFrom sends a response that has the turn, and those behind it that are
// complete, until one has to wait or goes to another thread.
func (l *loop) sendFrom(j *Job) {
	for j != nil && l.sendOne(j) {
		if j.response.afterSent == nil {
			j.stamps[stage.Reaped] = j.stamps[stage.LastByte] // nothing lies between
		}
		j = l.sent(j)
	}
}

// sendOne reports whether the response was sent to its last byte by now.
func (l *loop) sendOne(j *Job) bool {
	c := j.conn
	l.receiver.freshNs = 0
	l.dequeue(j)
	if j.silent {
		j.skipSending()
		return true
	}
	here := l.sendsItself(j)
	if j.hangUp != nil {
		l.breakOff(j)
		return false
	}
	c.writable = false
	if j.response.hasRegions() {
		l.wakeHandlers() // the send may block
	}
	if !here {
		j.leave()
		l.offload.submit(j)
		return false
	}
	if j.stamps[stage.FirstWrite] == 0 && l.residency == nil && !l.env.plant.Planted(stage.SendWait) {
		j.stamps[stage.FirstWrite] = j.stamps[stage.ResponseDequeued] // nothing lies between
	}
	switch l.sendHere(j) {
	case sentAll:
		return true
	case sendAgain:
		l.awaitWritable(j)
	case sendYield:
		j.leave() // the mailbox has it, where the connection's end does not look
		j.errand = sendNow
		l.giveBack(j)
	case sendFailed:
		l.breakOff(j)
	}
	return false
}

// awaitWritable keeps a response until the socket has room.
func (l *loop) awaitWritable(j *Job) {
	j.conn.waiting = j
	if l.reader != nil {
		l.watch(j.conn)
	}
}

// breakOff closes the connection of a job that cannot be answered.
func (l *loop) breakOff(j *Job) {
	if l.reader != nil {
		j.errand = abandon
		l.reader.mailJob(j)
		return
	}
	l.kill(j.conn, j.hangUp)
	j.free()
}

// sendsItself reports whether this thread sends the response, or the next chunk of
// its file bytes. A file that cannot be asked ends the connection (Job.hangUp).
func (l *loop) sendsItself(j *Job) bool {
	if l.offload == nil || !j.response.hasRegions() {
		return true
	}
	if l.residency == nil || j.hangUp != nil {
		return false
	}
	hot, err := l.residency.hot(j)
	j.hangUp = err
	return hot
}

// sendHere sends on the loop's thread until the response is sent or the socket is
// full; where network threads send only chunks that the page cache holds, until one
// is not held, or after one chunk if a turn is bounded.
func (l *loop) sendHere(j *Job) sendStatus {
	if l.residency == nil {
		return l.transmit.send(j)
	}
	for {
		l.transmit.capBytes = l.residency.chunk
		l.transmit.blocked.pass = !l.env.recordsBlocked() && l.residency.unwatched()
		status := l.transmit.send(j)
		l.residency.sent(l.transmit.blocked.ns)
		if status != sendYield || l.env.config.SendsPerTurn > 0 || !l.sendsItself(j) {
			return status
		}
		l.transmit.blocked.follows = true
	}
}

// dequeue stamps the instant at which the thread that sends took the response.
func (l *loop) dequeue(j *Job) {
	if j.stamps[stage.ResponseDequeued] == 0 {
		l.env.plant.In(stage.ResponseQueue)
		j.stamp(stage.ResponseDequeued)
	}
}

// sent ends a job and returns the connection's next response if it is complete.
func (l *loop) sent(j *Job) *Job {
	c := j.conn
	if l.reader != nil {
		return endElsewhere(j, l.thread.Index)
	}
	j.announce()
	next := c.order.advance()
	c.endedHere++
	if j.response.mutedUntilNs != 0 {
		l.mute(c, j.response.mutedUntilNs)
	}
	l.env.finish(j, l.thread.Index)
	j.freeHere()
	if c.readable.Load() || c.input.ended || c.failure != nil || l.env.stopping.Load() {
		l.markReady(c)
	}
	return next
}
