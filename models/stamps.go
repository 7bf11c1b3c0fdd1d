package models

import (
	"c10klab/internal/clock"
	"c10klab/internal/stage"
)

// now reads the clock, unless no stage is recorded.
func (e *env) now() int64 {
	if e.stages == nil {
		return 0
	}
	return clock.Now()
}

// reach stamps a boundary of the request's life with the present instant, unless it was
// reached before; a delay planted in the stage that ends there comes first. The job's
// owner calls it. With stages off all stamps stay zero.
func (j *Job) reach(b stage.Boundary) {
	if j.stamps[b] != 0 {
		return
	}
	e := j.conn.env
	if !j.refused { // nobody works on it any more
		e.plant.In(stage.Stage(b - 1))
	}
	j.stamps[b] = e.now()
}

// reachAtOnce stamps a boundary with the instant of the one before: nothing lies between
// but a delay that is planted there.
func (j *Job) reachAtOnce(b stage.Boundary) { j.reachAt(b, j.stamps[b-1]) }

// reachAt stamps a boundary with an instant that the thread has just read from the clock;
// 0: it has not.
func (j *Job) reachAt(b stage.Boundary, ns int64) {
	if ns == 0 || j.conn.env.plant.Planted(stage.Stage(b-1)) {
		j.reach(b)
		return
	}
	if j.stamps[b] == 0 {
		j.stamps[b] = ns
	}
}

// instant is a reading of the clock since which its thread has done next to nothing, so
// that what begins now may begin with it; 0: there is none. Reading the clock is a tenth of
// what a loop does for an echo beside the system calls.
type instant int64

// take uses the reading up: what begins with it takes time.
func (i *instant) take() int64 {
	ns := *i
	*i = 0
	return int64(ns)
}

// drop says that the thread has done something that takes time.
func (i *instant) drop() { *i = 0 }

// finish records a job that was sent, or needed nothing sent, after announce. The caller
// is the job's owner and frees it; thread is the number of the calling thread.
func (e *env) finish(j *Job, thread int) {
	if e.stages == nil {
		return
	}
	j.reach(stage.Reaped)
	e.stages.Finished(thread, j.class, &j.stamps)
	if j.sampled {
		e.stages.Keep(stage.Sampled{ID: j.correlationID, Class: j.class, LastSendNs: j.lastSendNs, Stamps: j.stamps})
	}
}

// sample keeps the stamps whole if the rule at work picks the request.
func (j *Job) sample() {
	e := j.conn.env
	if !e.stages.Samples() || e.identifier == nil {
		return
	}
	if id, known := e.identifier.CorrelationID(j.frame); known && e.stages.Picks(id) {
		j.sampled, j.correlationID, j.lastSendNs = true, id, 0
	}
}
