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

// Offset converts kernel receive stamps, which are CLOCK_REALTIME, to
// CLOCK_MONOTONIC. Sample refreshes it; any thread may read it.
type Offset struct {
	realMinusMonotonicNs atomic.Int64
	steps                atomic.Int64
}

// stepNs is the change between two samples that counts as a clock step and not
// as the slewing of a time daemon.
const stepNs = int64(time.Millisecond)

// samplesPerReading is how many bracketed readings a sample takes; the
// narrowest bracket has the least preemption in it.
const samplesPerReading = 5

// Sample measures the offset anew and counts a step when it moved by more than
// 1 ms. One thread at a time calls it, once a second is enough.
func (o *Offset) Sample() {
	best, width := int64(0), int64(1<<62)
	for range samplesPerReading {
		before := Now()
		var real unix.Timespec
		if unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil {
			return
		}
		after := Now()
		if after-before < width {
			width = after - before
			best = real.Nano() - (before + width/2)
		}
	}
	old := o.realMinusMonotonicNs.Swap(best)
	if moved := best - old; old != 0 && (moved > stepNs || moved < -stepNs) {
		o.steps.Add(1)
	}
}

// Monotonic converts a CLOCK_REALTIME stamp.
func (o *Offset) Monotonic(realNs int64) int64 { return realNs - o.realMinusMonotonicNs.Load() }

// Real converts a CLOCK_MONOTONIC stamp to CLOCK_REALTIME.
func (o *Offset) Real(monotonicNs int64) int64 { return monotonicNs + o.realMinusMonotonicNs.Load() }

// Steps counts the jumps of CLOCK_REALTIME seen between samples.
func (o *Offset) Steps() int64 { return o.steps.Load() }
