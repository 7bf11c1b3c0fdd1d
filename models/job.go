package models

import (
	"c10klab/internal/clock"
	"c10klab/internal/stage"
)

// Job is one request's life, from its first byte read to its last byte sent. It
// has one owner at a time, and ownership moves only through a queue or a call
// that says so.
type Job struct {
	conn     *conn
	frame    []byte
	buffer   *buffer
	class    stage.Class
	sequence uint64 // position among the connection's requests
	stamps   stage.Stamps
	response Response
	cursor   cursor
	writer   *handlerWriter // of the handler thread that has the job
	errand   errand         // what the loop shall do with a job that comes back to it
	next     *Job           // in a sequencer's parked list or a loop's spare list
	// inHandler is true from the call of Handle until the handler gives the job
	// away; then completion happens on the handler's own thread.
	inHandler bool
	refused   bool  // the request queue was full; the receiving thread answers
	sending   bool  // in the request queue for its response to be sent on
	silent    bool  // no answer is due
	away      bool  // other threads than the reading one may have it
	hangUp    error // close the connection instead of answering
	// sampled: the stamps are kept whole, under the correlation id, with the instant
	// at which the newest send call began.
	sampled       bool
	correlationID int32
	lastSendNs    int64
}

// newJob takes a job for a frame of the connection; the caller owns it and runs
// on the thread that reads the connection.
func newJob(c *conn) *Job {
	j := c.spares.pop()
	if j == nil {
		j = new(Job)
	}
	j.conn = c
	if c.env.stages != nil {
		j.stamps = stage.Stamps{}
	}
	j.silent, j.refused, j.sampled, j.hangUp = false, false, false, nil
	j.cursor = cursor{}
	j.response.reset()
	return j
}

// fit gives the job a buffer of at least n bytes.
func (j *Job) fit(n int) {
	if j.buffer == nil || len(j.buffer.bytes) < n {
		j.buffer.free()
		j.buffer = newBuffer(n)
	}
}

// free ends the job. Regions that were not sent are released. Any thread that
// owns the job may call it.
func (j *Job) free() {
	c, away := j.clear()
	c.spares.give(j)
	if away {
		c.release()
	}
}

// freeHere is free on the thread that reads the connection.
func (j *Job) freeHere() {
	c, away := j.clear()
	c.spares.push(j)
	if away {
		c.release()
	}
}

// leave must be called before another thread than the reading one can have the
// job: it keeps the connection's descriptor open until the job is freed.
func (j *Job) leave() {
	if !j.away {
		j.away = true
		j.conn.retain()
	}
}

// clear empties the job and returns its connection, and whether it still holds a
// reference to it.
func (j *Job) clear() (c *conn, away bool) {
	j.response.release(j.cursor.region)
	j.response.afterSent = nil
	if j.buffer != nil && len(j.buffer.bytes) > keptBufferBytes {
		j.buffer.free()
		j.buffer = nil
	}
	if cap(j.response.Buf) > keptResponseBytes {
		j.response.Buf = nil
	}
	c, away = j.conn, j.away
	j.frame, j.conn, j.away = nil, nil, false
	return c, away
}

// stamp does nothing with stages off: all stamps stay zero.
func (j *Job) stamp(b stage.Boundary) {
	if j.conn.env.stages != nil {
		j.stamps[b] = clock.Now()
	}
}

// Frame is the request without its length. The owner may change it in place; it
// is valid until the job is given away.
func (j *Job) Frame() []byte { return j.frame }

// Class is what the service's Classify said of the frame.
func (j *Job) Class() stage.Class { return j.class }

// Connection is the number of the connection that the request came on, unique
// among those of a server.
func (j *Job) Connection() int { return j.conn.id }

// Response is the answer to fill.
func (j *Job) Response() *Response { return &j.response }

// Abandoned reports that the connection is gone, so that nobody will read the
// answer. The owner still has to call one of the Respond methods.
func (j *Job) Abandoned() bool { return j.conn.dead.Load() }

