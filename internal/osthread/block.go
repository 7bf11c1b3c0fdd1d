package osthread

import (
	"runtime"
	"time"

	"c10klab/internal/clock"
)

// passEvery is well below the 10 ms after which the runtime's monitor calls a
// goroutine long-running.
const passEvery = int64(6 * time.Millisecond)

// AboutToBlock must be called by the thread itself before system calls that may
// sleep, where it makes thousands of them a second: a sendfile counts, though its
// pages are in memory.
//
// A locked goroutine that only enters and leaves system calls never passes the Go
// scheduler. After 10 ms the runtime's monitor (sysmon; retake in proc.go of Go
// 1.26) takes it for long-running and from then on takes its P away the moment it
// blocks, looking for such Ps every 20 µs: measured here, a tenth of a core for one
// loop and one handler, a tenth of the rate of hot fetches. Passing the scheduler now
// and then keeps the monitor asleep. It costs about 15 µs.
func (t *Thread) AboutToBlock() {
	now := clock.Now()
	if now-t.passedNs < passEvery {
		return
	}
	t.passedNs = now
	runtime.Gosched()
}
