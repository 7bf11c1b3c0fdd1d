package models

import (
	"c10klab/internal/poll"
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
	handler  *handlerSender // of the handler thread that has the job
	next     *Job           // in a sequencer's parked list or a free list
	// justRead: the newest receive brought the last byte, and the reading thread has done
	// nothing since.
	justRead bool
	// inHandler is true from the call of Handle until the handler gives the job
	// away; then completion happens on the handler's own thread.
	inHandler bool
	refused   bool  // the request queue was full; the receiving thread answers
	sending   bool  // in the request queue for its response to be sent on
	silent    bool  // no answer is due
	away      bool  // other threads than the reading one may have it
	claimed   int   // of the memory for long requests
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
	j := c.jobs.pop()
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

// free ends the job; regions that were not sent are released. Any thread that owns the job
// may call it.
func (j *Job) free() { j.end((*freeJobs).give) }

// freeHere is free on the thread that reads the connection.
func (j *Job) freeHere() { j.end((*freeJobs).push) }

// leave must be called before another thread than the reading one can have the
// job: it keeps the connection's descriptor open until the job is freed.
func (j *Job) leave() {
	if !j.away {
		j.away = true
		j.conn.retain()
	}
}

func (j *Job) end(giveBack func(*freeJobs, *Job)) {
	j.response.release(j.cursor.region)
	j.response.afterSent = nil
	if j.buffer != nil && len(j.buffer.bytes) > keptBufferBytes {
		j.buffer.free()
		j.buffer = nil
	}
	if cap(j.response.Buf) > keptResponseBytes {
		j.response.Buf = nil
	}
	c, away := j.conn, j.away
	if j.claimed > 0 {
		c.env.requests.release(j.claimed)
		j.claimed = 0
	}
	j.frame, j.conn, j.away = nil, nil, false
	giveBack(c.jobs, j)
	if away {
		c.release()
	}
}

// Frame is the request without its length. The owner may change it in place; it
// is valid until the job is given away.
func (j *Job) Frame() []byte { return j.frame }

// Connection is the number of the connection that the request came on, unique
// among those of a server.
func (j *Job) Connection() int { return j.conn.id }

// Response is the answer to fill.
func (j *Job) Response() *Response { return &j.response }

// Abandoned reports that the connection is gone, so that nobody will read the
// answer. The owner still has to call one of the Respond methods.
func (j *Job) Abandoned() bool { return j.conn.dead.Load() || j.conn.gone.Load() }

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
	j.reach(stage.LocalDone)
	j.inHandler = false
}

// complete gives the job to whoever owns its connection.
func (j *Job) complete() {
	j.reach(stage.LocalDone)
	if j.inHandler {
		j.reachAtOnce(stage.ResponseComplete)
	} else {
		j.reach(stage.ResponseComplete)
	}
	j.conn.owner.respond(j)
}

// announce calls back who asked to know that the response was sent. The caller
// still has the connection's turn, so callbacks come in request order.
func (j *Job) announce() {
	if call := j.response.afterSent; call != nil && !j.silent {
		call()
	}
}

// freeJobs are used jobs for the connections that one thread reads. That thread
// takes and gives back without a lock; other threads give back under one, and the
// reading thread fetches all they gave when its own are used up.
type freeJobs struct {
	own *Job // linked by next

	mu    poll.Mutex
	given *Job
}

// pop takes a job, nil when there is none. The reading thread only.
func (f *freeJobs) pop() *Job {
	if f.own == nil {
		f.mu.Lock()
		f.own, f.given = f.given, nil
		f.mu.Unlock()
	}
	j := f.own
	if j != nil {
		f.own, j.next = j.next, nil
	}
	return j
}

// push gives a job back. The reading thread only.
func (f *freeJobs) push(j *Job) { j.next, f.own = f.own, j }

// give gives a job back from any thread.
func (f *freeJobs) give(j *Job) {
	f.mu.Lock()
	j.next, f.given = f.given, j
	f.mu.Unlock()
}
