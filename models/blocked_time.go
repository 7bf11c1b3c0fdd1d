package models

import "c10klab/internal/osthread"

// blockedTime measures, on one locked thread whose sockets do not wait, how long
// send calls of file bytes sleep: that is the disk's doing.
type blockedTime struct {
	env     *env
	on      bool
	meter   *osthread.BlockedMeter // made by the thread's first measurement
	hint    int                    // the thread's number, for recorders
	ns      int64                  // of the send calls in the present turn
	going   bool                   // the thread has not slept since the last measurement's end
	pass    bool                   // nothing is measured in the present turn
	follows bool                   // the next turn comes straight after this one
}

// recordsBlocked reports whether BlockedOnDisk is recorded of every send call.
func (e *env) recordsBlocked() bool { return e.config.BlockedTime && e.stages != nil }

// newTurn begins a turn of send calls; with follows, straight after another.
func (b *blockedTime) newTurn() {
	b.ns, b.going, b.follows = 0, b.going && b.follows, false
}

// interrupted says that the thread does something between two calls that may sleep.
func (b *blockedTime) interrupted() { b.going = false }

// begin starts a measurement; one that goes on from the last call's end needs
// nothing for it.
func (b *blockedTime) begin(j *Job) {
	if !b.on || b.pass || b.going {
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
	if !b.on || b.pass {
		return 0
	}
	ns = b.meter.EndNs()
	b.ns += ns
	b.going = b.meter.Awake()
	if b.env.recordsBlocked() {
		b.env.stages.Blocked(b.hint, j.class, ns)
	}
	return ns
}

func (b *blockedTime) close() {
	if b.meter != nil {
		b.meter.Close()
	}
}
