package models

import "c10klab/internal/osthread"

// blockedTime measures, on one locked thread whose sockets do not wait, how long
// send calls of file bytes sleep: that is the disk's doing.
type blockedTime struct {
	env   *env
	on    bool
	meter *osthread.BlockedMeter // made by the thread's first measurement
	hint  int                    // the thread's number, for recorders
	ns    int64                  // of the send calls in the present turn
}

func (b *blockedTime) begin(j *Job) {
	if !b.on {
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

func (b *blockedTime) end(j *Job) {
	if !b.on {
		return
	}
	ns := b.meter.EndNs()
	b.ns += ns
	if b.env.config.BlockedTime {
		b.env.stages.Blocked(b.hint, j.class, ns)
	}
}

func (b *blockedTime) close() {
	if b.meter != nil {
		b.meter.Close()
	}
}