// Respond completes the response and gives the job away. Any thread that owns
// the job may call it; it may send the response on the calling thread.
func (j *Job) Respond() {
	if j.conn.env.send.onHandlers == warmRegions {
		j.conn.env.prewarm(j)
	}
	j.response.seal()
	j.complete()
}

// RespondNothing ends a request that has no answer, such as Produce with acks=0.
func (j *Job) RespondNothing() {
	j.silent = true
	j.complete()
}

// HangUp closes the connection once all earlier requests are answered. The
// reason goes to the server's log.
func (j *Job) HangUp(reason error) {
	j.hangUp = reason
	j.complete()
}

// Delay says that Handle will return without an answer and that another thread
// will give it: local processing is over. It must be called before another
// thread can reach the job.
func (j *Job) Delay() {
	j.leave()
	plant := &j.conn.env.plant
	plant.In(stage.LocalTime)
	j.stamp(stage.LocalDone)
	j.inHandler = false
}

func (j *Job) complete() {
	plant := &j.conn.env.plant
	if j.stamps[stage.LocalDone] == 0 {
		if !j.refused { // which no handler works on
			plant.In(stage.LocalTime)
		}
		j.stamp(stage.LocalDone)
	}
	j.stamps[stage.ResponseComplete] = j.stamps[stage.LocalDone]
	if !j.inHandler || plant.Planted(stage.RemoteTime) {
		plant.In(stage.RemoteTime)
		j.stamp(stage.ResponseComplete)
	}
	j.conn.home.respond(j)
}

// handle runs the service on the calling thread, which took the job from a queue.
func (e *env) handle(j *Job) {
	e.plant.In(stage.RequestQueue)
	j.stamp(stage.Dequeued)
	j.inHandler = true
	e.service.Handle(j)
}

// handleHere runs the service on the thread that received the request: there is
// no queue, so the times of entering and leaving it are equal.
func (e *env) handleHere(j *Job) {
	if j.stamps[stage.EnqueueStart] == 0 || e.plant.Planted(stage.Dispatch) {
		e.plant.In(stage.Dispatch)
		j.stamp(stage.EnqueueStart)
	}
	j.stamps[stage.Dequeued] = j.stamps[stage.EnqueueStart]
	if e.plant.Planted(stage.RequestQueue) {
		e.handle(j)
		return
	}
	j.inHandler = true
	e.service.Handle(j)
}

// finish accounts a job that was sent, or needed nothing sent. The caller is the
// job's owner and frees it; thread is the number of the calling thread.
func (e *env) finish(j *Job, thread int) {
	if e.stages == nil {
		return
	}
	if j.stamps[stage.Reaped] == 0 || e.plant.Planted(stage.Reap) {
		e.plant.In(stage.Reap)
		j.stamp(stage.Reaped)
	}
	e.stages.Finished(thread, j.class, &j.stamps)
	if j.sampled {
		e.stages.Keep(stage.Sampled{ID: j.correlationID, Class: j.class, LastSendNs: j.lastSendNs, Stamps: j.stamps})
	}
}

// pick decides whether the request is sampled.
func (j *Job) pick() {
	e := j.conn.env
	if id, known := e.identifier.CorrelationID(j.frame); known && e.stages.Picks(id) {
		j.sampled, j.correlationID, j.lastSendNs = true, id, 0
	}
}

// announce calls back who asked to know that the response was sent. The caller
// still has the connection's turn, so callbacks come in request order.
func (j *Job) announce() {
	if call := j.response.afterSent; call != nil && !j.silent {
		call()
	}
}

// skipSending stamps a job that has no answer as if it had been sent at once.
func (j *Job) skipSending() {
	j.stamps[stage.FirstWrite] = j.stamps[stage.ResponseDequeued]
	j.stamps[stage.LastByte] = j.stamps[stage.ResponseDequeued]
}
