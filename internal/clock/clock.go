// Package clock reads the one clock behind every stamp: raw CLOCK_MONOTONIC in
// nanoseconds, comparable between all processes of a host (clock_gettime(2)).
package clock

import (
	"sync/atomic"
	"time"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"
)

// nanotime is the runtime's vDSO read of CLOCK_MONOTONIC (about 20 ns); time.Now
// reads two clocks and hides the raw value.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Now returns CLOCK_MONOTONIC in nanoseconds. Any thread may call it.
func Now() int64 { return nanotime() }

// ThreadCPU is the processor time that the calling thread has used since it began, in
// nanoseconds (CLOCK_THREAD_CPUTIME_ID; a system call). Readings of one thread only
// compare, so the goroutine is locked to it.
func ThreadCPU() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic("clock_gettime of the thread's processor time: " + err.Error()) // every Linux has it
	}
	return t.Nano()
}

// Offset converts kernel receive stamps, which are CLOCK_REALTIME, to
// CLOCK_MONOTONIC. Sample refreshes it; any thread may read it.
type Offset struct {
	realMinusMonotonicNs atomic.Int64
	errorNs              atomic.Int64
	steps                atomic.Int64
}

// stepNs is the change between two samples that counts as a clock step and not
// as the slewing of a time daemon.
const stepNs = int64(time.Millisecond)

// samplesPerReading is how many bracketed readings a sample takes; the
// narrowest bracket has the least preemption in it.
const samplesPerReading = 5

// Sample measures the offset and counts a step when it moved by more than 1 ms. A
// reading that agrees with an earlier, narrower one leaves that in place. One thread
// at a time calls it.
func (o *Offset) Sample() {
	offset, errorNs := readOffset()
	old, oldErrorNs := o.realMinusMonotonicNs.Load(), o.errorNs.Load()
	moved := max(offset-old, old-offset)
	if old != 0 && moved <= errorNs+oldErrorNs && oldErrorNs <= errorNs {
		return
	}
	o.realMinusMonotonicNs.Store(offset)
	o.errorNs.Store(errorNs)
	if old != 0 && moved > stepNs {
		o.steps.Add(1)
	}
}

// readOffset reads CLOCK_REALTIME between two readings of CLOCK_MONOTONIC; half of
// the time between these bounds the error.
func readOffset() (offset, errorNs int64) {
	width := int64(1 << 62)
	for range samplesPerReading {
		before := Now()
		var real unix.Timespec
		// CLOCK_REALTIME is always there.
		_ = unix.ClockGettime(unix.CLOCK_REALTIME, &real)
		if after := Now(); after-before < width {
			width = after - before
			offset = real.Nano() - (before + width/2)
		}
	}
	return offset, (width + 1) / 2
}

// ErrorNs bounds how wrong conversions are.
func (o *Offset) ErrorNs() int64 { return o.errorNs.Load() }

// Monotonic converts a CLOCK_REALTIME stamp.
func (o *Offset) Monotonic(realNs int64) int64 { return realNs - o.realMinusMonotonicNs.Load() }

// Real converts a CLOCK_MONOTONIC stamp to CLOCK_REALTIME.
func (o *Offset) Real(monotonicNs int64) int64 { return monotonicNs + o.realMinusMonotonicNs.Load() }

// Steps counts the jumps of CLOCK_REALTIME seen between samples.
func (o *Offset) Steps() int64 { return o.steps.Load() }
